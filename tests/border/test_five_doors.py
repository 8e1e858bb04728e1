"""One guest's day through five doors is one timeline; two guests made one can be made two again."""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import async_playwright

from edgehub.config import load_venue
from edgehub.core.wire import Epoch, Identity, SiteTopics, Status, shed_class
from edgehub.core.wire.envelope import At, batch, draft, place
from edgehub.hub.access import APP, COLLECTOR, STAMPS, Access, write_access
from edgehub.hub.daemon import Hub, HubSettings, run_hub
from edgehub.hub.desk import Desk, DeskError
from edgehub.hub.doors.opening import DoorSettings
from edgehub.mqtt import Mqtt
from edgehub.web.listen import Listen
from tests.fakes.broker import Broker
from tests.fakes.waiting import until

CONFIG = Path(__file__).parents[2] / "config"
PI = SiteTopics("expo").gateway("pi-expo")
MINUTE_US = 60_000_000
CHROMIUM = "/usr/bin/chromium"


class Day:
    """A hub with all its doors open, and whoever comes to them."""

    def __init__(
        self, hub: Hub, folder: Path, *, page: str, keys: dict[str, str], pi: Mqtt, http: aiohttp.ClientSession
    ) -> None:
        self.hub, self.page, self.folder, self._keys, self._pi, self._http = hub, page, folder, keys, pi, http
        self.desk = Desk(hub._store, hub.take, scheme=lambda: hub.venue.badges, wall_us=lambda: time.time_ns() // 1000)
        self._seq = 0

    def drop(self, name: str, text: str) -> None:
        """Put a file into a source's folder."""
        path = self.folder / "drop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    async def call(self, door: str, path: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
        """Say something over HTTP."""
        assert self.hub.doors_url is not None
        headers = {"Authorization": f"Bearer {token or self._keys[door]}"}
        async with self._http.post(self.hub.doors_url.rstrip("/") + path, json=body, headers=headers) as answer:
            said: dict[str, Any] = json.loads(await answer.read())
            assert answer.status == 200, said
            return said

    async def visit(self, person: str, zone: str, minutes: float) -> None:
        """A gateway tells of a stay that has just ended."""
        now_us = time.time_ns() // 1000
        entered_us = now_us - round(minutes * MINUTE_US)
        body = {"visit": f"v{self._seq}", "person": person, "zone": zone, "entered_at": entered_us}
        events = [("visit.entered", {"evidence": {}}), ("visit.left", {"left_at": now_us, "dwell_s": minutes * 60})]
        payloads = []
        for kind, more in events:
            self._seq += 1
            at = At("boot", self._seq, now_us, "synced")
            payloads.append(
                place(draft(kind, shed_class(kind), at, body | more), Identity(Epoch(1, "0" * 16), 0, self._seq))
            )
        await self._pi.publish(PI.events(0), batch(payloads, "pi-expo"))

    async def card(self, name: str) -> dict[str, Any]:
        """The guest's document; empty while there is none."""
        try:
            return dict(await self.desk.guest(await self.desk.one(name)))
        except DeskError:
            return {}

    async def told(self, name: str) -> list[tuple[str, str]]:
        """Type and source of all that is on the guest's timeline."""
        return [(entry["type"], entry["source"]) for entry in (await self.card(name)).get("timeline", [])]


@asynccontextmanager
async def a_day(folder: Path) -> AsyncIterator[Day]:
    for name in ("zones.yaml", "data_layer.yaml", "stamps.yaml"):
        shutil.copy(CONFIG / name, folder)
    registration = folder / "registration.csv"
    registration.write_text(
        "badge,first_name,colour,bands,consent,ticket_no\n1042,Kim,teal,ABBA,lights;analytics;offers,T-7\n"
    )
    access, keys = Access(), {}
    for door, source in ((COLLECTOR, "app"), (APP, "app"), (STAMPS, "app")):
        access, keys[door] = access.with_key(source, door)
    write_access(folder / "access.json", access)
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def tell(hub: Hub, page: str | None) -> None:
        ready.set_result((hub, page))

    with Broker(folder) as broker:
        doors = DoorSettings(folder / "data_layer.yaml", Listen(), folder / "drop", folder / "stamps.yaml")
        settings = HubSettings(
            site="expo",
            mqtt=broker.settings(),
            database=folder / "hub.db",
            registration=registration,
            venue=load_venue(folder),
            page=Listen(),
            access=folder / "access.json",
            doors=doors,
        )
        async with asyncio.TaskGroup() as tasks, aiohttp.ClientSession() as http:
            running = tasks.create_task(run_hub(settings, stop=stop, ready=tell))
            hub, page = await ready
            async with Mqtt(broker.settings(), "pi-expo", subscriptions=[(PI.profiles, 1)]) as pi:
                await until(lambda: hub.mqtt.connected and pi.connected)
                await pi.publish(PI.status, Status("online", "s1", Epoch(1, "0" * 16)).to_json(), retain=True)
                yield Day(hub, folder, page=page, keys=keys, pi=pi, http=http)
            stop.set()
            await running


async def _until(true: Any, *, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110  # it asks the store
            await asyncio.sleep(0.1)


@pytest.mark.asyncio
async def test_a_day_through_five_doors_is_one_timeline(tmp_path: Path) -> None:
    """Gateway, file, HTTP, stamp and phone, each with its own name of the guest: one guest, one timeline, one document."""
    async with a_day(tmp_path) as day:
        await _until(lambda: day.card("1042"))
        kim = await day.desk.one("1042")
        day.drop("tickets/export.csv", "ticket_no,email_address\nT-7,Kim@Example.org\n")
        day.drop("crm/contacts.csv", "Contact_Id,Visitor_Email__c,Member_Since__c\n003A,kim@example.org,2019-04-01\n")
        day.drop(
            "shop/till.csv",
            f"order_no,ordered_at,visitor_email,total\n1,{datetime.now(UTC).isoformat()},kim@example.org,12.5\n",
        )
        await day.call(COLLECTOR, "/v1/identify", {"messageId": "i1", "userId": "T-7", "traits": {"bands": ["Queen"]}})
        await day.visit(kim, "acme", 5)
        await _until(lambda: _has(day, "1042", ("visit", "gateway/pi-expo")))
        pressed = await day.call(STAMPS, "/v1/stamps", {"messageId": "s1", "userId": "T-7", "serial": "DEVSTAMP-0001"})
        assert pressed == {"verdict": "confirmed", "zone": "acme"}
        phone = await day.call(APP, "/v1/app/installations", {})
        await day.call(
            COLLECTOR, "/v1/identify", {"messageId": "i2", "userId": "T-7", "anonymousId": phone["installation"]}
        )
        now = time.time()
        heard = [
            {"marker": marker, "level": level, "at": _text(now - 600 + second)}
            for second in range(0, 300, 2)
            for marker, level in (("bacon-tray", -55), ("coffee-bar", -90))
        ]
        sightings = {"messageId": "p1", "sentAt": _text(now), "sightings": heard}
        await day.call(APP, "/v1/app/sightings", sightings, token=phone["token"])
        doors = [
            ("identify", "registration"),
            ("visit", "gateway/pi-expo"),
            ("identify", "crm"),
            ("track", "shop"),
            ("identify", "app"),
            ("stamp", "stamps"),
            ("visit", "phone"),
        ]
        for one in doors:
            await _until(lambda one=one: _has(day, "1042", one))
        card = await day.card("kim@example.org")
        assert card["person"] == kim
        assert {"crm:003A", "email:kim@example.org", "registration:T-7"} <= set(card["ids"])
        assert card["values"]["member_since"]["source"] == "crm"
        assert [entry["at_us"] for entry in card["timeline"]] == sorted(entry["at_us"] for entry in card["timeline"])


def _text(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat()


async def _has(day: Day, name: str, entry: tuple[str, str]) -> bool:
    return entry in await day.told(name)


@pytest.mark.asyncio
async def test_a_merge_at_the_desk_and_back_changes_nothing(tmp_path: Path) -> None:
    """Two guests are one, with both pasts; made two again, each card is what it was, and merged again what it was merged."""
    async with a_day(tmp_path) as day:
        await _until(lambda: day.card("1042"))
        await day.call(
            COLLECTOR, "/v1/identify", {"messageId": "i1", "anonymousId": "guest-77", "traits": {"colour": 1}}
        )
        await _until(lambda: day.card("app:guest-77"))

        async def known() -> list[Any]:
            return [_without_words(await day.card(name)) for name in ("1042", "app:guest-77")]

        apart = await known()
        await day.desk.merge("1042", "app:guest-77", by="ana")
        await _until(lambda: _are(day, one=True))
        merged = await known()
        assert merged[0] == merged[1]
        await day.desk.unmerge(f"person:{apart[0]['person']}", f"person:{apart[1]['person']}", by="ana")
        await _until(lambda: _are(day, one=False))
        assert await known() == apart
        await day.desk.merge("1042", "app:guest-77", by="ana")
        await _until(lambda: _are(day, one=True))
        assert await known() == merged


async def _are(day: Day, *, one: bool) -> bool:
    first, second = await day.card("1042"), await day.card("app:guest-77")
    folded = bool(first and second) and "app:guest-77" in second["ids"] and "badges" in first
    return folded and (first["person"] == second["person"]) == one and ("app:guest-77" in first["ids"]) == one


def _without_words(card: dict[str, Any]) -> dict[str, Any]:
    """A card without what the staff said, which is on it for ever."""
    timeline = [entry for entry in card.get("timeline", ()) if entry["source"] != "staff"]
    return {**card, "timeline": timeline}


@pytest.mark.asyncio
async def test_the_desk_in_a_browser(tmp_path: Path) -> None:
    """With the keyboard alone: a guest is looked up, what is known is read with its source, and a consent is taken back."""
    async with a_day(tmp_path) as day, async_playwright() as play:
        await _until(lambda: day.card("1042"))
        chromium = await play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            page = await chromium.new_page()
            await page.goto(f"{day.page}desk")
            await page.keyboard.type("nobody@example.org")
            await page.keyboard.press("Enter")
            await page.get_by_text("Nobody is known by that name.").wait_for()
            await page.fill("#for", "T-7")
            await page.keyboard.press("Enter")
            known = page.locator("tr", has_text="first_name")
            await known.wait_for()
            assert "registration" in str(await known.text_content())
            await page.get_by_role("button", name="Stop offers").focus()
            await page.keyboard.press("Enter")
            await page.locator("tr", has_text="offers").filter(has_text="refused").wait_for()
            await page.goto(f"{day.page}desk/map.svg")
            assert "Check-in list" in str(await page.locator("svg").text_content())
        finally:
            await chromium.close()
        assert "offers" not in {name for name, one in (await day.card("1042"))["consent"].items() if one["given"]}
