"""The folder on SQLite and PostgreSQL: whatever door told it, the guest's document and what gateways know follow the log."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from edgehub.config import Registrant
from edgehub.core.venue import Venue, Zone
from edgehub.hub.claim import IdentityRules, KindRule
from edgehub.hub.fact import Fact, Identifier
from edgehub.hub.facts import Facts
from edgehub.hub.folder import Folder
from edgehub.hub.guest import Guest
from edgehub.hub.ledger import Stay
from edgehub.hub.people import Person
from edgehub.hub.registration import Compared, compare
from edgehub.hub.store import HubStore, Transaction
from edgehub.hub.terms import Terms
from tests.fakes.waiting import until

NOW_US = 1_800_000_000_000_000
MINUTE_US = 60_000_000
RULES = IdentityRules(KindRule("crm", most=1), KindRule("email"))
TERMS = Terms(venue=Venue({"bar": Zone("bar", "Bar")}), rules=RULES)
KIM = Registrant(2, "1042", "Kim", "#008080", ("abba",), frozenset({"lights", "analytics"}))
JO = Registrant(3, "1043", "Jo")


class Desk:
    """A hub without its doors."""

    def __init__(self, store: HubStore) -> None:
        self.store = store
        self.facts = Facts(store, RULES)
        self.people: dict[str, Person] = {}
        self.told = 0
        self.folder = Folder(store, lambda: TERMS, self.take)

    async def take(self, people: Sequence[Person]) -> None:
        self.people |= {one.profile.person: one for one in people}

    async def register(self, *rows: Registrant, complete: bool = True) -> Compared:
        self.told += 1
        work = partial(
            compare, registrants=rows, rules=RULES, now_us=NOW_US + self.told, complete=complete, need_consent=True
        )
        compared = await self.store.change(work)
        await self.folder.catch_up()
        await self.take(compared.forgotten)
        return compared

    async def tell(self, kind: str, *ids: str, at_us: int = 0, **values: Any) -> None:
        self.told += 1
        names = tuple(map(Identifier.parse, ids))
        at_us = at_us or NOW_US + self.told
        one = Fact(
            source="crm", key=str(self.told), type=kind, at_us=at_us, received_us=at_us, ids=names, values=values
        )
        assert await self.facts.take([one]) == ["new"]
        await self.folder.catch_up()

    def wearing(self, badge: str) -> Person:
        [found] = [one for one in self.people.values() if one.badge == badge]
        return found

    async def guest(self, person: str) -> Guest | None:
        rows = await self.store.select("profile", person=person)
        return Guest.from_json(rows[0][0]) if rows else None


@pytest_asyncio.fixture
async def desk(database: Any) -> AsyncIterator[Desk]:
    async with HubStore(database) as store:
        yield Desk(store)


@pytest.mark.asyncio
async def test_a_line_of_the_registration_is_told_once_and_again_when_it_changed(desk: Desk) -> None:
    """The same list is no news; a name taken out is nobody's any more; the guest stays the same one."""
    assert (await desk.register(KIM, JO)).changed == 2
    kim = desk.wearing("1042").profile
    assert (kim.first_name, kim.colour, kim.bands, kim.consent) == ("Kim", "#008080", ("abba",), KIM.consent)
    assert (await desk.register(KIM, JO)).changed == 0
    assert (
        await desk.register(KIM._replace(first_name=None, bands=(), consent=frozenset({"lights"})), JO)
    ).changed == 1
    changed = desk.wearing("1042").profile
    assert (changed.person, changed.first_name, changed.bands, changed.consent) == (kim.person, None, (), {"lights"})
    assert changed.revision > kim.revision
    assert (
        await desk.register(KIM._replace(first_name=None, bands=(), consent=frozenset({"lights"})), JO)
    ).changed == 0


@pytest.mark.asyncio
async def test_who_is_taken_out_is_forgotten_and_comes_back_as_somebody_else(desk: Desk) -> None:
    """Nothing is left in the log, of who is who, or as a profile, but a tombstone; unless the list may be incomplete."""
    await desk.register(KIM, JO)
    kim = desk.wearing("1042").profile.person
    await desk.tell("identify", f"person:{kim}", "email:kim@x", first_name="Kimberly")
    assert (await desk.register(JO, complete=False)).kept == 1
    assert await desk.guest(kim) is not None
    await desk.register(JO)
    assert desk.people[kim].profile.erased
    assert await desk.guest(kim) is None
    for name in (f"person:{kim}", "email:kim@x"):
        assert await desk.store.select("facts_about", subjects=[name]) == []
    assert await desk.store.select("names", kinds=["person", "email"], values=[kim, "kim@x"]) == []
    await desk.folder.catch_up()
    assert desk.people[kim].profile.erased, "folding brings nobody back"
    await desk.register(KIM, JO)
    assert desk.wearing("1042").profile.person != kim


@pytest.mark.asyncio
async def test_what_other_doors_tell_is_in_the_profile_that_travels(desk: Desk) -> None:
    """A CRM record ties itself to a registered guest: one document, and the consent it tells travels."""
    await desk.register(KIM)
    kim = desk.wearing("1042").profile.person
    await desk.tell("identify", "crm:1", "email:kim@x", member_since="2020")
    other = await desk.store.select("names", kinds=["crm"], values=["1"])
    assert len(desk.people) == 1, "a record without a badge is no business of the gateways"
    await desk.tell("alias", f"person:{kim}", "crm:1")
    await desk.tell("consent", "crm:1", music=True)
    guest = await desk.guest(kim)
    assert guest is not None
    assert (guest.values["member_since"].value, guest.persons) == ("2020", (kim, other[0][3]))
    assert desk.people[kim].profile.consent == KIM.consent | {"music"}
    assert await desk.guest(other[0][3]) is None, "one document a guest"


@pytest.mark.asyncio
async def test_a_merge_travels_without_forgetting_anybody_and_can_be_undone(desk: Desk) -> None:
    """The younger id goes on without a badge, and with its own profile again after the merge was undone."""
    await desk.register(KIM, JO)
    kim, jo = desk.wearing("1042").profile, desk.wearing("1043").profile
    await desk.tell("merge", f"person:{kim.person}", f"person:{jo.person}")
    both = [desk.people[one.person].profile for one in (kim, jo)]
    assert not any(one.erased for one in both)
    assert sorted(len(one.badges) > 0 for one in both) == [False, True]
    await desk.tell("unmerge", f"person:{kim.person}", f"person:{jo.person}")
    assert desk.wearing("1042").profile.person == kim.person
    assert desk.wearing("1043").profile.person == jo.person
    assert desk.people[jo.person].profile.first_name == "Jo"


@pytest.mark.asyncio
async def test_time_is_counted_once_across_person_ids(desk: Desk) -> None:
    """Two gateways that saw one guest under two ids, overlapping: the document and the board's time count it once."""
    await desk.register(KIM, JO._replace(consent=frozenset({"offers"})))
    kim, jo = desk.wearing("1042").profile.person, desk.wearing("1043").profile.person
    stays = [
        Stay("pi", "v1", kim, "bar", NOW_US, NOW_US + 10 * MINUTE_US, NOW_US + 10 * MINUTE_US, 1, 1),
        Stay("pi-two", "v2", jo, "bar", NOW_US + 5 * MINUTE_US, NOW_US + 12 * MINUTE_US, NOW_US + 12 * MINUTE_US, 1, 1),
    ]
    await desk.store.change(lambda transaction: transaction.run("put_stay", [one.row() for one in stays]))
    await desk.tell("merge", f"person:{kim}", f"person:{jo}")
    assert await desk.store.select("dwell_of", zone="bar", limit=5, all=0) == [(kim, 12 * MINUTE_US)]


@pytest.mark.asyncio
async def test_marks_outlive_a_crash_and_what_comes_meanwhile(database: Any) -> None:
    """Facts committed by a hub that died before it folded are folded by the next; a mark made while folding stays."""
    async with HubStore(database) as store:
        first = Desk(store)
        names = (Identifier("crm", "1"),)
        told = Fact(
            source="crm", key="a", type="identify", at_us=NOW_US, received_us=NOW_US, ids=names, values={"x": 1}
        )
        await first.facts.take([told])
    async with HubStore(database) as store:
        second = Desk(store)
        [(person, mark)] = await store.select("stale", limit=9)
        await second.folder.catch_up()
        guest = await second.guest(person)
        assert guest is not None
        assert guest.values["x"].value == 1
        assert await store.select("stale", limit=9) == []

        def meanwhile(transaction: Transaction) -> None:
            transaction.run("mark_stale", [{"person": person, "mark": mark + 1}])
            transaction.run("drop_stale", [{"person": person, "mark": mark}])

        await store.change(meanwhile)
        assert await store.select("stale", limit=9) == [(person, mark + 1)]


@pytest.mark.asyncio
async def test_the_folder_runs_by_itself(desk: Desk) -> None:
    """Poked after a commit, it folds; of a guest of whom much is heard it makes one profile."""
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(desk.folder.run())
        for n in range(50):
            at_us, ids = NOW_US + n, (Identifier("crm", "1"), Identifier("badge", "7"))
            told = {"first_name": f"Kim {n}"}
            one = Fact(source="b", key=str(n), type="identify", at_us=at_us, received_us=at_us, ids=ids, values=told)
            await desk.facts.take([one])
            desk.folder.poke()
        await until(lambda: desk.people and desk.wearing("7").profile.first_name == "Kim 49", within_s=30)
        running.cancel()
    assert desk.wearing("7").profile.revision < 50
