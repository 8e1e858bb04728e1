"""The folder: guests whose profile is behind the log are folded again, and what gateways may know of them is put beside.

Who is behind stands in the store, marked in the transaction that made it so, and is folded the longest waiting first; a
guest of whom much is heard is folded once for all of it. The mark goes with the fold that was made of it: what came
meanwhile, or a crash, leaves it there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import structlog

from edgehub.clock import wall_us
from edgehub.hub.fact import BADGE, PERSON, Identifier
from edgehub.hub.facts import facts_of
from edgehub.hub.guest import Guest, fold
from edgehub.hub.identity import Cluster
from edgehub.hub.ledger import Ledger, Stay
from edgehub.hub.names import clusters_of
from edgehub.hub.people import Person, change, persons_of
from edgehub.hub.store import HubStore, StoreError, Transaction
from edgehub.hub.terms import Terms

log = structlog.get_logger("edgehub.hub")

AT_ONCE = 50
"""Guests of one commit: others write in between."""
GATHER_S = 0.05
"""What comes within it is folded together."""
RETRY_S = 1.0

Tell = Callable[[Sequence[Person]], Awaitable[None]]
"""Told of everybody whom gateways must know otherwise from now on."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A guest, folded."""

    asked: str
    """The person id whose mark this answers."""
    mark: int
    guest: Guest
    claimed: bool
    """False for an id of which nobody has claimed anything: it is a guest of an earlier version, or forgotten."""
    dwell: tuple[tuple[str, int], ...]
    """Zone, and µs in it."""
    now_us: int


class Folder:
    """Folds who is behind. Use `run` as a task; `poke` when something was committed.

    Args:
        store: of the hub.
        terms: as they are now.
        tell: what is told of changed people, after the commit.
    """

    def __init__(self, store: HubStore, terms: Callable[[], Terms], tell: Tell) -> None:
        self._store = store
        self._terms = terms
        self._tell = tell
        self._folding = asyncio.Lock()
        self._behind = asyncio.Event()
        self._behind.set()  # whatever a crash left

    def poke(self) -> None:
        """Somebody may be behind."""
        self._behind.set()

    async def run(self) -> None:
        """Fold whenever somebody is behind. Never returns."""
        while True:
            await self._behind.wait()
            self._behind.clear()
            try:
                await self.catch_up()
            except StoreError as error:
                log.warning("hub.folder_waits", why=str(error))
                self._behind.set()
                await asyncio.sleep(RETRY_S)
            await asyncio.sleep(GATHER_S)

    async def catch_up(self) -> None:
        """Fold until nobody is behind, or as many as are behind now come anew all the time. Raises StoreError."""
        async with self._folding:
            left = await self._count()
            while left > 0 and (folded := await self._fold_some()):
                left -= folded

    async def _count(self) -> int:
        [[behind]] = await self._store.select("count_stale")
        return int(behind)

    async def _fold_some(self) -> int:
        """Fold those who wait longest; how many that were."""
        terms, now_us = self._terms(), wall_us()
        behind = await self._store.select("stale", limit=AT_ONCE)
        folded, broken = [], []
        for person, mark in behind:
            try:
                work = partial(_fold, person=person, mark=mark, terms=terms, now_us=now_us)
                folded.append(await self._store.read(work))
            except (ArithmeticError, LookupError, TypeError, ValueError) as error:
                # One guest of whom something senseless was kept must not keep the others from theirs.
                log.error("hub.guest_not_folded", why=type(error).__name__)  # noqa: TRY400  # its text may name the guest
                broken.append({"person": person, "mark": mark})
        if broken:
            await self._store.change(lambda transaction: transaction.run("drop_stale", broken))
        if folded:
            need_consent = terms.venue.privacy.need_consent
            changed = await self._store.change(partial(_put, folded=folded, need_consent=need_consent))
            if changed:
                await self._tell(changed)
        return len(behind)


def _fold(transaction: Transaction, person: str, mark: int, terms: Terms, now_us: int) -> Folded:
    """Read all there is about a guest, and fold it."""
    found = (one for one in clusters_of(transaction, person, terms.rules) if person in one.persons)
    claimed = next(found, None)
    cluster = claimed or Cluster((Identifier(PERSON, person),), (person,))
    names = [*cluster.ids, *(Identifier(BADGE, one.badge) for one in cluster.badges)]
    facts = facts_of(transaction.select("facts_to_fold", subjects=[str(name) for name in names]))
    stays = [Stay(*row) for row in transaction.select("stays_of", persons=cluster.persons)]
    guest = fold(
        cluster,
        facts,
        stays,
        venue=terms.venue,
        calendar=terms.calendar,
        definitions=terms.definitions,
        trust=terms.trust,
        rules=terms.rules,
        now_us=now_us,
    )
    dwell = Ledger(replace(stay, person=guest.person) for stay in stays).dwell_s(guest.person, now_us)
    times = tuple((zone, round(dwell_s * 1e6)) for zone, dwell_s in dwell.items())
    return Folded(person, mark, guest, claimed is not None, times, now_us)


def _put(transaction: Transaction, folded: Sequence[Folded], *, need_consent: bool) -> list[Person]:
    """Keep what was folded; the people whom gateways must know otherwise."""
    persons = {person for one in folded for person in one.guest.persons}
    erased = {person for (person,) in transaction.select("erased", persons=persons)}
    folded = [  # who was forgotten since they were read is nobody
        one if erased.isdisjoint(one.guest.persons) else replace(one, claimed=False, dwell=()) for one in folded
    ]
    by_person = {one.guest.person: one for one in folded if one.claimed}
    documents = [
        {"person": person, "document": one.guest.to_json(), "updated_us": one.now_us}
        for person, one in by_person.items()
    ]
    transaction.run("put_profile", documents)
    persons = {person for one in folded for person in (*one.guest.persons, one.asked)}
    transaction.run("drop_profile", [{"person": person} for person in persons - by_person.keys()])
    transaction.run("forget_dwell", [{"person": person} for person in persons])
    transaction.run(
        "put_dwell",
        [
            {"zone": zone, "person": person, "dwell_us": dwell_us}
            for person, one in {one.guest.person: one for one in folded}.items()
            for zone, dwell_us in one.dwell
        ],
    )
    transaction.run("drop_stale", [{"person": one.asked, "mark": one.mark} for one in folded])
    travelling = {person for (person,) in transaction.select("travelling", persons=persons)}
    guests = [one.guest for one in by_person.values() if one.guest.badges or travelling & set(one.guest.persons)]
    return change(transaction, (one for guest in guests for one in persons_of(guest)), need_consent=need_consent)
