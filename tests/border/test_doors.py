"""All doors of a real hub's store, on both databases: whatever comes in by whichever door is one guest's, once."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import URL

from edgehub.core.wire import Stamp
from edgehub.hub.access import DOORS, Access, AccessFile, write_access
from edgehub.hub.doors.known import StoreGuests
from edgehub.hub.doors.opening import Doors, DoorSettings, Layer
from edgehub.hub.fact import Identifier
from edgehub.hub.facts import Facts
from edgehub.hub.ledger import Stay
from edgehub.hub.store import HubStore
from edgehub.web.listen import Listen
from tests.fakes.doors import VENUE
from tests.fakes.waiting import until

SHIPPED = Path(__file__).parents[2] / "config"


def now() -> datetime:
    """Wall time."""
    return datetime.now(UTC)


@dataclass
class House:
    """Open doors."""

    url: str
    keys: dict[str, str]
    store: HubStore
    guests: StoreGuests
    drop: Path
    session: aiohttp.ClientSession
    greeted: list[Stamp] = field(default_factory=list)

    async def post(self, path: str, door: str, body: Any) -> dict[str, Any]:
        """The answer, which is a good one."""
        shown = {"Authorization": f"Bearer {self.keys.get(door, door)}"}
        async with self.session.post(self.url + path, json=body, headers=shown) as answer:
            said: dict[str, Any] = json.loads(await answer.read())
            assert answer.status == 200, said
            return said


@asynccontextmanager
async def opened(database: Path | URL, folder: Path) -> AsyncIterator[House]:
    """The doors on a store."""
    access, keys = Access(), {}
    for door in DOORS:
        access, keys[door] = access.with_key("app", door)
    write_access(folder / "access.json", access)
    greeted: list[Stamp] = []

    async def greet(stamp: Stamp) -> None:
        greeted.append(stamp)

    settings = DoorSettings(SHIPPED / "data_layer.yaml", Listen(), folder / "drop", SHIPPED / "stamps.yaml")
    layer = Layer(settings.data_layer, VENUE.badges)
    async with HubStore(database) as store, aiohttp.ClientSession() as session:
        doors = Doors(
            settings, layer, store, Facts(store, layer.rules).take, AccessFile(folder / "access.json"),
            venue=lambda: VENUE, greet=greet, wall_us=lambda: time.time_ns() // 1000,
        )  # fmt: skip
        async with doors.serving() as url:
            assert url is not None
            running = asyncio.create_task(doors.run())
            yield House(
                url.rstrip("/"), keys, store, StoreGuests(store, layer.rules), folder / "drop", session, greeted
            )
            running.cancel()


@pytest.mark.asyncio
async def test_one_guest_by_every_door_is_one_guest(database: Path | URL, tmp_path: Path) -> None:
    """File, calls, phone and stamp: one person, whose stamp counts because the phone was seen; sent again it changes nothing."""
    async with opened(database, tmp_path) as house:
        phone = await house.post("/v1/app/installations", "app", {})
        kim = Identifier("registration", "T-7")
        await until((house.drop / "crm").is_dir)
        path = house.drop / "crm" / "day1.csv"
        path.write_text("Contact_Id,Visitor_Email__c\nC-9,Kim@Venue.example\n")
        os.utime(path, (time.time() - 60, time.time() - 60))
        login = {
            "messageId": "m1",
            "userId": "T-7",
            "anonymousId": phone["installation"],
            "traits": {"email": "kim@venue.example"},
        }
        for expected in ("new", "again"):
            said = await house.post("/v1/identify", "collector", login)
            assert said["items"][0]["result"] == expected
        began = now() - timedelta(seconds=70)
        heard = [
            {"marker": "acme-marker", "level": -60, "at": (began + timedelta(seconds=second)).isoformat()}
            for second in range(60)
        ]
        told = {"messageId": "s1", "sentAt": now().isoformat(), "sightings": heard}
        assert (await house.post("/v1/app/sightings", phone["token"], told))["taken"] == 60
        press = {"messageId": "p1", "serial": "DEVSTAMP-0001"}
        assert (await house.post("/v1/stamps", phone["token"], press))["verdict"] == "confirmed"
        assert (await house.post("/v1/stamps", "stamps", press | {"userId": "T-7"}))["verdict"] == "again"
        await until(lambda: not path.exists())
        person = await house.guests.person([kim])
        assert person is not None
        assert person == await house.guests.person([Identifier("crm", "C-9")])
        assert person == await house.guests.person([Identifier("app", phone["installation"])])
        assert [stamp.person for stamp in house.greeted] == [person]
        assert [one.zone for one in await house.guests.collected(person)] == ["acme"]


@pytest.mark.asyncio
async def test_a_held_stamp_counts_once_a_gateway_has_spoken(database: Path | URL, tmp_path: Path) -> None:
    """Held over a restart of the hub; the gateway's stay comes late; then it counts."""
    async with opened(database, tmp_path) as house:
        await house.post("/v1/identify", "collector", {"messageId": "m", "userId": "T-7"})
        said = await house.post("/v1/stamps", "stamps", {"messageId": "p", "serial": "DEVSTAMP-0002", "userId": "T-7"})
        assert said["verdict"] == "held"
        person = await house.guests.person([Identifier("registration", "T-7")])
        assert person is not None
        now_us = time.time_ns() // 1000
        stay = Stay("pi", "v1", person, "birch", now_us - 60_000_000, now_us, now_us, 1, 1)
        await house.store.change(lambda transaction: transaction.run("put_stay", [stay.row()]))
    async with opened(database, tmp_path) as house:
        [interval] = await house.guests.visits(person, 0)
        assert (interval.zone, interval.end_us - interval.begin_us) == ("birch", 60_000_000)
        await until(lambda: house.greeted, within_s=20)
        assert (house.greeted[0].person, house.greeted[0].zone) == (person, "birch")


@pytest.mark.asyncio
async def test_fields_nobody_mapped_are_listed_without_a_value(database: Path | URL, tmp_path: Path) -> None:
    """By source and name, with how often and what kind of thing it was."""
    async with opened(database, tmp_path) as house:
        for number in range(3):
            call = {"messageId": f"m{number}", "userId": "T-7", "traits": {"shoe": 42, "secret": "swordfish"}}
            await house.post("/v1/identify", "collector", call)

        async def listed() -> list[Any]:
            return await house.store.read(lambda reading: reading.select("unmapped"))

        async with asyncio.timeout(15):
            while not (rows := await listed()):  # noqa: ASYNC110  # written now and then
                await asyncio.sleep(0.1)
        assert rows == [("app", "traits.secret", "text", 3), ("app", "traits.shoe", "number", 3)]
