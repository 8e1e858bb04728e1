"""A hub under load, without a broker: messages of gateways are read and committed as the hub does it, while profiles are read."""

import asyncio
import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import URL

from edgehub.core.profile import BadgeBinding, Profile
from edgehub.core.venue import Venue, Zone
from edgehub.core.wire import At, Epoch, Identity, shed_class
from edgehub.core.wire.envelope import batch, draft, place
from edgehub.hub.claim import IdentityRules, KindRule
from edgehub.hub.daemon import SWITCH_S
from edgehub.hub.delivery import Delivery
from edgehub.hub.fact import PERSON, Fact, Identifier
from edgehub.hub.facts import Facts
from edgehub.hub.folder import Folder
from edgehub.hub.gateways import MOST_WAITING, take_all
from edgehub.hub.intake import Intake
from edgehub.hub.people import Person, put
from edgehub.hub.store import HubStore, Transaction
from edgehub.hub.terms import Terms

GATEWAYS = 20
GUESTS = 2_000
"""At the venue; the other profiles are of people who registered."""
PER_MESSAGE = 50
READ_EVERY_S = 0.005
FOLDS = 60
NOW_US = time.time_ns() // 1000
DOCUMENT = (
    '{"person":"%s","persons":["%s"],"ids":["email:guest%s@example.org"],"badges":[],"values":{%s},"consent":{},'
    '"attributes":{},"timeline":[]}'
)
VALUES = ",".join(f'"variable_{n}":{{"value":"{"x" * 40}","at_us":1800000000000000,"source":"crm"}}' for n in range(12))
RULES = IdentityRules(KindRule("crm", most=1), KindRule("email"))
TERMS = Terms(venue=Venue({"bar": Zone("bar", "Bar"), "stage": Zone("stage", "Stage")}), rules=RULES)


@dataclass(frozen=True)
class Load:
    """What is put upon it."""

    profiles: int
    events: int
    rounds: int


@dataclass(frozen=True)
class Figures:
    """What came of it, as medians of the rounds."""

    events_per_s: float
    read_p95_ms: float
    fold_p50_ms: float


async def measure(database: Path | URL, load: Load) -> Figures:
    """Fill a store, then take events in while profiles are read; then see how soon single events are in a profile."""
    sys.setswitchinterval(SWITCH_S)
    async with HubStore(database) as store:
        await _fill(store, load.profiles)
        intake = Intake("bench")
        rates, reads = [], []
        for number in range(load.rounds):
            messages = list(_messages(number, load.events))
            latencies_ms: list[float] = []
            reading = asyncio.create_task(_read(store, load.profiles, latencies_ms))
            began = time.perf_counter()
            await _take(store, intake, messages)
            rates.append(load.events / (time.perf_counter() - began))
            reading.cancel()
            reads.append(statistics.quantiles(latencies_ms, n=20)[-1])
            await asyncio.sleep(0.5)  # the database puts its log away
        folds_ms = await _folds(store)
    return Figures(statistics.median(rates), statistics.median(reads), statistics.median(folds_ms))


async def _take(store: HubStore, intake: Intake, messages: Sequence[tuple[str, bytes]]) -> None:
    """As `edgehub.hub.gateways` does it when so many wait: read and committed together."""
    for at in range(0, len(messages), MOST_WAITING):
        unread = [partial(Delivery.read, *message) for message in messages[at : at + MOST_WAITING]]
        work = await store.change(partial(take_all, intake=intake, unread=unread))
        assert len(work.events) == PER_MESSAGE * len(unread), "each event is new"
        intake.acks(work)


async def _read(store: HubStore, profiles: int, latencies_ms: list[float]) -> None:
    chance = random.Random(1)
    while True:
        began = time.perf_counter()
        rows = await store.select("profile", person=_person(chance.randrange(profiles)))
        latencies_ms.append((time.perf_counter() - began) * 1000)
        assert len(rows) == 1
        await asyncio.sleep(READ_EVERY_S)


async def _folds(store: HubStore) -> list[float]:
    """From handing a fact over to the document in which it is, with the folder as it runs in a hub."""
    folder = Folder(store, lambda: TERMS, _nobody)
    facts = Facts(store, RULES)
    await folder.catch_up()
    running = asyncio.create_task(folder.run())
    took_ms = []
    for number in range(FOLDS):
        person = _person(number)
        ids = (Identifier(PERSON, person), Identifier("crm", str(number)))
        now_us = time.time_ns() // 1000
        told = Fact(source="crm", key=f"{number}", type="identify", at_us=now_us, received_us=now_us, ids=ids)
        began = time.perf_counter()
        await facts.take([told])
        folder.poke()
        while not await _is_in(store, person, f"crm:{number}"):  # noqa: ASYNC110  # as somebody who looks at a page
            await asyncio.sleep(0.001)
        took_ms.append((time.perf_counter() - began) * 1000)
    running.cancel()
    await asyncio.wait([running])
    return took_ms


async def _is_in(store: HubStore, person: str, name: str) -> bool:
    return any(name in row[0] for row in await store.select("profile", person=person))


async def _nobody(_: Sequence[Person]) -> None:
    """There are no gateways to be told."""


# --- what is in the store, and what comes ---------------------------------------------------------------------------


def _person(number: int) -> str:
    return f"{number * 2654435761 % 2**64:016x}"


async def _fill(store: HubStore, profiles: int) -> None:
    agreed = frozenset({"analytics", "lights"})
    people = [
        Person(f"b{n}", Profile(_person(n), 0, (BadgeBinding(f"b{n}", 1),), f"Guest {n}", consent=agreed))
        for n in range(min(GUESTS, profiles))
    ]
    await store.change(partial(put, people=people, need_consent=True))
    persons = sorted(map(_person, range(profiles)))  # in order, or filling a file would take longer than measuring
    for at in range(0, profiles, 20_000):
        await store.change(partial(_put_profiles, persons=persons[at : at + 20_000]))


def _put_profiles(transaction: Transaction, persons: Sequence[str]) -> None:
    rows = [{"person": p, "document": DOCUMENT % (p, p, p, VALUES), "updated_us": NOW_US} for p in persons]
    transaction.run("put_profile", rows)


def _messages(number: int, events: int) -> Iterator[tuple[str, bytes]]:
    """Messages of all gateways in turn; one more life of each a round."""
    chance = random.Random(number)
    nonces = [f"{chance.getrandbits(64):016x}" for _ in range(GATEWAYS)]
    for message in range(events // PER_MESSAGE):
        turn, gateway = divmod(message, GATEWAYS)
        epoch, first = Epoch(number + 1, nonces[gateway]), turn * PER_MESSAGE + 1
        stored = [_event(chance, Identity(epoch, 0, seq), gateway) for seq in range(first, first + PER_MESSAGE)]
        yield f"pi-{gateway}", batch(stored, f"pi-{gateway}")


def _event(chance: random.Random, identity: Identity, gateway: int) -> bytes:
    """What a gateway says: of ten events two begin a visit, two end one, four tell progress, one lights a lamp."""
    wall_us = NOW_US + identity.seq * 1000
    visit = f"{gateway}-{identity.epoch.nonce[:4]}-{identity.seq // 5}"
    where = {"visit": visit, "person": _person(chance.randrange(GUESTS)), "zone": chance.choice(("bar", "stage"))}
    kind, body = chance.choice(
        (
            *[("visit.entered", {**where, "entered_at": wall_us, "evidence": {"levels": {"pi": -61}}})] * 2,
            *[("dwell.progress", {**where, "dwell_s": 60.0})] * 4,
            *[("visit.left", {**where, "entered_at": wall_us, "left_at": wall_us + 9_000_000, "dwell_s": 9.0})] * 2,
            ("light.shown", {"zone": "bar", "colour": "#ff8800", "person": where["person"]}),
            ("badge.unknown_count", {"count": 3}),
        )
    )
    at = At("boot", identity.seq, wall_us, "synced")
    return place(draft(kind, shed_class(kind), at, body), identity)
