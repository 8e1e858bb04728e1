"""What an attribute is: a kind of figure, of visits or of what was told, in a period.

bacon lover       Definition(name="bacon_lover", kind="longest", of=Visits(("bacon",)))
coffee fan        Definition(name="coffee_fan", kind="count", of=Visits(("coffee",), each_of_s=30), within_s=4 * 3600)
party animal      Definition(name="party_animal", kind="total stay", of=Visits(("bar", "dance_floor")), per="night")
sponsors stamped  Definition(name="sponsors", kind="set", of=Told("stamp", variable="zone", silence_is_none=True))
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from edgehub.core.venue import Venue
from edgehub.hub.periods import Period

Kind = Literal["count", "total stay", "longest", "first", "last", "set", "most frequent", "score", "timeline"]


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits in any of these zones, or in any zone; at a sponsor's they count with a stamp only."""

    zones: tuple[str, ...] = ()
    each_of_s: float = 0.0
    """Shorter ones do not count."""


@dataclass(frozen=True, slots=True)
class Told:
    """Facts of a type, and of a name if given: ``Told("track", "purchase", "item")``."""

    type: str
    name: str | None = None
    variable: str | None = None
    """What of it is looked at, one value or a list of them."""
    where: Mapping[str, Any] = field(default_factory=dict)
    """Only facts with these values."""
    told_by: tuple[str, ...] = ()
    """Sources that would know: when one of them has spoken of the guest at all, none of these facts means none."""
    silence_is_none: bool = False
    """The hub itself would know, so without a word from anybody there was none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One attribute. Raises ValueError when its words do not go together."""

    name: str
    kind: Kind
    of: Visits | Told
    per: Period = "event"
    within_s: float | None = None
    """Of a count: the most within any stretch of this length, so a rate."""
    points: Mapping[str, float] = field(default_factory=dict)
    """Of a score: what each zone or value is worth; without them, a number is worth itself and all else 1."""
    most: int = 50
    """Of a timeline: the last so many."""

    @property
    def unit(self) -> Literal["s", "time"] | None:
        """Of its values: seconds, a wall time in µs since 1970, or none."""
        if self.kind in ("total stay", "longest"):
            return "s"
        asked = isinstance(self.of, Told) and self.of.variable is not None
        return "time" if self.kind in ("first", "last") and not asked else None

    def __post_init__(self) -> None:
        if self.kind in ("total stay", "longest") and not isinstance(self.of, Visits):
            raise ValueError(f"{self.name}: only visits have a length")
        if self.per == "visit" and not isinstance(self.of, Visits):
            raise ValueError(f"{self.name}: only visits can be counted per visit")
        if self.within_s is not None and self.kind != "count":
            raise ValueError(f"{self.name}: only a count has a rate")


def usual(venue: Venue) -> tuple[Definition, ...]:
    """What is counted of every guest, whatever rules there are."""
    everywhere = (
        Definition(name="first_seen", kind="first", of=Visits(), per="ever"),
        Definition(name="last_seen", kind="last", of=Visits(), per="ever"),
        Definition(name="stay_by_day", kind="total stay", of=Visits(), per="day"),
        Definition(name="stay_by_night", kind="total stay", of=Visits(), per="night"),
        Definition(name="zones", kind="set", of=Visits()),
        Definition(name="favourite_zone", kind="most frequent", of=Visits()),
    )
    stamped = Definition(name="sponsors", kind="set", of=Told("stamp", variable="zone", silence_is_none=True))
    return (*everywhere, stamped) if any(zone.sponsor for zone in venue.zones.values()) else everywhere
