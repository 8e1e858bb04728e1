"""The recovery ladder of a deaf radio: what to try next, and how often it may be tried.

A new scanner cures most silences, a power cycle of the adapter a stalled controller, a restart of the Bluetooth
service the rest (bluez#904). Trying harder is not free: a power cycle cuts off every other user of the adapter, and a
venue at night is silent for good reasons. So each rung has a budget, and when all are spent the ladder waits.
"""

from collections import deque
from enum import Enum

from edgehub.core.data import dataclass


class Rung(Enum):
    """What to try against silence, from the mildest to the last."""

    WAIT = "wait"
    NEW_SCANNER = "new scanner"
    POWER_CYCLE = "power cycle"
    ASK_FOR_RESTART = "ask for restart"
    """Nothing of ours helped: start a new scanner again, and ask a person to restart Bluetooth."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How often something may be done."""

    times: int
    per_s: float
    apart_s: float = 0.0


NEW_SCANNERS = Allowance(times=12, per_s=3600.0)
"""A silent night costs one scanner every five minutes."""
POWER_CYCLES = Allowance(times=3, per_s=3600.0, apart_s=600.0)
"""At most one reset in 10 minutes (radio.md)."""


class Budget:
    """Counts what was done against an allowance, over a sliding window."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._done: deque[float] = deque(maxlen=allowance.times)

    def spend(self, now: float) -> bool:
        """Return whether it may be done at ``now`` (s), and count it if so."""
        allowance, done = self._allowance, self._done
        if done and now - done[-1] < allowance.apart_s:
            return False
        if len(done) == allowance.times and now - done[0] < allowance.per_s:
            return False
        done.append(now)
        return True


class Ladder:
    """Chooses the next rung each time the radio has been silent for the whole of its patience."""

    def __init__(self, scanners: Allowance = NEW_SCANNERS, cycles: Allowance = POWER_CYCLES) -> None:
        self._scanners = Budget(scanners)
        self._cycles = Budget(cycles)
        self._climbed = 0

    def heard(self) -> None:
        """Start at the bottom again: the radio hears."""
        self._climbed = 0

    def climb(self, now: float) -> Rung:
        """Return what to try against one more silence, at ``now`` in s."""
        self._climbed += 1
        if self._climbed >= 2 and self._cycles.spend(now):
            return Rung.POWER_CYCLE
        if not self._scanners.spend(now):
            return Rung.WAIT
        return Rung.NEW_SCANNER if self._climbed <= 2 else Rung.ASK_FOR_RESTART
