"""Sponsors' stamps through the HTTP door: what counts is a fact, once, and goes to the gateways."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from edgehub.cli import main
from edgehub.config import ConfigError
from edgehub.config.stamps import load_stamps
from edgehub.hub.doors.stamping import Album, Pressed, once_code, screen_code
from edgehub.hub.fact import PERSON, Identifier
from edgehub.hub.ledger import Interval
from tests.fakes.doors import STAMPS_OF, Lobby, lobby

KIM, SAM = Identifier("registration", "T-7"), Identifier("registration", "T-8")


class Booths:
    """Guests who press stamps."""

    def __init__(self, doors: Lobby, session: aiohttp.ClientSession) -> None:
        self.doors = doors
        self._session = session
        self._count = 0
        doors.guests.people = {KIM: "kim", SAM: "sam"}

    def put(self, person: str, zone: str, seconds: float = 60) -> None:
        """Gateways have seen the guest there until now."""
        now_us = self.doors.clock.wall_us
        self.doors.guests.stays.setdefault(person, []).append(Interval(zone, now_us - round(seconds * 1e6), now_us))

    async def press(self, who: Identifier = KIM, *, token: str = "", **body: Any) -> tuple[int, dict[str, Any]]:
        """Status and answer."""
        self._count += 1
        told = {"messageId": f"m{self._count}", "userId": who.value, **body}
        headers = {"Authorization": f"Bearer {token or self.doors.keys['stamps']}"}
        async with self._session.post(self.doors.url + "/v1/stamps", json=told, headers=headers) as answer:
            return answer.status, json.loads(await answer.read())


@pytest.mark.asyncio
async def test_a_stamp_counts_once_and_the_gateways_hear_of_it(tmp_path: Path) -> None:
    """Confirmed, then again; one fact, one message, both with the person and not the ticket alone."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        booths = Booths(doors, session)
        booths.put("kim", "acme")
        assert await booths.press(serial="DEVSTAMP-1") == (200, {"verdict": "confirmed", "zone": "acme"})
        _, again = await booths.press(serial="DEVSTAMP-1")
        assert again["verdict"] == "again"
        [fact] = doors.log.of("stamp")
        assert fact.ids == (Identifier(PERSON, "kim"), KIM)
        assert fact.values == {"zone": "acme", "stamp": "acme-1"}
        [greeted] = doors.greeted
        assert (greeted.person, greeted.zone) == ("kim", "acme")


@pytest.mark.asyncio
async def test_who_was_not_there_is_held_until_a_gateway_says_otherwise(tmp_path: Path) -> None:
    """Not a stamp yet, but on the timeline; when late news come it counts, as of when it was pressed. A restart forgets nothing."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        booths = Booths(doors, session)
        _, held = await booths.press(serial="DEVSTAMP-1", messageId="same")
        assert held["verdict"] == "held"
        assert "nobody has seen" in held["why"]
        await booths.press(serial="DEVSTAMP-1", messageId="same")
        assert doors.log.of("stamp") == []
        [told] = doors.log.of("track")
        assert told.name == "stamp_held"
        pressed_us = doors.clock.wall_us
        booths.put("kim", "acme")
        doors.clock.pass_s(300)
        doors.stamps._held.clear()
        doors.stamps.resume([told])
        assert await doors.stamps.review() == 1
        assert await doors.stamps.review() == 0
        [fact] = doors.log.of("stamp")
        assert fact.at_us == pressed_us


@pytest.mark.asyncio
async def test_forgeries_are_refused_and_cost_time(tmp_path: Path) -> None:
    """An unknown serial, a made-up code, an old one: 403 without saying why; then even a right one waits."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        booths = Booths(doors, session)
        booths.put("kim", "acme")
        old = screen_code(STAMPS_OF["cobalt-1"], doors.clock.wall_us - 600_000_000)
        for forged in ({"serial": "DEVSTAMP-9"}, {"code": "acme-1.t1.x"}, {"code": old}, {"code": "ä"}):
            status, answer = await booths.press(**forged)
            assert (status, "no stamp" in answer["error"]) == (403, True)
        assert (await booths.press(serial="DEVSTAMP-1"))[0] == 429
        doors.clock.pass_s(2)
        assert (await booths.press(serial="DEVSTAMP-1"))[0] == 200
        assert len(doors.log.of("stamp")) == 1


@pytest.mark.asyncio
async def test_a_printed_code_is_good_for_one_guest(tmp_path: Path) -> None:
    """Its first guest may send it again; for another it is used up. A code on the screen is for everybody there."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        booths = Booths(doors, session)
        booths.put("kim", "cobalt")
        booths.put("sam", "cobalt")
        printed = once_code(STAMPS_OF["cobalt-1"])
        assert (await booths.press(code=printed))[1]["verdict"] == "confirmed"
        assert (await booths.press(code=printed))[1]["verdict"] == "again"
        status, answer = await booths.press(SAM, code=printed)
        assert (status, answer["verdict"]) == (409, "refused")
        shown = screen_code(STAMPS_OF["cobalt-1"], doors.clock.wall_us)
        assert (await booths.press(SAM, code=shown))[1]["verdict"] == "confirmed"


@pytest.mark.asyncio
async def test_rushing_through_the_booths_is_refused(tmp_path: Path) -> None:
    """The second booth within a minute says how long to wait; then it counts."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        booths = Booths(doors, session)
        booths.put("kim", "acme")
        await booths.press(serial="DEVSTAMP-1")
        doors.clock.pass_s(25)
        booths.put("kim", "birch", 24)
        status, answer = await booths.press(serial="DEVSTAMP-2")
        assert (status, answer["verdict"], answer["again_in_s"]) == (409, "refused", 35.0)
        doors.clock.pass_s(35)
        assert (await booths.press(serial="DEVSTAMP-2"))[1]["verdict"] == "confirmed"


@pytest.mark.asyncio
async def test_many_at_once_have_one_effect(tmp_path: Path) -> None:
    """The same press sixty times at once: one fact, one message."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        booths = Booths(doors, session)
        booths.put("kim", "acme")
        verdicts = await asyncio.gather(*(booths.press(serial="DEVSTAMP-1", messageId="one") for _ in range(60)))
        assert [answer["verdict"] for _, answer in verdicts].count("confirmed") == 1
        assert (len(doors.log.of("stamp")), len(doors.greeted)) == (1, 1)


@pytest.mark.asyncio
@pytest.mark.parametrize("times", [100, pytest.param(10_000, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
async def test_replays_and_forgeries_have_no_effect(tmp_path: Path, times: int) -> None:
    """S2: the same message, the same stamp under new ids, an old code, a code with a changed character, again and again."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        booths = Booths(doors, session)
        booths.put("kim", "cobalt")
        code = screen_code(STAMPS_OF["cobalt-1"], doors.clock.wall_us)
        await booths.press(code=code, messageId="first")
        kept = dict(doors.log.facts)
        changed = code[:-1] + ("a" if code[-1] != "a" else "b")
        for number in range(times):
            doors.clock.pass_s(301)  # as long as who forges has to wait
            body = ({"code": code, "messageId": "first"}, {"code": code}, {"code": changed}, {"serial": f"x-{number}"})
            assert (await booths.press(**body[number % 4]))[0] == 403
        assert doors.log.facts == kept
        assert len(doors.greeted) == 1


def test_the_staff_are_told_what_is_wrong_with_their_stamps(tmp_path: Path) -> None:
    """Zones of no sponsor, stamps anybody could be, serials twice: each on its line."""
    (tmp_path / "stamps.yaml").write_text(
        "version: 1\nstamps:\n  a: {zone: coffee, serial: S-0001}\n  b: {zone: acme}\n"
        "  c: {zone: acme, serial: S-0001}\n  d: {zone: acme, secret: plain}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_stamps(tmp_path, {"acme"})
    text = str(caught.value)
    for part in (
        "stamps.yaml:3:",
        "not a zone of a sponsor",
        "neither serial nor secret",
        "has this serial already",
        "must not be written",
    ):
        assert part in text


def test_codes_are_printed_for_cards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As many as asked for, each another, each good; none of a stamp without a secret."""
    (tmp_path / "zones.yaml").write_text("version: 1\nzones: {acme: {name: Acme, sponsor: true}}\n")
    (tmp_path / "secrets.yaml").write_text("booth: a secret of the acme booth\n")
    (tmp_path / "secrets.yaml").chmod(0o600)
    stamps = "{a: {zone: acme, secret: !secret booth}, b: {zone: acme, serial: S-0001}}"
    (tmp_path / "stamps.yaml").write_text(f"version: 1\nstamps: {stamps}\n")
    assert main(["hub", "stamp", "a", "--cards", "3", "--config", str(tmp_path)]) == 0
    codes = capsys.readouterr().out.split()
    album = Album(load_stamps(tmp_path, {"acme"}).stamps)
    assert len(set(codes)) == 3
    assert all(isinstance(album.of_code(code, 0), Pressed) for code in codes)
    assert main(["hub", "stamp", "b", "--config", str(tmp_path)]) == 2
    assert 'no stamp "b" with a secret' in capsys.readouterr().err


def test_the_shipped_stamps_are_read() -> None:
    """The example works with the example zones."""
    folder = Path(__file__).parents[2] / "config"
    stamps = load_stamps(folder / "stamps.yaml", {"acme", "birch", "cobalt"})
    assert {stamp.zone for stamp in stamps.stamps.values()} == {"acme", "birch", "cobalt"}
