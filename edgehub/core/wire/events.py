"""The catalogue of events: the body of each, and which are given up first when storage runs out."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from edgehub.core.data import dataclass
from edgehub.core.wire.shapes import Most, Range, read, write

SHEDDING_ORDER = ("diagnostic", "state", "sample", "progress", "visit", "vital")
"""Classes of events, the first given up first, the last never (durability 4.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitEntered:
    """A stay lasted long enough to count. Wall times are µs since 1970."""

    type: ClassVar = "visit.entered"
    shed: ClassVar = "visit"
    visit: str
    person: str
    zone: str
    entered_at: int
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitLeft:
    """The guest left; the bounds are back-dated and final."""

    type: ClassVar = "visit.left"
    shed: ClassVar = "visit"
    visit: str
    person: str
    zone: str
    entered_at: int
    left_at: int
    dwell_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitCorrected:
    """Back-dated bounds replace the live ones; without ``left_at`` the visit is still open."""

    type: ClassVar = "visit.corrected"
    shed: ClassVar = "visit"
    visit: str
    person: str
    zone: str
    entered_at: int
    left_at: int | None = None
    dwell_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DwellProgress:
    """The visit goes on: at most once a minute."""

    type: ClassVar = "dwell.progress"
    shed: ClassVar = "progress"
    visit: str
    person: str
    zone: str
    dwell_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LightShown:
    """A bridge shows what was wished."""

    type: ClassVar = "light.shown"
    shed: ClassVar = "diagnostic"
    zone: str
    colour: str | None = None
    scene: str | None = None
    person: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LightRefused:
    """A wish was not shown, and why."""

    type: ClassVar = "light.refused"
    shed: ClassVar = "diagnostic"
    zone: str
    why: str
    colour: str | None = None
    scene: str | None = None
    person: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneOccupancy:
    """How many are in a zone."""

    type: ClassVar = "zone.occupancy"
    shed: ClassVar = "sample"
    zone: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BadgeUnknownCount:
    """How many badges nobody registered were heard; numbers only."""

    type: ClassVar = "badge.unknown_count"
    shed: ClassVar = "sample"
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RadioState:
    """A receiver's health changed."""

    type: ClassVar = "radio.state"
    shed: ClassVar = "state"
    receiver: str
    state: str
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HueState:
    """A bridge's health changed."""

    type: ClassVar = "hue.state"
    shed: ClassVar = "state"
    bridge: str
    state: str
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigApplied:
    """An edited configuration is in force."""

    type: ClassVar = "config.applied"
    shed: ClassVar = "state"
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRefused:
    """An edited configuration is wrong; the last good one stays in force."""

    type: ClassVar = "config.refused"
    shed: ClassVar = "state"
    error: str
    hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCorrupt:
    """The journal was damaged and set aside; what could be read was carried over."""

    type: ClassVar = "store.corrupt"
    shed: ClassVar = "vital"
    salvaged: int
    lost: int
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreShed:
    """Events were given up unsent: sequences ``ranges`` of one epoch and partition, all of one class.

    The catalogue's ``from`` and ``to`` are the first and the last; ``ranges`` says which in between, so that the
    hub's watermark can pass over exactly these.
    """

    type: ClassVar = "store.shed"
    shed: ClassVar = "vital"
    epoch: str
    """Its nonce."""
    partition: int
    shed_class: str
    count: int
    ranges: Annotated[tuple[Range, ...], Most(1000)]
    """[from, to], both included."""
    why: str | None = None
    """Unless it was for want of room: "never acknowledged"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureReceipt:
    """Everything about the persons erased up to this revision is gone from this gateway."""

    type: ClassVar = "erasure.receipt"
    shed: ClassVar = "vital"
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventErased:
    """What is left of an event about a guest who was erased before it was sent: its place in the sequence."""

    type: ClassVar = "event.erased"
    shed: ClassVar = "diagnostic"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAnchor:
    """What the wall clock says of a boot's monotonic clock."""

    type: ClassVar = "clock.anchor"
    shed: ClassVar = "vital"
    boot_id: str
    monotonic_us: int
    wall_us: int
    quality: str


VisitEvent = VisitEntered | VisitLeft | VisitCorrected | DwellProgress
EventBody = (
    VisitEvent
    | LightShown
    | LightRefused
    | ZoneOccupancy
    | BadgeUnknownCount
    | RadioState
    | HueState
    | ConfigApplied
    | ConfigRefused
    | StoreCorrupt
    | StoreShed
    | ErasureReceipt
    | EventErased
    | ClockAnchor
)
CATALOGUE: Mapping[str, type[EventBody]] = {body.type: body for body in EventBody.__args__}


def shed_class(event_type: str) -> str:
    """The class of an event type; a type this version does not know is a mere diagnostic."""
    body = CATALOGUE.get(event_type)
    return "diagnostic" if body is None else body.shed


def compaction_key(event_type: str, body: Mapping[str, Any]) -> str | None:
    """What a state is the state of: of two with one key only the later still says anything. None for other events."""
    match event_type:
        case "radio.state":
            return f"radio {body.get('receiver')}"
        case "hue.state":
            return f"hue {body.get('bridge')}"
        case "config.applied" | "config.refused":
            return "config"
    return None


def read_body(event_type: str, raw: Mapping[str, Any]) -> EventBody | None:
    """The typed body, or None for a type this version does not know. Raises WireError for a malformed one."""
    kind = CATALOGUE.get(event_type)
    if kind is None:
        return None
    body: EventBody = read(kind, raw, "body")
    return body


def body_dict(body: EventBody) -> dict[str, Any]:
    """The body as it is sent: fields that are None are left out."""
    return write(body)
