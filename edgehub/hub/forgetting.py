"""Forgetting guests, whoever asks for it: the store, what lies beside it, then the gateways, each of which sends a receipt."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from edgehub.hub.claim import IdentityRules
from edgehub.hub.erasure import Erased
from edgehub.hub.fact import Identifier
from edgehub.hub.facts import Log
from edgehub.hub.forgotten import Why, bar, lift
from edgehub.hub.guests import Guests
from edgehub.hub.people import Person, put, tombstone
from edgehub.hub.store import HubStore, StoreError, Transaction
from edgehub.hub.traces import Traces

log = structlog.get_logger("edgehub.hub")


NOTHING = Traces(frozenset()).to_json()
AT_ONCE = 50
"""Guests of one commit: others write in between."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a gateway says of what was to be forgotten."""

    gateway: str
    confirmed: bool
    online: bool
    waiting: int
    """Guests of whom it may still hold something."""


class Forgetting:
    """Forgets guests.

    Args:
        store: of the hub.
        rules: of the kinds of names.
        guests: whom gateways are told of.
        online: the gateways that are, by name.
        poke: called after a commit, for who follows the log.
        wall_us: the wall clock, µs since 1970.
    """

    def __init__(
        self,
        store: HubStore,
        rules: IdentityRules,
        guests: Guests,
        *,
        online: Callable[[], Sequence[str]],
        poke: Callable[[], None],
        wall_us: Callable[[], int],
    ) -> None:
        self._store = store
        self._rules = rules
        self._guests = guests
        self._online = online
        self._poke = poke
        self._wall_us = wall_us
        self.beside: list[Callable[[Traces], Awaitable[None]]] = []
        """Are told what gives the guest away, and leave nothing of it where they keep things beside the store."""

    async def forget(self, *persons: str, why: Why = "asked") -> int:
        """Forget guests by their person ids; the revision that a gateway's receipt must reach. Raises StoreError."""
        erased, people = await self._forget(persons, why)
        log.info("guests.forgotten", guests=len(erased), clean=await self.clean())
        return max((one.profile.revision for one in people), default=0)

    async def forget_everybody(self) -> int:
        """Forget all there are, and all that could be about somebody; how many guests. Raises StoreError."""
        gone = 0
        while persons := [person for (person,) in await self._store.select("anybody", limit=AT_ONCE)]:
            erased, _ = await self._forget(persons, "event")
            gone += len(erased)
            log.info("guests.forgotten", guests=gone)
        if gone:
            await self._store.change(_sweep)
            await self.clean(rewrite=True)
        return gone

    async def _forget(self, persons: Sequence[str], why: Why) -> tuple[list[Erased], list[Person]]:
        work = partial(self._erase, persons=persons, why=why)
        async with self._guests.changing:
            erased, people = await self._store.change(work)
            await self._guests.settle(people)
        self._poke()
        return erased, people

    async def clean(self, *, rewrite: bool = False) -> bool:
        """Leave nothing of who was forgotten beside the tables; False when something of it did not work.

        What is to be done stands in the store since the guest was erased, and goes when it is done: call this at the
        start too, for a hub that was killed before.
        """
        try:
            return await self._clean(rewrite=rewrite)
        except (StoreError, OSError) as error:
            log.error("forget.not_clean", why=str(error))  # noqa: TRY400  # says it all
            return False

    async def _clean(self, *, rewrite: bool) -> bool:
        owed = await self._store.select("owed")
        if not owed:
            return True
        traces = Traces.of_all(kept for _, kept in owed)
        for leave_nothing in self.beside:
            await leave_nothing(traces)
        # The traces go before the file is looked at, or they would be found in it. What stands there without any was left
        # by a hub that was killed since: nobody knows any more what to look for.
        emptied = [{"id": one, "traces": NOTHING} for one, _ in owed]
        await self._store.change(lambda transaction: transaction.run("settle_owed", emptied))
        unknown = any(kept == NOTHING for _, kept in owed)
        clean = await self._store.scrub(traces.needles, rewrite=rewrite or unknown)
        await self._store.change(lambda transaction: transaction.run("drop_owed", emptied))
        return clean

    def _erase(self, transaction: Transaction, persons: Sequence[str], why: Why) -> tuple[list[Erased], list[Person]]:
        erased: list[Erased] = []
        for person in persons:
            if not any(person in one.persons for one in erased):
                erased.append(Log(transaction, self._rules, self._wall_us()).forget(person))
                bar(transaction, erased[-1].names, why)
        gone = sorted({person for one in erased for person in one.persons})
        need_consent = self._guests.roster.need_consent
        return erased, put(transaction, [tombstone(one) for one in gone], need_consent=need_consent)

    async def admit(self, kind: str | None, values: Sequence[str]) -> bool:
        """Let the guest in again who had one of these names; False when nobody forgotten had."""
        kinds = [*self._rules.kinds] if kind is None else [kind]
        names = [Identifier(one, value) for one in kinds for value in values]
        return await self._store.change(lambda transaction: lift(transaction, names))

    async def receipts(self, revision: int) -> list[Receipt]:
        """Of each gateway there is; ``revision`` is of what was forgotten, 0 for all of it. Raises StoreError."""
        known = {gateway for (gateway,) in await self._store.select("gateways")}
        confirmed = {gateway: at for gateway, at, _ in await self._store.select("receipts")}
        online = set(self._online())
        made = []
        for gateway in sorted(known | online):
            at = confirmed.get(gateway, 0)
            [[waiting]] = await self._store.select("tombstones", revision=at)
            done = at >= revision if revision else not waiting
            made.append(Receipt(gateway, done, gateway in online, waiting))
        return made


def _sweep(transaction: Transaction) -> None:
    """What is left of doors when every guest is gone is about somebody whom nobody knows."""
    for name in ("sweep_facts", "sweep_sightings", "sweep_quarantine", "sweep_names", "sweep_claims"):
        transaction.run(name, [{}])
