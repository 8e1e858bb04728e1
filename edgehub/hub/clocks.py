"""The gateways' clocks: which of their wall times to believe, and how to correct the others.

An event of an unset clock is corrected by an anchor of the same boot. Until one comes it is flagged, and lies no later
than when it was received; among themselves such events are ordered by epoch and sequence.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from edgehub.core.clock import shift_us
from edgehub.core.wire import At, EventBody
from edgehub.core.wire.events import ClockAnchor, VisitCorrected, VisitEntered, VisitLeft


class Clocks:
    """What trusted wall clocks said of each boot.

    Args:
        anchors: gateway, boot, and the two clocks, µs: rows of the store's `anchors`.
    """

    def __init__(self, anchors: Iterable[tuple[str, str, int, int]] = ()) -> None:
        self._anchors = {
            (gateway, boot): At(boot, monotonic_us, wall_us, "synced")
            for gateway, boot, monotonic_us, wall_us in anchors
        }

    def take(self, gateway: str, at: At) -> bool:
        """Take an anchor; False when it is of a clock that is not to be trusted itself."""
        if at.quality != "synced":
            return False
        self._anchors[gateway, at.boot_id] = at
        return True

    def shift_us(self, gateway: str, at: At) -> int | None:
        """What to add to the wall times of an event; None while nobody can tell."""
        if at.quality != "unsynced":
            return 0  # set, or kept by something that does not say whether it is
        anchor = self._anchors.get((gateway, at.boot_id))
        return None if anchor is None else shift_us(at, anchor)


def anchor_of(body: ClockAnchor) -> At:
    """The anchor that an event carries."""
    return At(body.boot_id, body.monotonic_us, body.wall_us, body.quality)


def anchor_row(gateway: str, at: At) -> dict[str, Any]:
    """As the store keeps it."""
    return {"gateway": gateway, "boot_id": at.boot_id, "monotonic_us": at.monotonic_us, "wall_us": at.wall_us}


def shifted(body: EventBody, by_us: int) -> EventBody:
    """A body with its wall times corrected."""
    match body:
        case VisitEntered():
            return replace(body, entered_at=body.entered_at + by_us)
        case VisitLeft():
            return replace(body, entered_at=body.entered_at + by_us, left_at=body.left_at + by_us)
        case VisitCorrected():
            left_at = None if body.left_at is None else body.left_at + by_us
            return replace(body, entered_at=body.entered_at + by_us, left_at=left_at)
    return body
