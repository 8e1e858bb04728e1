"""The desk: staff find a guest by any name, see what is known and from where, and say who is who; each word is a fact."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from edgehub.cli import main
from edgehub.config.data_layer import load_data_layer
from edgehub.core.venue import BadgeScheme
from edgehub.hub.claim import IdentityRules, KindRule
from edgehub.hub.desk import Desk, DeskError
from edgehub.hub.doors.desk import add_desk, at_socket
from edgehub.hub.fact import Fact, Identifier
from edgehub.hub.facts import Facts
from edgehub.hub.lineage import Lineage, lineage
from edgehub.hub.store import HubStore

NOW_US = 1_795_456_800_000_000
SCHEME = BadgeScheme("f7826da6-4fa2-4e98-8024-bc5b71e0893e", 1)
CONFIG = Path(__file__).parents[2] / "config"
Counter = TestClient[web.Request, web.Application]


class Hub:
    """The log of a hub, and its desk."""

    def __init__(self, store: HubStore) -> None:
        self.store = store
        self.facts = Facts(store, IdentityRules(KindRule("registration", most=1), KindRule("email")))
        self.now_us = NOW_US
        self.desk = Desk(store, self.facts.take, scheme=lambda: SCHEME, wall_us=self.tick)

    def tick(self) -> int:
        self.now_us += 1_000_000
        return self.now_us

    async def tell(self, *ids: str, **values: object) -> None:
        """Somebody tells of a guest with these names."""
        at_us = self.tick()
        names = tuple(map(Identifier.parse, ids))
        told = Fact(
            source="crm", key=str(at_us), type="identify", at_us=at_us, received_us=at_us, ids=names, values=values
        )
        assert await self.facts.take([told]) == ["new"]

    async def person(self, name: str) -> str:
        return await self.desk.one(name)


@pytest_asyncio.fixture
async def hub(database: Path) -> AsyncIterator[Hub]:
    async with HubStore(database) as store:
        yield Hub(store)


@pytest.mark.asyncio
async def test_a_guest_is_found_by_any_name_in_any_spelling(hub: Hub) -> None:
    """An address in capitals, a ticket's number, a badge with a leading zero, or the kind spelled out."""
    await hub.tell("registration:T7", "email:kim@example.org", "badge:1042")
    await hub.tell("registration:T8", "email:sam@example.org")
    kim = await hub.person("kim@example.org")
    for name in ("KIM@example.org", "T7", "registration:T7", "01042", "badge:1042", f"person:{kim}"):
        assert await hub.person(name) == kim, name
    assert await hub.person("T8") != kim


@pytest.mark.asyncio
async def test_nobody_and_several_are_said(hub: Hub) -> None:
    """A name of nobody is said so; one of two guests asks for its kind."""
    await hub.tell("registration:7")
    await hub.tell("crm:7")
    with pytest.raises(DeskError, match="nobody"):
        await hub.person("kim@example.org")
    with pytest.raises(DeskError, match=r"any of 2 guests.*KIND:VALUE"):
        await hub.person("7")
    assert await hub.person("crm:7") != await hub.person("registration:7")


@pytest.mark.asyncio
async def test_a_merge_can_be_taken_back(hub: Hub) -> None:
    """Two guests are one, and then two again as they were; each word is in the log with who said it."""
    await hub.tell("email:kim@example.org")
    await hub.tell("crm:003A")
    one, other = await hub.person("kim@example.org"), await hub.person("crm:003A")
    await hub.desk.merge("kim@example.org", "003A", by="ana")
    assert await hub.person("kim@example.org") == await hub.person("crm:003A")
    await hub.desk.unmerge("kim@example.org", "crm:003A", by="ana")
    assert (await hub.person("kim@example.org"), await hub.person("crm:003A")) == (one, other)
    said = await hub.store.select("facts_about", subjects=[f"person:{one}", f"person:{other}", "email:kim@example.org"])
    assert [(row[2], json.loads(row[8])) for row in said if row[0] == "staff"] == [
        ("merge", {"by": "ana"}),
        ("unmerge", {"by": "ana"}),
    ]


@pytest.mark.asyncio
async def test_who_is_one_already_is_not_merged(hub: Hub) -> None:
    """Nothing is written for nothing."""
    await hub.tell("email:kim@example.org", "crm:003A")
    with pytest.raises(DeskError, match="one guest already"):
        await hub.desk.merge("kim@example.org", "003A", by="ana")


@pytest.mark.asyncio
async def test_a_lost_badge_is_swapped(hub: Hub) -> None:
    """The new badge finds the guest; the old one finds nobody, since nobody wears it now."""
    await hub.tell("email:kim@example.org", "badge:1042")
    kim = await hub.person("1042")
    await hub.desk.hand("kim@example.org", "1043", by="ana")
    assert await hub.person("1043") == kim
    with pytest.raises(DeskError, match="nobody"):
        await hub.person("1042")
    with pytest.raises(DeskError, match="names no badge"):
        await hub.desk.hand("kim@example.org", "hello", by="ana")


@pytest.mark.asyncio
async def test_only_a_badge_that_is_worn_is_taken_back(hub: Hub) -> None:
    """Taking back what somebody else wears, or the same twice, is said to be a mistake, and nobody loses a badge."""
    await hub.tell("email:kim@example.org", "badge:1042")
    await hub.tell("email:sam@example.org", "badge:1043")
    with pytest.raises(DeskError, match="not worn"):
        await hub.desk.hand("kim@example.org", "1043", by="ana", worn=False)
    await hub.desk.hand("kim@example.org", "1042", by="ana", worn=False)
    with pytest.raises(DeskError, match="not worn"):
        await hub.desk.hand("kim@example.org", "1042", by="ana", worn=False)
    assert await hub.person("1043") == await hub.person("sam@example.org")


@pytest.mark.asyncio
async def test_a_purpose_nobody_knows_is_not_taken_for_a_word(hub: Hub) -> None:
    """A misspelt refusal is said to be one: it must not be lost."""
    await hub.tell("email:kim@example.org")
    with pytest.raises(DeskError, match="there are: analytics, lights"):
        await hub.desk.agree("kim@example.org", "ofers", given=False, by="ana")


@pytest_asyncio.fixture
async def counter(hub: Hub) -> AsyncIterator[Counter]:
    async def draw() -> Lineage:
        return lineage(load_data_layer(CONFIG))

    app = web.Application()
    add_desk(app, hub.desk, draw)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.asyncio
async def test_the_desk_answers_over_http(hub: Hub, counter: Counter) -> None:
    """Looking and saying; what cannot be done is a sentence, never a failure."""
    await hub.tell("email:kim@example.org")
    await hub.tell("crm:003A")
    found = await (await counter.get("/desk/guests", params={"for": "kim@example.org"})).json()
    assert [guest["ids"] for guest in found["guests"]] == [
        ["email:kim@example.org", f"person:{await hub.person('kim@example.org')}"]
    ]
    assert (await counter.post("/desk/merge", json={"a": "kim@example.org", "b": "003A"})).status == 200
    again = await counter.post("/desk/merge", json={"a": "kim@example.org", "b": "003A"})
    assert (again.status, await again.json()) == (409, {"why": "they are one guest already"})
    for body in (b"", b"[]", b'{"a": 1}', b"{" * 100_000):
        answer = await counter.post("/desk/merge", data=body)
        assert answer.status == 409
    assert (await counter.get("/desk/guests/nobody@example.org")).status == 404
    assert "<svg" in await (await counter.get("/desk/map.svg")).text()


@pytest.mark.asyncio
async def test_the_command_asks_through_a_socket_that_only_its_owner_opens(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`edgehub guest` finds, says, and tells why not; without a hub it says so and exits 2."""
    await hub.tell("email:kim@example.org")
    await hub.tell("crm:003A")

    async def draw() -> Lineage:
        return lineage(load_data_layer(CONFIG))

    async def ask(*words: str) -> int:
        return await asyncio.to_thread(main, ["guest", *words, "--hub", str(socket)])

    socket = tmp_path / "hub.sock"
    assert await ask("find", "kim@example.org") == 2
    async with at_socket(hub.desk, draw, socket):
        assert socket.stat().st_mode & 0o077 == 0
        assert await ask("find", "kim@example.org") == 0
        assert await ask("merge", "kim@example.org", "003A") == 0
        assert await ask("merge", "kim@example.org", "003A") == 1
    said = capsys.readouterr()
    assert "email:kim@example.org person:" in said.out
    assert "they are one guest already" in said.err
