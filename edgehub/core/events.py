"""What goes into the engine and what comes out of it.

Events are past participles, effects are imperatives. Records and kept visits that come out together belong in one
transaction.
"""

from collections.abc import Sequence
from typing import NamedTuple

from edgehub.core.advert import Advertisement
from edgehub.core.data import dataclass
from edgehub.core.lighting import Lighting, Report, Wish
from edgehub.core.presence import Model
from edgehub.core.profile import Profile
from edgehub.core.venue import Venue
from edgehub.core.visit import Visit
from edgehub.core.wire import EventBody


class Moment(NamedTuple):
    """Now, on the three clocks: decision time and real time in s, monotonic; wall time in µs since 1970."""

    decision: float
    real: float
    wall_us: int

    def wall_of(self, decision: float) -> int:
        """The wall time of a decision time."""
        return self.wall_us - round((self.decision - decision) * 1_000_000)


# --- events ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heard:
    """Our own radio heard something."""

    advertisements: Sequence[Advertisement]


@dataclass(frozen=True, slots=True)
class PeerHeard:
    """A neighbour's levels of about the last second: ``(badge, mean dBm, packets)``."""

    gateway: str
    levels: Sequence[tuple[str, float, int]]


@dataclass(frozen=True, slots=True)
class HealthChanged:
    """A gateway (ours or a neighbour) hears, or is offline or deaf."""

    gateway: str
    healthy: bool


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The broker was reached, or lost."""

    connected: bool


@dataclass(frozen=True, slots=True)
class ProfilesChanged:
    """Profiles were written down here; tombstones among them."""

    profiles: Sequence[Profile]


@dataclass(frozen=True, slots=True)
class GuestsReplaced:
    """Without a hub: the staff's list changed, and holds all guests there are."""

    profiles: Sequence[Profile]


@dataclass(frozen=True, slots=True)
class BridgeReported:
    """A Hue bridge answered, was reached or lost, or somebody else set its lamps."""

    report: Report


@dataclass(frozen=True, slots=True)
class VenueChanged:
    """The staff's files changed and are valid."""

    venue: Venue
    model: Model
    lighting: Lighting


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time passed; a deadline may be due."""


Event = (
    Heard
    | PeerHeard
    | HealthChanged
    | LinkChanged
    | ProfilesChanged
    | GuestsReplaced
    | BridgeReported
    | VenueChanged
    | Ticked
)

# --- effects --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """Write an event down for the hub."""

    body: EventBody
    person: str | None
    decision: float


@dataclass(frozen=True, slots=True)
class KeepVisit:
    """Write down that this visit is open, so that a restart can continue it."""

    visit: Visit


@dataclass(frozen=True, slots=True)
class DropVisit:
    """The visit is no longer open."""

    visit: Visit


@dataclass(frozen=True, slots=True)
class ShowWish:
    """Ask the bridge for this."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class PublishLevels:
    """Tell the neighbours what we heard: ``(badge, mean dBm, packets)``."""

    levels: Sequence[tuple[str, float, int]]


@dataclass(frozen=True, slots=True)
class PublishOccupancy:
    """Tell everybody how many are in a zone."""

    zone: str
    count: int


Effect = Record | KeepVisit | DropVisit | ShowWish | PublishLevels | PublishOccupancy
