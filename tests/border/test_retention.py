"""Everybody whom an event brought is forgotten when zones.yaml says, on a clock that can be believed (P3)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from edgehub.core.venue import Privacy, Venue, VenueEvent
from edgehub.core.wire import At
from edgehub.hub.retention import Retention, due_us
from edgehub.hub.store import HubStore
from tests.fakes.forgetful import TABLES, Hub, rows_of

EVENT = VenueEvent("DV", "America/Los_Angeles", ("2026-11-23", "2026-11-24"), "08:30", "23:00")
VENUE = Venue(event=EVENT, privacy=Privacy(forget_after_close_s=24 * 3600.0))
KIM = ("email:kim@example.org", "crm:003A-KIM", "badge:1042")
DUE_US = 1_795_676_400_000_000
"""2026-11-26T07:00:00Z: a day after eleven in the evening in Los Angeles."""
HOUR_US = 3_600_000_000


class Hall:
    """A hub with a clock by hand."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.venue = VENUE
        self.at = At("boot", 0, DUE_US - 30 * HOUR_US, "unsynced")
        self.retention = Retention(hub.store, hub.forgetting, lambda: self.venue, lambda: self.at)

    def passes(self, hours: float, *, by_wall: float | None = None, quality: str = "unsynced") -> None:
        wall = hours if by_wall is None else by_wall
        self.at = At(
            "boot", self.at.monotonic_us + round(hours * HOUR_US), self.at.wall_us + round(wall * HOUR_US), quality
        )

    async def about_guests(self) -> dict[str, int]:
        """Rows that could be about somebody, by table."""
        found = await self.hub.store.read(lambda reading: {table: rows_of(reading, table) for table in TABLES})
        found["people"] = [row for row in found["people"] if not row[-1]]
        found["events"] = [row for row in found["events"] if any(cell is not None for cell in row[-3:])]
        return {table: len(rows) for table, rows in found.items() if rows}


@pytest_asyncio.fixture
async def hall(database: Any) -> AsyncIterator[Hall]:
    async with HubStore(database) as store:
        hall = Hall(Hub(store))
        await hall.retention.look()
        await hall.hub.tell(*KIM, first_name="Kim", consent=["analytics"])
        await hall.hub.tell("email:jo@example.org", "crm:9")
        await hall.hub.tell("badge:7", kind="track", thing="beer")
        yield hall


def test_what_is_due_follows_the_venue_s_own_time() -> None:
    """The last day's close there, also after midnight and without an hour; nothing where zones.yaml says nothing."""
    late = replace(EVENT, close="02:00")
    assert due_us(VENUE) == DUE_US
    assert due_us(replace(VENUE, event=late)) == DUE_US + 3 * HOUR_US
    assert due_us(replace(VENUE, event=replace(EVENT, close=None))) == DUE_US + HOUR_US
    assert due_us(replace(VENUE, event=VenueEvent())) is None
    assert due_us(replace(VENUE, privacy=Privacy())) is None


@pytest.mark.asyncio
async def test_at_the_hour_nothing_of_anybody_is_left(hall: Hall) -> None:
    """Not a minute before; then every row about somebody goes, and the same list brings nobody back."""
    hall.passes(29.9)
    assert await hall.retention.look() == 0
    hall.passes(0.2)
    assert await hall.retention.look() == 2
    assert await hall.about_guests() == {}
    assert await hall.hub.tell(*KIM) == "forgotten"
    assert await hall.retention.look() == 0


@pytest.mark.asyncio
async def test_a_clock_that_jumps_ahead_deletes_nothing_until_it_is_right(hall: Hall) -> None:
    """Two days in a minute, not synchronised: nobody is forgotten; once it is synchronised, everybody."""
    before = await hall.about_guests()
    hall.passes(0.01, by_wall=48)
    for _ in range(2):
        assert await hall.retention.look() == 0
        hall.passes(0.01)
    assert await hall.about_guests() == before
    hall.passes(0.01, quality="synced")
    assert await hall.retention.look() == 2


@pytest.mark.asyncio
async def test_another_event_lets_everybody_in_again(hall: Hall) -> None:
    """Who asked to be forgotten stays out; who was there when the last event ended may come again."""
    await hall.hub.desk.forget("9")
    hall.passes(30.1)
    assert await hall.retention.look() == 1
    hall.venue = replace(VENUE, event=replace(EVENT, days=("2027-11-22",)))
    hall.passes(0.1)
    assert await hall.retention.look() == 0
    assert await hall.hub.tell(*KIM) == "new"
    assert await hall.hub.tell("crm:9") == "forgotten"
