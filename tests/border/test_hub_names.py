"""Who is who in the store, on SQLite and on PostgreSQL: names join, guests get ids, merges can be undone, badges move."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from edgehub.hub.claim import IdentityRules, KindRule
from edgehub.hub.fact import Fact, Identifier
from edgehub.hub.facts import Facts
from edgehub.hub.names import clusters_of, people_of, wearers_of
from edgehub.hub.store import HubStore

NOW_US = 1_800_000_000_000_000
RULES = IdentityRules(KindRule("crm", most=1), KindRule("email", blocked=("none@*",)), KindRule("tablet", shared=True))


@pytest_asyncio.fixture
async def store(database: Any) -> AsyncIterator[HubStore]:
    async with HubStore(database) as made:
        yield made


class Desk:
    """Tells facts, and asks who is who."""

    def __init__(self, store: HubStore) -> None:
        self.store = store
        self.facts = Facts(store, RULES)
        self.told = 0

    async def tell(self, *ids: str, kind: str = "identify", source: str = "crm", at_s: int | None = None) -> None:
        """That these are one guest."""
        self.told += 1
        at_us = NOW_US + 1_000_000 * (self.told if at_s is None else at_s)
        names = tuple(map(Identifier.parse, ids))
        fact = Fact(source=source, key=str(self.told), type=kind, at_us=at_us, received_us=at_us + 1, ids=names)
        assert await self.facts.take([fact]) == ["new"]

    async def person(self, name: str) -> str | None:
        """Whose name it is."""
        one = Identifier.parse(name)
        found = await self.store.read(lambda transaction: people_of(transaction, [one]))
        return found.get(one, (None, None))[1]

    async def stale(self) -> set[str]:
        """Who is to be folded again; asked once."""
        rows = [{"person": person, "mark": mark} for person, mark in await self.store.select("stale", limit=100)]
        await self.store.change(lambda transaction: transaction.run("drop_stale", rows))
        return {row["person"] for row in rows}


@pytest.mark.asyncio
async def test_names_told_together_are_one_guest_with_one_id(store: HubStore) -> None:
    """Three systems that never spoke to each other: a chain of claims, in one batch or in many, is one guest."""
    desk = Desk(store)
    await desk.tell("crm:1", "email:kim@x")
    kim = await desk.person("crm:1")
    assert kim is not None
    assert await desk.stale() == {kim}
    await desk.tell("ticket:T")
    assert await desk.person("ticket:T") not in {None, kim}
    await desk.tell("app:A", "email:kim@x")
    await desk.tell("ticket:T", "app:A")
    assert {await desk.person(name) for name in ("crm:1", "email:kim@x", "app:A", "ticket:T", f"person:{kim}")} == {kim}
    batch = [
        Fact(source="b", key=str(n), type="identify", at_us=NOW_US, received_us=NOW_US, ids=ids)
        for n, ids in enumerate(
            [
                (Identifier("a", "1"), Identifier("b", "1")),
                (Identifier("c", "1"),),
                (Identifier("c", "1"), Identifier("b", "1")),
            ]
        )
    ]
    await desk.facts.take(batch)
    assert len({await desk.person(name) for name in ("a:1", "b:1", "c:1")}) == 1


@pytest.mark.asyncio
async def test_what_names_nobody_joins_nobody(store: HubStore) -> None:
    """A tablet of the desk, a blocked address, a second CRM record: guests stay apart, and facts about nobody mark nobody."""
    desk = Desk(store)
    await desk.tell("crm:1", "tablet:desk", "email:none@x")
    await desk.tell("crm:2", "tablet:desk", "email:none@x")
    await desk.tell("crm:1", "email:a@x")
    await desk.tell("crm:2", "email:a@x")
    one, two = await desk.person("crm:1"), await desk.person("crm:2")
    assert one != two
    assert (await desk.person("tablet:desk"), await desk.person("email:none@x")) == (None, None)
    assert await desk.stale() == {one, two}
    await desk.tell("tablet:desk", kind="track")
    assert await desk.stale() == set()
    await desk.tell("crm:2", kind="track")
    assert await desk.stale() == {two}


@pytest.mark.asyncio
async def test_a_merge_can_be_undone_and_done_again(store: HubStore) -> None:
    """Each time everybody whose profile is another one is marked, and nobody else."""
    desk = Desk(store)
    await desk.tell("crm:1")
    await desk.tell("crm:2")
    await desk.tell("crm:3")
    one, two = await desk.person("crm:1"), await desk.person("crm:2")
    await desk.stale()
    for kind, same in (("merge", True), ("unmerge", False), ("merge", True)):
        await desk.tell("crm:1", "crm:2", kind=kind, source="staff")
        assert (await desk.person("crm:2") == one) is same
        assert await desk.stale() == {one, two}
    [cluster, *_] = await store.read(lambda transaction: clusters_of(transaction, str(two), RULES))
    assert cluster.persons == (one, two)


@pytest.mark.asyncio
async def test_a_badge_that_is_handed_on_leaves_its_past_with_who_wore_it(store: HubStore) -> None:
    """Two guests who share no name: handing a badge to one takes it from the other, at that time; a late stamp finds its wearer."""
    desk = Desk(store)
    await desk.tell("crm:1", "badge:7", kind="badge", at_s=100)
    await desk.tell("crm:2", "badge:7", kind="badge", at_s=200)
    one, two = await desk.person("crm:1"), await desk.person("crm:2")
    assert await desk.stale() == {one, two}
    asked = [("7", NOW_US + at_s * 1_000_000) for at_s in (50, 150, 200)]
    worn = await store.read(lambda transaction: wearers_of(transaction, asked))
    assert [worn.get(moment) for moment in asked] == [None, one, two]
    await desk.tell("badge:7", kind="stamp", at_s=150)
    assert await desk.stale() == {one}
    await desk.tell("crm:2", "badge:7", kind="badge", at_s=120)
    worn = await store.read(lambda transaction: wearers_of(transaction, asked))
    assert [worn.get(moment) for moment in asked] == [None, two, two], "what came late was earlier"
