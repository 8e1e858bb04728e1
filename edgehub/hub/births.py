"""Births: which gateways must be asked to say again who they are and what they have.

Asked is who sends events without a birth that fits them, and whose sequence has a gap that does not close: its
retained word, or the answer to a question, was lost on the way.

A life that speaks again after another one was born under its name is no restart: two gateways have one name, as they
have when a card was copied.
"""

from collections import deque
from dataclasses import dataclass

from edgehub.core.sequence import Received
from edgehub.core.wire import Epoch, Status

PATIENCE_S = 30.0
"""A gap closes by itself with the next resend, after 2 to 5 s; a birth may come after the first events."""
AGAIN_S = 300.0
"""No gateway is asked more often."""
LIVES = 8
"""Earlier lives of each gateway that are remembered: of two that take the name from each other, each is the last but one."""


@dataclass(frozen=True, slots=True)
class _Doubt:
    since: float
    watermark: int


class Births:
    """Watches what gateways say and send. Times are monotonic, s."""

    def __init__(self) -> None:
        self._born: dict[str, Status] = {}
        self._doubts: dict[tuple[str, str, int], _Doubt] = {}
        self._asked: dict[str, float] = {}
        self._lives: dict[str, deque[str]] = {}
        self._doubles: dict[str, float] = {}

    def take(self, gateway: str, status: Status, now: float) -> bool:
        """What a gateway says of itself, old deaths left out. True when it is news that there are two of them."""
        self._born[gateway] = status
        if status.state != "online":
            return False
        lives = self._lives.setdefault(gateway, deque(maxlen=LIVES))
        if status.start_id not in lives:
            lives.append(status.start_id)
        if status.start_id == lives[-1]:
            return False
        lives.remove(status.start_id)
        lives.append(status.start_id)
        last = self._doubles.get(gateway, now - AGAIN_S)
        self._doubles[gateway] = now
        return now - last >= AGAIN_S

    def see(self, gateway: str, epoch: Epoch, partition: int, got: Received, now: float) -> None:
        """What has arrived of a gateway's epoch."""
        key = gateway, epoch.nonce, partition
        if not got.ranges and self._is_born(gateway, epoch):
            self._doubts.pop(key, None)
            return
        doubt = self._doubts.get(key)
        if doubt is None or (got.ranges and doubt.watermark != got.watermark):
            self._doubts[key] = _Doubt(now, got.watermark)

    def due(self, now: float) -> list[str]:
        """Who must be asked now; they are not named again soon."""
        doubtful = {key[0] for key, doubt in self._doubts.items() if now - doubt.since > PATIENCE_S}
        due = sorted(one for one in doubtful if now - self._asked.get(one, -AGAIN_S) >= AGAIN_S)
        self._asked |= dict.fromkeys(due, now)
        self._doubts = {key: doubt for key, doubt in self._doubts.items() if key[0] not in due}
        return due

    def _is_born(self, gateway: str, epoch: Epoch) -> bool:
        status = self._born.get(gateway)
        return status is not None and status.epoch is not None and epoch.start <= status.epoch.start
