"""What the doors need to know of guests, read from the hub's store as of its last commit."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog

from edgehub.clock import wall_us
from edgehub.hub.claim import IdentityRules
from edgehub.hub.doors.stamping import Collected
from edgehub.hub.doors.stamps import SOURCE as STAMPS
from edgehub.hub.fact import BADGE, PERSON, Fact, Identifier
from edgehub.hub.facts import facts_of
from edgehub.hub.ledger import Interval, Stay, beneath
from edgehub.hub.names import people_of, wearers_of
from edgehub.hub.store import HubStore, StoreError, Transaction

log = structlog.get_logger("edgehub.hub")

NOTE_EVERY_S = 2.0
MOST_FIELDS = 1_000
"""Unmapped fields between two notes; more than these are not a vendor's, but somebody's who plays."""
MOST_NAME = 200


class StoreGuests:
    """`Guests`, from the store.

    Args:
        store: of the hub; only read here.
        rules: which names name anybody.
    """

    def __init__(self, store: HubStore, rules: IdentityRules) -> None:
        self._store = store
        self._rules = rules

    async def person(self, ids: Sequence[Identifier]) -> str | None:
        """The guest that the strongest of these names; a badge names who wears it now."""
        return await self._store.read(lambda reading: self._person(reading, ids))

    async def visits(self, person: str, since_us: int) -> Sequence[Interval]:
        """Where the guest was: as gateways told it, and beneath that as the guest's phone did."""
        return await self._store.read(lambda reading: _visits(reading, person, since_us))

    async def collected(self, person: str) -> Sequence[Collected]:
        """The guest's stamps."""
        return await self._store.read(lambda reading: _collected(reading, person))

    def _person(self, reading: Transaction, ids: Sequence[Identifier]) -> str | None:
        names = self._rules.names(ids)
        known = people_of(reading, names)
        found = (known[name][1] for name in names if name in known)
        person = next((one for one in found if one is not None), None)
        if person is not None:
            return person
        worn = [(one.value, wall_us()) for one in ids if one.kind == BADGE]
        return next(iter(wearers_of(reading, worn).values()), None)


def _visits(reading: Transaction, person: str, since_us: int) -> list[Interval]:
    names = _names(reading, person)
    persons = [one.value for one in names if one.kind == PERSON]
    now_us = wall_us()
    stays = [Stay(*row) for row in reading.select("stays_since", persons=persons, since_us=since_us)]
    seen = [body for kind, _, body in _told(reading, names) if kind == "seen"]
    gateways = [Interval(one.zone, one.entered_us, max(one.entered_us, one.until(now_us))) for one in stays]
    phone = [Interval(one["zone"], one["from_us"], one["to_us"]) for one in seen if one["to_us"] >= since_us]
    return [*gateways, *beneath(gateways, phone)]


def _collected(reading: Transaction, person: str) -> list[Collected]:
    told = _told(reading, _names(reading, person))
    return [Collected(body["zone"], at_us) for kind, at_us, body in told if kind == "stamp"]


def _names(reading: Transaction, person: str) -> list[Identifier]:
    """Every name of the guest, the person id among them: also ids of before a merge."""
    return [Identifier(kind, value) for kind, value in reading.select("ids_of", person=person)]


def _told(reading: Transaction, names: Iterable[Identifier]) -> list[tuple[str, int, Mapping[str, Any]]]:
    subjects = [str(name) for name in names]
    rows = reading.select("stamps_and_seen", subjects=subjects) if subjects else []
    return [(kind, at_us, json.loads(body)) for kind, at_us, body in rows if body is not None]


async def held_stamps(store: HubStore, since_us: int) -> list[Fact]:
    """Stamps that were held and may count yet."""
    return facts_of(await store.select("held_stamps", source=STAMPS, since_us=since_us))


class Unmapped:
    """Counts fields that nobody mapped, and writes them down now and then: names, never values.

    Args:
        store: of the hub.
    """

    def __init__(self, store: HubStore) -> None:
        self._store = store
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def note(self, source: str, fields: Mapping[str, str]) -> None:
        """These were in a message of the source: name → type of JSON."""
        for name, kind in fields.items():
            if len(self._counts) < MOST_FIELDS:
                self._counts[source, name[:MOST_NAME], kind] += 1

    async def run(self) -> None:
        """Write down again and again. Never returns."""
        while True:
            await asyncio.sleep(NOTE_EVERY_S)
            await self.write()

    async def write(self) -> None:
        """Write down what was counted; while the store fails it is kept."""
        counts, self._counts = self._counts, Counter()
        now_us = wall_us()
        rows = [
            {"source": source, "field": name, "example_type": kind, "count": count, "now_us": now_us}
            for (source, name, kind), count in counts.items()
        ]
        try:
            if rows:
                await self._store.change(lambda transaction: transaction.run("note_unmapped", rows))
        except StoreError as error:
            log.warning("unmapped.kept_back", why=str(error))
            self._counts.update(counts)
