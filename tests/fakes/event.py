"""An event that can be told from all others."""

import time

from edgehub.core.record import NewEvent
from edgehub.core.wire import At


def event(number: int) -> NewEvent:
    """Event ``number``."""
    at = At("boot", time.monotonic_ns() // 1000, time.time_ns() // 1000, "unknown")
    return NewEvent("badge.unknown_count", {"count": number}, None, at)
