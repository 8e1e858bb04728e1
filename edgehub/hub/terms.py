"""The terms on which guests are folded: what the venue's files say of zones, kinds of names, trust and attributes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edgehub.config.data_layer import DataLayerSettings
from edgehub.core.venue import Venue, VenueEvent
from edgehub.hub.belief import Trust
from edgehub.hub.claim import IdentityRules
from edgehub.hub.definition import Definition
from edgehub.hub.periods import Calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """As of now; another edit of a file is another of these."""

    venue: Venue
    rules: IdentityRules = field(default_factory=IdentityRules)
    trust: Trust = field(default_factory=Trust)
    definitions: Sequence[Definition] = ()

    @property
    def calendar(self) -> Calendar:
        """The venue's days."""
        return calendar_of(self.venue.event)


@lru_cache(maxsize=8)  # it remembers what it looked up, and is asked for with every guest
def calendar_of(event: VenueEvent) -> Calendar:
    """The days of an event, in its own time."""
    return Calendar(timezone_of(event), sorted(map(date.fromisoformat, event.days)))


def timezone_of(event: VenueEvent) -> tzinfo:
    """Of the event; UTC where it is none."""
    try:
        return ZoneInfo(event.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def trust_of(settings: DataLayerSettings) -> Trust:
    """What data_layer.yaml says of sources, and of how long a value holds."""
    variables = settings.variables.values()
    return Trust(
        fresh_for_s={one.name: one.fresh_for_s for one in variables if one.fresh_for_s is not None},
        priority={source.id: source.priority for source in settings.sources.values()},
        consent=frozenset({"consent"} | {one.name for one in variables if one.type == "consent"}),
    )
