"""The venue as its staff describe it: zones, markers, what counts as a badge. Built by ``edgehub.config``."""

from collections.abc import Mapping
from dataclasses import field

from edgehub.core.data import dataclass


@dataclass(frozen=True, slots=True)
class ZoneLights:
    """The lamps of a zone: a room of a Hue bridge, and what it shows when nobody is there."""

    bridge: str
    """Nickname of the bridge in edgehub.yaml."""
    room: str
    idle: str | None = None
    """Name of the scene for an empty zone; None leaves the lamps as they were found."""
    people: bool = True
    """True for ``people: favourite colours``: show the colours of whoever is here."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A place with a name. A zone may have no receiver, one, or several."""

    id: str
    name: str
    heard_by: tuple[str, ...] = ()
    """Receivers in the zone, in the order in which they speak for it."""
    arrive_after_s: float = 0.0
    """A visit counts from this stay on; lights do not wait for it."""
    leave_after_s: float | None = None
    """Lower bound for the learned leave time."""
    sponsor: bool = False
    lights: ZoneLights | None = None


@dataclass(frozen=True, slots=True)
class Marker:
    """A beacon glued to furniture: it must be heard, so silence tells a deaf receiver from an empty room."""

    id: str
    badge: str
    """Badge key."""
    zone: str


@dataclass(frozen=True, slots=True)
class BadgeScheme:
    """Which iBeacons are badges of this venue, and how they are numbered.

    With ``uuid`` and ``major`` the badge key is the minor ("1042"); with ``uuid`` alone it is "major-minor"; any other
    iBeacon has the whole key "ibeacon:UUID/MAJOR/MINOR".
    """

    ibeacon_uuid: str | None = None
    ibeacon_major: int | None = None


@dataclass(frozen=True, slots=True)
class VenueEvent:
    """When the venue is open, in its own time zone."""

    name: str = ""
    timezone: str = "UTC"
    days: tuple[str, ...] = ()
    open: str | None = None
    close: str | None = None


@dataclass(frozen=True, slots=True)
class Privacy:
    """What may be kept and shown about guests."""

    need_consent: bool = True
    forget_after_close_s: float | None = None
    screens_show: str = "colours"
    """"colours" or "first names" (of those who opted in)."""


@dataclass(frozen=True, slots=True)
class Venue:
    """All of zones.yaml."""

    zones: Mapping[str, Zone] = field(default_factory=dict)
    markers: Mapping[str, Marker] = field(default_factory=dict)
    badges: BadgeScheme = BadgeScheme()
    event: VenueEvent = VenueEvent()
    privacy: Privacy = Privacy()
