"""How often a bridge may be told something: at most so many commands in every window, wherever the window starts."""

from collections import deque


class Budget:
    """A limit that holds in *every* window of time as the bridge sees it.

    A command reaches the bridge somewhere between its sending and its answer. So a place is taken when a command is
    handed out and becomes free one window after its *answer*: of any ``limit + 1`` commands the last was sent a whole
    window after the first had arrived, however the network stretches them. A token bucket cannot promise that: it
    lets a full bucket and a second's refill through in one window.
    """

    def __init__(self, limit: int, window_s: float = 1.0) -> None:
        self._window_s = window_s
        self._limit = limit
        self._under_way = 0
        self._answered: deque[float] = deque(maxlen=limit)

    def free_at(self, *, urgent: bool = True) -> float | None:
        """From when on a command may be sent; None while that depends on an answer still to come.

        Of a limit of five and more, a fifth is left to urgent commands.
        """
        limit = self._limit if urgent else self._limit - self._limit // 5
        if self._under_way >= limit:
            return None
        held = limit - self._under_way  # answered ones that would fill the window
        if len(self._answered) < held:
            return float("-inf")
        return self._answered[-held] + self._window_s

    def take(self) -> None:
        """Count a command that is being sent."""
        self._under_way += 1

    def answered(self, now: float) -> None:
        """Count its answer, good or bad: a refused or lost command has been a command too."""
        self._under_way -= 1
        self._answered.append(now)


def light_budget(share: int) -> Budget:
    """Ten light commands a second and bridge, divided; more than ten gateways get less than one a second each."""
    return Budget(10 // share) if share <= 10 else Budget(1, share / 10)


def group_budget(share: int) -> Budget:
    """One group or scene command a second and bridge, divided."""
    return Budget(1, float(share))
