"""The phone app through the HTTP door: what phones hear becomes facts of less trust, whatever their clocks say."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from edgehub.hub.access import read_access, write_access
from edgehub.hub.fact import Identifier
from tests.fakes.doors import Lobby, lobby


class Phone:
    """An installation of the app, with a clock of its own."""

    def __init__(self, doors: Lobby, session: aiohttp.ClientSession, off_s: float = 0.0) -> None:
        self.doors = doors
        self._session = session
        self.off_s = off_s
        self.token = ""
        self.installation = ""
        self._count = 0

    async def register(self) -> None:
        """Get a token."""
        _, answer = await self.post("/v1/app/installations", {}, self.doors.keys["app"])
        self.token, self.installation = answer["token"], answer["installation"]

    async def post(self, path: str, body: Any, shown: str = "") -> tuple[int, dict[str, Any]]:
        """Status and answer."""
        headers = {"Authorization": f"Bearer {shown or self.token}"}
        async with self._session.post(self.doors.url + path, json=body, headers=headers) as answer:
            return answer.status, json.loads(await answer.read())

    def now(self) -> datetime:
        """By the phone."""
        return datetime.fromtimestamp(self.doors.clock.wall_us / 1e6, UTC) + timedelta(seconds=self.off_s)

    def stand(self, marker: str, level: float, seconds: int = 60) -> dict[str, Any]:
        """A message of so long beside a marker, which passes."""
        self._count += 1
        began = self.now()
        heard = [
            {"marker": marker, "level": level, "at": (began + timedelta(seconds=second)).isoformat()}
            for second in range(seconds)
        ]
        self.doors.clock.pass_s(seconds)
        return {"messageId": f"m{self._count}", "sentAt": self.now().isoformat(), "sightings": heard}


@pytest.mark.asyncio
@pytest.mark.parametrize("off_s", [0.0, -600.0, 3600.0])
async def test_a_minute_beside_a_marker_is_a_fact(tmp_path: Path, off_s: float) -> None:
    """In our time, whatever the phone's clock; named by the installation; without any level."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        phone, began_us = Phone(doors, session, off_s), doors.clock.wall_us
        await phone.register()
        status, answer = await phone.post("/v1/app/sightings", phone.stand("acme-marker", -60))
        assert (status, answer["taken"], answer["zone"]) == (200, 60, "acme")
        _, answer = await phone.post("/v1/app/sightings", phone.stand("9001", -60))
        assert answer["taken"] == 60
        facts = doors.log.of("seen")
        assert {fact.ids for fact in facts} == {(Identifier("app", phone.installation),)}
        assert facts[0].values["from_us"] >= began_us
        assert facts[-1].values["to_us"] <= doors.clock.wall_us
        assert sum(fact.values["to_us"] - fact.values["from_us"] for fact in facts) >= 90e6
        assert {fact.source for fact in facts} == {"phone"}
        assert not any("level" in fact.values for fact in facts)


@pytest.mark.asyncio
async def test_a_message_that_comes_again_changes_nothing(tmp_path: Path) -> None:
    """The same: again. Other content under its id: a conflict. The same heard under a new id: too late to mean anything."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        phone = Phone(doors, session)
        await phone.register()
        told = phone.stand("acme-marker", -60)
        await phone.post("/v1/app/sightings", told)
        kept = dict(doors.log.facts)
        assert (await phone.post("/v1/app/sightings", told))[1]["result"] == "again"
        other = {**told, "sightings": told["sightings"][:5]}
        assert (await phone.post("/v1/app/sightings", other))[0] == 409
        _, answer = await phone.post("/v1/app/sightings", {**told, "messageId": "new"})
        assert (answer["taken"], answer["late"]) == (0, 60)
        assert doors.log.facts == kept


@pytest.mark.asyncio
async def test_a_clock_that_jumps_is_refused_and_then_followed(tmp_path: Path) -> None:
    """A message that waited, or a clock that was set, means nothing; the next by the same clock does."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        phone = Phone(doors, session)
        await phone.register()
        await phone.post("/v1/app/sightings", phone.stand("acme-marker", -60))
        phone.off_s = 300.0
        status, answer = await phone.post("/v1/app/sightings", phone.stand("birch-marker", -60))
        assert (status, "clock" in answer["error"]) == (400, True)
        status, answer = await phone.post("/v1/app/sightings", phone.stand("birch-marker", -60))
        assert (status, answer["zone"]) == (200, "birch")
        phone.off_s = 3 * 24 * 3600.0
        assert (await phone.post("/v1/app/sightings", phone.stand("acme-marker", -60)))[0] == 400


@pytest.mark.asyncio
async def test_what_could_not_be_kept_is_kept_later(tmp_path: Path) -> None:
    """A disk that refuses once loses nothing of what the phone told."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        phone = Phone(doors, session)
        await phone.register()
        told, doors.log.failing = phone.stand("acme-marker", -60), True
        assert (await phone.post("/v1/app/sightings", told))[0] == 503
        doors.log.failing = False
        status, answer = await phone.post("/v1/app/sightings", {**told, "sentAt": phone.now().isoformat()})
        assert (status, answer["result"]) == (200, "new")
        assert len(doors.log.of("seen")) == 1


@pytest.mark.asyncio
async def test_nobody_speaks_for_another_phone(tmp_path: Path) -> None:
    """A made-up token is none, the app's own key names no phone, and a key taken away takes its tokens along."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        phone = Phone(doors, session)
        await phone.register()
        told = phone.stand("acme-marker", -60)
        parts = phone.token.split(".")
        forged = ".".join([*parts[:2], "someone-else", parts[3]])
        assert (await phone.post("/v1/app/sightings", told, forged))[0] == 401
        assert (await phone.post("/v1/app/sightings", told, doors.keys["app"]))[0] == 403
        assert (await phone.post("/v1/identify", {}, phone.token))[0] == 401
        strange = {**told, "sightings": [{"marker": "nobody's", "level": -60, "at": phone.now().isoformat()}]}
        assert (await phone.post("/v1/app/sightings", strange))[1]["unknown"] == 1
        path = tmp_path / "access.json"
        write_access(path, read_access(path).without_key(parts[1]))
        assert (await phone.post("/v1/app/sightings", told))[0] == 401


@pytest.mark.asyncio
async def test_the_phone_stamps_for_its_own_guest_alone(tmp_path: Path) -> None:
    """Whatever name it gives."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        phone = Phone(doors, session)
        await phone.register()
        doors.guests.people = {Identifier("registration", "T-7"): "kim", Identifier("app", phone.installation): "sam"}
        body = {"messageId": "m", "serial": "DEVSTAMP-1", "userId": "T-7"}
        _, answer = await phone.post("/v1/stamps", body)
        assert answer["verdict"] == "held"
        [fact] = doors.log.of("track")
        assert fact.ids == (Identifier("app", phone.installation),)
