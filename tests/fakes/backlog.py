"""A journal as a long outage leaves it, written by the real store while no gateway runs: events of every class."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from edgehub.core.record import NewEvent
from edgehub.core.wire import At, EventBody
from edgehub.core.wire import events as wire
from edgehub.gateway.store import DEFAULT_QUOTA_BYTES, Store

MOST_AT_ONCE = 4_000
OF_THE_QUOTA = 1 / 8
"""A commit may take this share of it, at half a kilobyte an event; a gateway's own take far less."""


def bodies(number: int) -> Sequence[EventBody]:
    """One event of each class that is given up, and now and then one that never is."""
    visit = {"visit": f"v{number}", "person": f"p{number % 50}", "zone": "bacon"}
    told: list[EventBody] = [
        wire.LightRefused(zone="bacon", why="the bridge does not answer"),
        wire.RadioState(receiver="pi", state="ok"),
        wire.BadgeUnknownCount(count=number),
        wire.DwellProgress(dwell_s=60.0, **visit),
        wire.VisitEntered(entered_at=number, evidence={}, **visit),
    ]
    return [*told, wire.ErasureReceipt(revision=number)] if number % 100 == 0 else told


async def write(directory: Path, count: int, quota_bytes: int = DEFAULT_QUOTA_BYTES) -> None:
    """Write so many events down."""
    at_once = min(MOST_AT_ONCE, int(quota_bytes * OF_THE_QUOTA / 512))
    async with Store(directory, boot_id="outage", quota_bytes=quota_bytes) as store:
        number = written = 0
        while written < count:
            events: list[NewEvent] = []
            while len(events) < min(at_once, count - written):
                at = At("outage", number, time.time_ns() // 1000, "synced")
                events += [NewEvent.of(body, at) for body in bodies(number)]
                number += 1
            written += len(events)
            assert await store.record(events)


def fill(directory: Path, count: int, quota_bytes: int = DEFAULT_QUOTA_BYTES) -> None:
    """The same from outside asyncio."""
    asyncio.run(write(directory, count, quota_bytes))
