"""Telling: what a gateway says regularly, whether or not anybody came or went."""

from collections.abc import Collection

from edgehub.core.events import Effect, Moment, PublishLevels, PublishOccupancy, Record
from edgehub.core.following import Fixed, Following, Worn
from edgehub.core.reporter import Reporter
from edgehub.core.sightings import Sightings
from edgehub.core.wire import events as wire

SECOND_S = 1.0
"""Neighbours hear of our levels once a second (wire.md), and occupancy is published no faster."""
UNKNOWN_EVERY_S = 300.0
"""How often the number of unknown badges is reported, if there were any."""


class Telling:
    """Once a second our levels, and how many are where; now and then how many badges nobody knows.

    Args:
        following: has the levels.
        reporter: counts who is where.
        sightings: counts the unknown.
    """

    def __init__(self, following: Following, reporter: Reporter, sightings: Sightings[Worn | Fixed]) -> None:
        self._following = following
        self._reporter = reporter
        self._sightings = sightings
        self._occupancy: dict[str, int] = {}
        self._next_second = self._next_unknown = 0.0
        self._unknown_told = 0

    def next_deadline(self) -> float | None:
        """When levels are to be told, decision time; None while nothing was heard."""
        return self._next_second if self._following.heard else None

    def begin(self, at: float) -> bool:
        """True when a second has passed; the next one begins."""
        if at < self._next_second:
            return False
        self._next_second = at + SECOND_S
        return True

    def levels(self) -> list[Effect]:
        """What was heard in this second, for the neighbours."""
        return [PublishLevels(self._following.levels())] if self._following.heard else []

    def occupancy(self, zones: Collection[str]) -> list[Effect]:
        """What changed of how many are where; a zone taken out holds nobody."""
        before, self._occupancy = self._occupancy, self._reporter.occupancy()
        changed = [PublishOccupancy(zone, n) for zone, n in self._occupancy.items() if before.get(zone) != n]
        return [*changed, *(PublishOccupancy(zone, 0) for zone in sorted(before.keys() - zones))]

    def unknown(self, now: Moment) -> list[Effect]:
        """How many unknown badges were heard since this was last told."""
        if now.decision < self._next_unknown:
            return []
        self._next_unknown = now.decision + UNKNOWN_EVERY_S
        fresh = self._sightings.unknown - self._unknown_told
        self._unknown_told += fresh
        return [Record(wire.BadgeUnknownCount(count=fresh), None, now.decision)] if fresh else []
