"""Distance: an order of magnitude with an honest interval, not a promise of metres.

In four of five public sets the best path-loss formula, even fitted, is within 10 % of answering one constant. So what a
level means is taken from what a venue is like: how many receivers hear the badge says how large it is, the part of the
level that all receivers share is mostly the badge's power, and what is left tells near from far.
"""

from typing import NamedTuple

# With one receiver: 1.7 m at -68 dBm, and 27 dB for ten times as far; between the free field (20) and a furnished room
# full of people (30 and more).
NEAR_M, NEAR_DBM, DECADE_DB = 1.7, -68.0, 27.0
# A venue heard by n receivers is as wide as n to this power: the square root, if each covered its own piece of floor,
# and a little more, since receivers stand along walls.
WIDTH_POWER = 0.6
# What all receivers share says less about distance the more they are, like any mean of n.
SHARED_POWER = 0.5
# One receiver's level against the mean of all: walls and bodies hide most of what distance does, so it counts half.
AGAINST_MEAN_DB = 55.0
# Four of five true distances of public recordings lie within these factors of the estimate.
LOW, HIGH = 0.45, 1.8
FARTHEST_M = 25.0

SMOOTH_S = 3.0  # a body turns in less, nobody walks far in it
TOGETHER_S = 10.0  # receivers that heard a badge within this hear it now
TELL_S = 1.0


class Distance(NamedTuple):
    """How far a badge may be from a receiver, m: the middle, and where four of five are."""

    d: float
    low: float
    high: float


class Distances:
    """One estimate per badge and receiver, at most once a second. Levels in dBm, decision time in s."""

    def __init__(self) -> None:
        self._levels: dict[str, dict[str, list[float]]] = {}
        """Badge → receiver → [level, heard at, told at]."""

    def hear(self, badge: str, receiver: str, level_dbm: float, at: float) -> Distance | None:
        """Take one packet; an estimate when the last one is a second old."""
        levels = self._levels.setdefault(badge, {})
        mine = levels.setdefault(receiver, [level_dbm, at, float("-inf")])
        elapsed = at - mine[1]
        mine[0] += (level_dbm - mine[0]) * elapsed / (elapsed + SMOOTH_S)
        mine[1] = at
        if at - mine[2] < TELL_S:
            return None
        mine[2] = at
        together = [level for level, heard, _ in levels.values() if at - heard <= TOGETHER_S]
        return estimate(mine[0], sum(together) / len(together), len(together))


def estimate(level_dbm: float, mean_dbm: float, receivers: int) -> Distance:
    """The distance from the level at one receiver, the mean over those that hear the badge, and their number."""
    width = NEAR_M * receivers**WIDTH_POWER
    shared = (NEAR_DBM - mean_dbm) / (DECADE_DB * receivers**SHARED_POWER)
    d = min(width * 10.0 ** (shared + (mean_dbm - level_dbm) / AGAINST_MEAN_DB), FARTHEST_M)
    return Distance(round(d, 2), round(LOW * d, 2), round(HIGH * d, 2))
