"""The hub's store, the same suite on SQLite and on PostgreSQL: durable once returned, one writer, readers that do not wait."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import URL

from edgehub.core.wire import Epoch, Identity, shed_class
from edgehub.core.wire.envelope import At, batch, draft, place
from edgehub.hub.claim import IdentityRules, KindRule
from edgehub.hub.delivery import Delivery
from edgehub.hub.fact import Fact, Identifier
from edgehub.hub.facts import Facts, facts_of
from edgehub.hub.intake import Intake
from edgehub.hub.store import HubStore, StoreError, Transaction

NOW_US = 1_800_000_000_000_000
KIM = Identifier("email", "kim@example.org")
CRM = Identifier("crm", "C-17")
EPOCH = Epoch(1, "0123456789abcdef")
Database = Path | URL


@pytest_asyncio.fixture
async def store(database: Database) -> AsyncIterator[HubStore]:
    async with HubStore(database) as made:
        yield made


def fact(key: str = "1", **changes: Any) -> Fact:
    made = Fact(source="crm", key=key, type="identify", at_us=NOW_US, received_us=NOW_US + 1, ids=(KIM, CRM))
    return (
        replace(made, values={"first_name": "Kim"}, **changes) if "values" not in changes else replace(made, **changes)
    )


def delivery(*events: tuple[int, str, dict[str, Any]], gateway: str = "pi") -> Delivery:
    """A message of a gateway."""
    at = At("boot", 5, NOW_US, "synced")
    stored = [place(draft(kind, shed_class(kind), at, body), Identity(EPOCH, 0, seq)) for seq, kind, body in events]
    return Delivery.read(gateway, batch(stored, gateway))


def facts_at(store: HubStore) -> Facts:
    return Facts(store, IdentityRules(KindRule("email"), KindRule("crm"), KindRule("tablet", shared=True)))


async def keys(store: HubStore) -> list[str]:
    return [row[1] for row in await store.select("facts_about", subjects=[str(KIM)])]


@pytest.mark.asyncio
async def test_a_fact_is_kept_once_and_comes_back_as_it_was(database: Database) -> None:
    """New, told again, told otherwise; in one batch, in the next, and after a restart."""
    purchase = fact("2", type="track", name="purchase", ids=(KIM,), values={"spend": 12.5, "items": ["tea"]})
    async with HubStore(database) as store:
        taken = await facts_at(store).take([fact(), fact(), purchase, fact(at_us=NOW_US + 7)])
        assert taken == ["new", "again", "new", "conflict"]
    async with HubStore(database) as store:
        assert await facts_at(store).take([purchase, fact("2"), fact("3")]) == ["again", "conflict", "new"]
        found = facts_of(await store.select("facts_about", subjects=[str(KIM)]))
        assert found == [fact(), purchase, fact("3")]
        [(events, _, conflicts, *_)] = await store.select("counts")
        assert (events, conflicts) == (4, 2), "three were told, and the hub gave the guest an id"


@pytest.mark.asyncio
async def test_when_it_came_in_is_no_part_of_what_was_told(store: HubStore) -> None:
    """A caller that gives no time and asks again, because the answer was lost, is not in conflict with itself."""
    facts = facts_at(store)
    assert await facts.take([fact(at_us=NOW_US, received_us=NOW_US)]) == ["new"]
    assert await facts.take([fact(at_us=NOW_US + 9, received_us=NOW_US + 9)]) == ["again"]


@pytest.mark.asyncio
async def test_what_a_database_cannot_keep_is_kept_as_near_as_it_can_be(store: HubStore) -> None:
    """NUL, half a surrogate and what is too long to be found by: taken once, and known again."""
    long = fact("k" * 5000, ids=(CRM, Identifier("app", "é" * 5000)))
    odd = [
        long,
        fact("a\0b", values={"x": "a\0b"}),
        fact("2", name="\ud800"),
        fact("ä", ids=(KIM, Identifier("crm", "\0"))),
    ]
    assert await facts_at(store).take(odd) == ["new"] * 4
    assert await facts_at(store).take(odd) == ["again"] * 4
    assert await keys(store) == ["a\ufffdb", "2", "ä"]


@pytest.mark.asyncio
async def test_a_fact_is_the_strongest_name_s(store: HubStore) -> None:
    """Whatever the order the door gives them in; a tablet of the desk is nobody."""
    tablet = Identifier("tablet", "desk")
    assert await facts_at(store).take([fact("1", ids=(tablet, CRM, KIM)), fact("2", ids=(tablet,))]) == ["new"] * 2
    [first] = facts_of(await store.select("facts_about", subjects=[str(KIM)]))
    assert first.ids == (tablet, CRM, KIM)
    assert await store.select("facts_about", subjects=[str(tablet)]) == []


@pytest.mark.asyncio
async def test_changes_that_wait_together_do_not_spoil_one_another(store: HubStore) -> None:
    """Ten doors at once, three of which fail: by a mistake, by the schema, by a value: the others are kept."""

    def mistaken(_: Transaction) -> None:
        raise LookupError("mine")

    def without_a_key(transaction: Transaction) -> None:
        transaction.run(
            "put_person", [dict.fromkeys(("person", "revision", "badge", "document", "remember", "erased"))]
        )

    def too_large(transaction: Transaction) -> None:
        transaction.run("mark_stale", [{"person": "p", "mark": 2**63}])

    taking = [asyncio.ensure_future(facts_at(store).take([fact(str(n))])) for n in range(7)]
    failing = [asyncio.ensure_future(store.change(one)) for one in (mistaken, without_a_key, too_large)]
    raised = await asyncio.gather(*failing, return_exceptions=True)
    assert [type(one) for one in raised] == [LookupError, StoreError, StoreError] or type(raised[2]) is OverflowError
    assert await asyncio.gather(*taking) == [["new"]] * 7
    assert sorted(await keys(store)) == [str(n) for n in range(7)]


@pytest.mark.asyncio
async def test_readers_do_not_wait_for_the_writer(store: HubStore) -> None:
    """While a change is under way, what was committed before can be read; the change cannot be seen yet."""
    await facts_at(store).take([fact("1")])
    seen: list[list[str]] = []
    loop = asyncio.get_running_loop()

    def slow(transaction: Transaction) -> None:
        transaction.run("mark_stale", [{"person": "p", "mark": 1}])
        seen.append(asyncio.run_coroutine_threadsafe(keys(store), loop).result(20))

    await store.change(slow)
    assert seen == [["1"]]


@pytest.mark.asyncio
async def test_a_caller_who_gives_up_leaves_no_half_of_a_change(store: HubStore) -> None:
    """Cancelled while it waits or while it is written: it is kept whole or not at all, and the next is taken."""
    for n in range(20):
        task = asyncio.create_task(facts_at(store).take([fact(f"{n}a"), fact(f"{n}b")]))
        await asyncio.sleep(0.0005 * (n % 4))
        task.cancel()
    await facts_at(store).take([fact("last")])
    kept = await keys(store)
    assert {key[:-1] for key in kept if key.endswith("a")} == {key[:-1] for key in kept if key.endswith("b")}
    assert "last" in kept


@pytest.mark.asyncio
async def test_the_intake_is_the_same_on_both(store: HubStore) -> None:
    """Watermark, duplicates, conflicts, poison, a stay, and a text that PostgreSQL does not know: one transaction."""
    intake = Intake("g1", need_consent=False)
    person = {"person": "p1", "revision": 1, "badge": "7", "document": "{}", "remember": 0, "erased": 0}
    await store.change(lambda transaction: transaction.run("put_person", [person]))
    entered = {"visit": "v\0", "person": "p1", "zone": "bar", "entered_at": NOW_US, "evidence": {}}
    first = [(1, "badge.unknown_count", {"count": 1}), (2, "visit.entered", entered), (4, "visit.left", {"visit": 7})]
    again = [(1, "badge.unknown_count", {"count": 9}), (3, "badge.unknown_count", {"count": 3})]
    for events in (first, again, again):
        work = await store.change(lambda tx, e=events: intake.take(tx, [delivery(*e)], NOW_US))  # type: ignore[misc]
    [(gateway, ack)] = intake.acks(work)
    assert (gateway, ack.watermark, ack.also) == ("pi", 4, ())
    assert await intake.ack(store, "pi", EPOCH, 0) == ack
    [(events, visits, conflicts, quarantined, _)] = await store.select("counts")
    assert (events, visits, conflicts, quarantined) == (4, 1, 1, 1)
    [about] = facts_of(await store.select("facts_about", subjects=["person:p1"]))
    assert (about.source, about.key, about.type) == ("gateway/pi", f"{EPOCH.nonce}/0/2", "visit.entered")


VERSION_1 = """
insert into events values ('pi', 'n1', 0, 2, 'visit.left', 20, 21, x'02', 'kim', '{"visit":"v"}');
insert into events values ('pi', 'n1', 0, 1, 'visit.entered', 10, 11, x'01', null, null);
insert into conflicts values ('pi', 'n1', 0, 2, 30, x'99');
insert into quarantine values (5, 'pi', 40, 'why', 'raw');
insert into received values ('pi', 'n1', 0, 1, 2, '[[4,5]]');
insert into shed values ('pi', 'n1', 0, 'sample', 7, 50);
insert into stays values ('pi', 'v', 'kim', 'bar', 10, 20, 20, 1, 2);
insert into people values ('kim', 3, '1042', '{"person":"kim","revision":3,"badges":[{"key":"1042","from":5}],'
  || '"consent":{"analytics":true,"lights":true,"music":false,"offers":false,"screen":false},"audiences":[]}');
insert into people values ('jo', 1, '1043', '{"person":"jo","revision":1,"badges":[{"key":"1043","from":5}],'
  || '"consent":{"analytics":false,"lights":true,"music":false,"offers":false,"screen":false},"audiences":[]}');
insert into people values ('gone', 4, null, '{"person":"gone","revision":4,"badges":[],"consent":{},"audiences":[],"erased":true}');
"""


@pytest.mark.asyncio
async def test_a_file_of_version_1_is_taken_over_with_all_that_is_in_it(tmp_path: Path) -> None:
    """Events with their place in the log, what has arrived, and who may be remembered."""
    path = tmp_path / "hub.db"
    schema = (files("edgehub.hub.store") / "sql" / "hub_001.sql").read_text()
    with closing(sqlite3.connect(path)) as old:
        old.executescript(f"{schema}; pragma user_version=1; {VERSION_1}")
    path.chmod(0o644)
    async with HubStore(path) as store:
        assert f"{path.stat().st_mode & 0o777:o}" == "600"
        [event] = await store.select("facts_about", subjects=["person:kim"])
        assert event[:6] == ("gateway/pi", "n1/0/2", "visit.left", None, 20, 21)
        assert await store.select("counts") == [(2, 1, 1, 1, 7)]
        assert await store.select("received", gateways=["pi"], nonces=["n1"]) == [("pi", "n1", 0, 1, 2, "[[4,5]]")]
        asked: Callable[[int], Any] = lambda everybody: store.select(  # noqa: E731
            "remembered", persons=["kim", "jo", "gone"], all=everybody
        )
        assert (await asked(0), sorted(await asked(1))) == ([("kim",)], [("jo",), ("kim",)])
        assert await store.select("stale", limit=9) == [("kim", 0)], "stays of before are folded too"
        assert await facts_at(store).take([fact()]) == ["new"]
    with closing(sqlite3.connect(path)) as seen:
        tables = {name for (name,) in seen.execute("select name from sqlite_master")}
        assert not {name for name in tables if name.endswith("s_1") and "auto" not in name}


@pytest.mark.asyncio
async def test_a_store_of_a_later_edgehub_is_left_alone(tmp_path: Path) -> None:
    """It says to update, and changes nothing."""
    path = tmp_path / "hub.db"
    with closing(sqlite3.connect(path)) as later:
        later.executescript("create table people (x); pragma user_version=99;")
    with pytest.raises(StoreError, match=r"version 99.*update"):
        async with HubStore(path):
            pass
    with closing(sqlite3.connect(path)) as seen:
        assert seen.execute("select name from sqlite_master").fetchall() == [("people",)]


@pytest.mark.asyncio
async def test_a_server_that_cannot_be_reached_is_said_in_a_sentence(tmp_path: Path) -> None:
    """No traceback, and no waiting for ever."""
    with pytest.raises(StoreError, match="No such file or directory"):
        async with HubStore(URL.create("postgresql", "edgehub", database="x", query={"host": str(tmp_path)})):
            pass
