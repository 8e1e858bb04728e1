"""When something happened, by clocks that are not ours: what a sender's clock says, corrected by how far it is off."""

from dataclasses import dataclass
from datetime import UTC, datetime

from edgehub.hub.doors.shapes import Unfit

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RIGHT_WITHIN_US = 2_000_000
"""A clock this near to ours is taken for right: the way takes time too, and it is not the clock's fault."""
OLDEST_US = 366 * 24 * 3600 * 1_000_000
"""An event older than a year is a mistake, or an import: that comes as a file."""


def read_time(text: str, name: str) -> int:
    """A time of RFC 3339 in µs since 1970. Raises Unfit: one without a zone would mean two moments."""
    try:
        found = datetime.fromisoformat(text)
        return (found - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError, TypeError) as error:
        raise Unfit(f"{name} is not a time with a zone, written like 2026-11-23T18:00:00Z") from error


_MICROSECOND = datetime.resolution


@dataclass(frozen=True, slots=True)
class When:
    """A moment: as told by the sender, and as corrected. µs since 1970."""

    told_us: int | None
    at_us: int


def corrected(told_us: int | None, sent_us: int | None, received_us: int) -> When:
    """When it happened, by our clock.

    ``sent_us`` is what the sender's clock said as the message left; what it differs from our time of arrival, the
    event's time differs too. Nothing happens in the future. Raises Unfit for an event older than a year.
    """
    if told_us is None:
        return When(None, received_us)
    off_us = 0 if sent_us is None else received_us - sent_us
    at_us = told_us if abs(off_us) <= RIGHT_WITHIN_US else told_us + off_us
    if received_us - at_us > OLDEST_US:
        raise Unfit("it happened more than a year ago; bring it as a file")
    return When(told_us, min(at_us, received_us))
