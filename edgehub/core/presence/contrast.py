"""Contrast: which zones a survey can tell apart, asked of readings it has not seen."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from edgehub.core.presence import lanes
from edgehub.core.presence.model import MOST_SENT, Model
from edgehub.core.presence.neighbourhood import Neighbourhood
from edgehub.core.presence.survey import Place, Reading, Survey
from edgehub.core.venue import Venue

# Readings a second apart are nearly the same one: a block of them is learned from or asked, never split.
BLOCK = 10


class Contrast(NamedTuple):
    """Of ``asked`` readings taken in one of the two zones, ``right`` sound more like their own."""

    one: str
    other: str
    right: int
    asked: int


def contrasts(venue: Venue, walks: Sequence[tuple[Place, Sequence[Reading]]]) -> list[Contrast]:
    """Every pair of walked zones, hardest first: half of the blocks are learned from, the other half asked, both ways."""
    right: defaultdict[tuple[str, str], int] = defaultdict(int)
    asked: defaultdict[tuple[str, str], int] = defaultdict(int)
    for half in (0, 1):
        ear = _Ear(venue, _blocks(walks, 1 - half))
        for place, readings in _blocks(walks, half):
            for mine, pair, won in ear.judge(place, readings):
                if mine is not None:
                    right[pair] += won
                    asked[pair] += 1
    found = [Contrast(*pair, right[pair], asked[pair]) for pair in asked]
    return sorted(found, key=lambda c: (c.right / c.asked, c.one, c.other))


def _blocks(walks: Iterable[tuple[Place, Sequence[Reading]]], half: int) -> Iterable[tuple[Place, Sequence[Reading]]]:
    for place, readings in walks:
        for start in range(half * BLOCK, len(readings), 2 * BLOCK):
            yield place, readings[start : start + BLOCK]


class _Ear:
    """A survey of half the walks, asked for the likelihood of each zone."""

    def __init__(self, venue: Venue, walks: Iterable[tuple[Place, Sequence[Reading]]]) -> None:
        survey = Survey()
        for place, readings in walks:
            survey.add(place, readings)
        model = Model.of(venue, survey, ())
        self._zones = sorted({place.zone for place in survey.places if place.zone is not None})
        self._near = Neighbourhood(model, model.places, frozenset(), None)

    def judge(self, place: Place, readings: Iterable[Reading]) -> Iterable[tuple[str | None, tuple[str, str], bool]]:
        """For each reading and each pair with its zone: did the right one win?"""
        for reading in readings:
            best = self._by_zone(reading)
            for pair in combinations(self._zones, 2):
                if place.zone in pair:
                    other = pair[1] if pair[0] == place.zone else pair[0]
                    yield place.zone, pair, best[place.zone] > best[other]

    def _by_zone(self, reading: Reading) -> Mapping[str | None, float]:
        best: dict[str | None, float] = {}
        heard = {name: (level_dbm, 1) for name, level_dbm in reading.levels.items()}
        row = self._near.unlikelihood(heard, min(reading.sent, MOST_SENT))
        for zone, unlikely in zip(self._near.zones, lanes.unpack(row, len(self._near.zones)), strict=True):
            best[zone] = max(-unlikely, best.get(zone, -unlikely))
        return best
