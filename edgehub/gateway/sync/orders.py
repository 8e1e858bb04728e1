"""Orders: what the hub wants done is done once, and only in time."""

from collections import Counter, deque
from collections.abc import Callable

from edgehub.core.wire import At, Command

REMEMBERED = 256
"""Commands that came are known again this long."""


class Orders:
    """Tells which commands to obey.

    Args:
        clock: this moment on the clocks of this machine; without one, no command is late.
    """

    def __init__(self, clock: Callable[[], At] | None) -> None:
        self._clock = clock
        self._obeyed: deque[str] = deque(maxlen=REMEMBERED)
        self.refused: Counter[str] = Counter()
        """How many had no effect, by reason; a repetition is none."""

    def take(self, command: Command, *, retained: bool) -> bool:
        """True when this is to be done now; what is kept for us at the broker was meant for an earlier moment."""
        late = self._clock is not None and self._clock().wall_us > command.not_after_us
        if command.id in self._obeyed:
            return False
        if retained or late or command.do != "rebirth":
            self.refused["retained" if retained else "late" if late else "unknown"] += 1
            return False
        self._obeyed.append(command.id)
        return True
