"""A guest who asked to be forgotten: gone from the hub on both databases, kept out of every export, let in when they ask."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from edgehub.cli import main
from edgehub.config import Registrant
from edgehub.config.data_layer import load_data_layer
from edgehub.hub.data_layer import DataLayer
from edgehub.hub.desk import DeskError
from edgehub.hub.doors.desk import at_socket
from edgehub.hub.doors.drop import Drop
from edgehub.hub.fact import Identifier
from edgehub.hub.folder import _fold, _put
from edgehub.hub.forgetting import NOTHING
from edgehub.hub.lineage import Lineage, lineage
from edgehub.hub.registration import compare
from edgehub.hub.store import HubStore
from edgehub.hub.traces import Traces
from edgehub.tools.sheet import sheet
from tests.fakes.forgetful import NOW_US, RULES, SCHEME, TERMS, Hub

KIM = ("email:kim@example.org", "crm:003A-KIM", "badge:1042")
CONFIG = Path(__file__).parents[2] / "config"


@pytest_asyncio.fixture
async def hub(database: Any) -> AsyncIterator[Hub]:
    async with HubStore(database) as store:
        yield Hub(store)


@pytest.mark.asyncio
async def test_nothing_of_a_forgotten_guest_is_left_and_nobody_else_loses_anything(hub: Hub, database: Any) -> None:
    """Facts, keys, mentions in other guests' facts, set-aside messages, and on SQLite every byte of the files."""
    await hub.tell("email:sam@example.org", "crm:SAM-1", first_name="Sam")
    await hub.tell(*KIM, first_name="Kimberley", key="kim@example.org/1")
    assert await hub.tell(*KIM, first_name="Kimberly", key="kim@example.org/1") == "conflict"
    await hub.tell("crm:003A-KIM", kind="track", thing="hat")
    await hub.tell("badge:1042", kind="track", thing="beer")
    await hub.tell("crm:SAM-1", "email:kim@example.org", first_name="Sam")  # two CRM ids cannot be one guest: refused
    await hub.desk.merge("kim@example.org", "sam@example.org", by="ana")
    await hub.desk.unmerge("email:kim@example.org", "email:sam@example.org", by="ana")
    await hub.folder.catch_up()
    raw = [
        {"gateway": "pi-bar", "received_us": 1, "why": "?", "raw": text} for text in ('{"x":"KIM@example.org"}', "{")
    ]
    await hub.store.change(lambda transaction: transaction.run("quarantine", raw[:1]))
    await hub.store.change(lambda transaction: transaction.run("quarantine", raw[1:]))
    kim, sam = await hub.desk.one("crm:003A-KIM"), await hub.desk.one("crm:SAM-1")
    assert kim != sam
    await hub.desk.forget("1042")
    await hub.folder.catch_up()
    left = (await hub.all_text()).lower()
    for trace in ("kim", "003a", "1042", "beer", "hat"):
        assert trace not in left, trace
    assert await hub.desk.one("sam@example.org") == sam
    assert (await hub.desk.guest(sam))["values"]["first_name"]["value"] == "Sam"
    assert await hub.store.select("quarantined") == [(2, "{")]
    assert hub.guests.roster.of(kim) is None
    if isinstance(database, Path):
        held = b"".join(one.read_bytes() for one in database.parent.glob(f"{database.name}*"))
        for trace in (b"kim@", b"Kimber", b"003A", b"beer"):
            assert trace not in held, trace


@pytest.mark.asyncio
async def test_an_export_does_not_bring_a_forgotten_guest_back(hub: Hub) -> None:
    """Whatever names them is answered "forgotten" and kept nowhere, also beside a new name; others come in."""
    await hub.tell(*KIM)
    await hub.desk.forget("kim@example.org")
    before = await hub.all_text()
    for ids in (KIM, KIM[:1], ("crm:NEW", "email:kim@example.org"), ("badge:1042",)):
        assert await hub.tell(*ids) == "forgotten"
    assert await hub.all_text() == before
    assert await hub.tell("email:jo@example.org") == "new"


@pytest.mark.asyncio
async def test_who_asks_for_it_is_let_in_again(hub: Hub) -> None:
    """By any one of their names, under all of them; a name of nobody forgotten is said so."""
    await hub.tell(*KIM)
    await hub.desk.forget("1042")
    with pytest.raises(DeskError, match="KIND:VALUE"):
        await hub.desk.admit("jo@example.org")
    await hub.desk.admit("Kim@Example.org")
    assert await hub.tell(*KIM) == "new"
    assert await hub.desk.one("1042") == await hub.desk.one("crm:003A-KIM")


@pytest.mark.asyncio
async def test_a_badge_handed_to_somebody_else_is_theirs(hub: Hub) -> None:
    """The desk hands it out: the new wearer's facts come in, and the old one stays forgotten."""
    await hub.tell(*KIM)
    await hub.tell("email:jo@example.org")
    await hub.desk.forget("1042")
    await hub.desk.hand("jo@example.org", "1042", by="ana")
    assert await hub.desk.one("1042") == await hub.desk.one("jo@example.org")
    assert await hub.tell("badge:1042", kind="track") == "new"
    assert await hub.tell(*KIM) == "forgotten"


@pytest.mark.asyncio
async def test_a_line_of_the_registration_brings_nobody_back(hub: Hub) -> None:
    """The guest's line is passed over and told by its number; the others are read."""

    async def register(*rows: Registrant) -> Any:
        work = partial(compare, registrants=rows, rules=RULES, now_us=hub.tick(), complete=True, need_consent=True)
        compared = await hub.store.change(work)
        await hub.folder.catch_up()
        await hub.guests.settle(compared.forgotten)
        return compared

    kim, jo = Registrant(2, "1042", "Kim", consent=frozenset({"lights"})), Registrant(3, "1043", "Jo")
    await register(kim, jo)
    await hub.desk.forget("1042")
    for _ in range(2):
        assert (await register(kim, jo)).barred == (2,)
    with pytest.raises(DeskError, match="nobody"):
        await hub.desk.one("1042")
    assert await hub.desk.one("1043")
    await hub.desk.admit("1042")
    assert (await register(kim, jo)).barred == ()
    assert await hub.desk.one("1042")


@pytest.mark.asyncio
async def test_a_hub_killed_while_it_forgets_goes_on_with_it(hub: Hub) -> None:
    """What is left to be cleaned stands in the store with the erasure, and nothing of it stays when that is done."""
    await hub.tell(*KIM, first_name="Kimberley")
    kim = await hub.desk.one("1042")
    cleaned: list[Traces] = []

    async def leave_nothing(traces: Traces) -> None:
        cleaned.append(traces)

    hub.forgetting.beside.append(leave_nothing)
    await hub.forgetting._forget([kim], "asked")  # and killed here
    assert cleaned == []
    assert await hub.forgetting.clean()
    [traces] = cleaned
    assert traces.are_in("a row of kim@example.org")
    assert await hub.store.select("owed") == []
    assert await hub.forgetting.clean()
    assert len(cleaned) == 1


@pytest.mark.asyncio
async def test_a_hub_killed_before_the_file_was_clean_writes_it_anew(hub: Hub, database: Any) -> None:
    """What to look for is gone by then, so the whole file is written anew at the next start."""
    await hub.tell(*KIM, first_name="Kimberley")
    await hub.forgetting._forget([await hub.desk.one("1042")], "asked")
    emptied = [{"id": 1, "traces": NOTHING}]
    await hub.store.change(lambda transaction: transaction.run("settle_owed", emptied))  # and killed here
    assert await hub.forgetting.clean()
    assert await hub.store.select("owed") == []
    if isinstance(database, Path):
        held = b"".join(one.read_bytes() for one in database.parent.glob(f"{database.name}*"))
        assert b"kim@" not in held


@pytest.mark.asyncio
async def test_receipts_tell_which_gateway_has_confirmed(hub: Hub) -> None:
    """One that is online or was ever heard is waited for, until its receipt reaches the revision."""
    await hub.tell(*KIM)
    revision = await hub.desk.forget("1042")
    [waiting] = await hub.desk.receipts(revision)
    assert (waiting.gateway, waiting.confirmed, waiting.online, waiting.waiting) == ("pi-bar", False, True, 1)
    rows = [{"gateway": name, "revision": at, "received_us": 1} for name, at in (("pi-bar", revision), ("pi-old", 0))]
    await hub.store.change(lambda transaction: transaction.run("put_receipt", rows))
    bar, old = await hub.desk.receipts(revision)
    assert (bar.confirmed, bar.waiting) == (True, 0)
    assert (old.confirmed, old.online) == (False, False)


@pytest.mark.asyncio
async def test_a_fold_that_was_under_way_brings_nobody_back(hub: Hub) -> None:
    """The profile was read before the guest was forgotten, and is to be kept after."""
    await hub.tell(*KIM)
    kim = await hub.desk.one("1042")
    read = await hub.store.read(lambda reading: _fold(reading, kim, 10**6, TERMS, NOW_US))
    await hub.desk.forget("1042")
    told = await hub.store.change(lambda transaction: _put(transaction, [read], need_consent=True))
    assert told == []
    assert "kim" not in (await hub.all_text()).lower()


@pytest.mark.asyncio
async def test_rejectedrows_of_of_a_forgotten_guest_go(hub: Hub, tmp_path: Path) -> None:
    """From CSV, JSON lines and files that never could be read; other rows wait as they did."""
    layer = DataLayer(load_data_layer(CONFIG), SCHEME)
    source = next(one.id for one in layer.settings.sources.values() if one.door == "file")
    folder = tmp_path / source / "rejected"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("id,mail\n1,KIM@example.org\n2,jo@example.org\n")
    (folder / "b.jsonl").write_text('{"x": "kim@example.org"}\n')
    (folder / "c.csv").write_text("a,a\n1,kim@example.org\n2,jo@example.org\n")
    drop = Drop(tmp_path, layer, hub.facts.take, wall_us=hub.tick)
    traces = Traces(frozenset({Identifier("email", "kim@example.org")}))
    await asyncio.to_thread(drop.forget, traces)
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "a.csv": "id,mail\n2,jo@example.org\n",
        "c.csv": "a,a\n2,jo@example.org\n",
    }


@pytest.mark.parametrize(("text", "found"), [
    ('{"id": "00123"}', True), ("Kim Özil", True), ("kim \\u00f6zil", True), ("4123", False), ("kimkim@example.org", False),
])  # fmt: skip
def test_traces_are_found_as_words_in_any_spelling(text: str, found: bool) -> None:
    """Capitals, zeros before a number, JSON's escapes; not inside another word."""
    names = frozenset({Identifier("badge", "123"), Identifier("email", "kim@example.org")})
    assert Traces(names, frozenset({"Kim Özil"})).are_in(text) is found


@pytest.mark.asyncio
async def test_what_is_known_of_a_guest_can_be_read_by_the_guest(hub: Hub) -> None:
    """One page with sources and ages, in which a guest's own words are text and nothing runs or is fetched."""
    await hub.tell(*KIM, first_name="<script>alert(1)</script>", consent=["offers"])
    page = sheet(
        json.loads(json.dumps(await hub.desk.everything(await hub.desk.one("1042")))), hub.now_us + 7_200_000_000
    )
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "2 hours ago" in page
    assert "email:kim@example.org" in page
    assert not any(word in page for word in ("<script", "http:", "https:", "src=", "href="))


@pytest.mark.asyncio
async def test_the_command_forgets_and_tells_who_has_confirmed(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`edgehub guest forget`, `receipts`, `admit` and `everything --html`, through the socket; the page is its owner's alone."""

    async def ask(*words: str) -> int:
        return await asyncio.to_thread(main, ["guest", *words, "--hub", str(tmp_path / "hub.sock")])

    async def draw() -> Lineage:
        return lineage(load_data_layer(CONFIG))

    await hub.tell(*KIM, first_name="Kim")
    known = [{"gateway": "pi-old", "revision": 0, "received_us": 1}]
    await hub.store.change(lambda transaction: transaction.run("put_receipt", known))
    page = tmp_path / "kim.html"
    async with at_socket(hub.desk, draw, tmp_path / "hub.sock"):
        assert await ask("everything", "1042", "--html", str(page)) == 0
        assert await ask("forget", "1042") == 0
        assert await ask("forget", "1042") == 1
        assert await ask("receipts") == 0
        assert await ask("admit", "jo@example.org") == 1
        assert await ask("admit", "kim@example.org") == 0
    said = capsys.readouterr()
    assert [line for line in said.out.splitlines() if "[info" not in line][:3] == [
        "Gone from the hub.",
        "pi-bar has not confirmed yet (1 to go).",
        "pi-old is offline; it will confirm when it is back (1 to go).",
    ]
    assert "nobody is known" in said.err
    assert "Kim" in page.read_text()
    assert page.stat().st_mode & 0o077 == 0
