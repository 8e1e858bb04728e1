"""What a gateway writes down: events for the hub, and the visits that are open."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from edgehub.core.data import dataclass
from edgehub.core.wire import At, Epoch, EventBody, body_dict


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that has no place in the sequence yet."""

    type: str
    body: Mapping[str, Any]
    person: str | None
    at: At

    @classmethod
    def of(cls, body: EventBody, at: At, person: str | None = None) -> "NewEvent":
        """An event with a body of the catalogue."""
        return cls(body.type, body_dict(body), person, at)


@dataclass(frozen=True, slots=True)
class OpenVisit:
    """An open visit, as much of it as a restart needs to continue it. Wall times in µs since 1970."""

    visit: str
    person: str
    badge: str | None
    zone: str
    entered_us: int
    entered_monotonic_us: int
    last_seen_us: int
    boot_id: str
    reported: bool = True
    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VisitGone:
    """This visit is no longer open."""

    visit: str


VisitChange = OpenVisit | VisitGone


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An event that is written down, as the pump needs it."""

    id: int
    """Grows in the order of commits."""
    epoch: Epoch
    partition: int
    seq: int
    payload: bytes
