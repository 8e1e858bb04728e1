"""How well the demo went, judged from outside: the simulator's truth against the files of gateways and hub.

Nothing here asks edgehub how it did; the databases are opened read-only, as an auditor would.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from edgehub.config.colours import colour
from edgehub.hub.ledger import Interval, joined, reconciled
from edgehub.sim.files import ROOM_OF_ZONE
from edgehub.sim.guests import Guest
from edgehub.sim.truth import Stay
from edgehub.sim.witness import Entry

POLL_S = 0.5
"""Longer than a group commit, so that what was decided last is counted too."""
HUB_DATABASE = "hub.db"

OUTBOX = """
select epochs.nonce, outbox.partition, outbox.seq, outbox.acked_us is not null
from outbox join epochs on epochs.start = outbox.epoch
"""
STAYS = "select people.badge, stays.zone, stays.entered_us, stays.left_us from stays join people using (person)"
# One identity with two contents, or one stay of one gateway under two names.
DOUBLED = """
select (select count(*) from conflicts) + (
  select coalesce(sum(n - 1), 0) from (
    select count(*) as n from stays group by gateway, person, zone, entered_us having n > 1
  )
)
"""


class Event(NamedTuple):
    """The identity of an event: gateway, nonce of its epoch, partition, sequence."""

    gateway: str
    nonce: str
    partition: int
    seq: int

    @classmethod
    def of_row(cls, source: str, key: str) -> "Event":
        """As the hub keeps it: `gateway/NAME` and NONCE/PARTITION/SEQ."""
        nonce, partition, seq = key.split("/")
        return cls(source.partition("/")[2], nonce, int(partition), int(seq))


@dataclass(frozen=True, slots=True)
class Latency:
    """From the deciding advert to the request at the bridge, ms of real time; None where nothing was measured."""

    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Ledger:
    """What became of every event."""

    accepted: int
    """Committed by a gateway."""
    acknowledged: int
    """Marked by the gateway as safe at the hub."""
    shed: int
    """Given up by a gateway whose disk was full, and said so."""
    lost: int
    """Accepted, not given up, and not at the hub."""
    doubled: int
    """Applied more than once by the hub."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What `edgehub demo` ends with."""

    guests: int
    visits: int
    zone_accuracy: float
    lights_shown: int
    walking_in_to_light_median_s: float | None
    advert_to_request_ms: Latency
    events: Ledger
    venue_minutes: float
    speed: float
    seed: int

    @property
    def nothing_lost(self) -> bool:
        """True when events were accepted, and each is at the hub exactly once."""
        return self.events.accepted > 0 and self.events.lost == 0 and self.events.doubled == 0

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    def in_words(self) -> str:
        """For a person."""
        events, wait = self.events, self.walking_in_to_light_median_s
        light = "nobody met a light" if wait is None else f"median {wait:.1f} s from the door to their colour"
        return (
            f"\n{self.venue_minutes:.1f} minutes of the venue, {self.guests} guests, {self.visits} visits; "
            f"{100 * self.zone_accuracy:.1f} % of guest time in the right zone.\n"
            f"{self.lights_shown} lights shown; {light}; advert to request {_ms(self.advert_to_request_ms)}.\n"
            f"{events.accepted} events written down, {events.acknowledged} acknowledged by the hub, "
            f"{events.lost} lost, {events.doubled} doubled."
        )


def _ms(latency: Latency) -> str:
    if latency.p50 is None or latency.p99 is None:
        return "not measured"
    return f"p50 {latency.p50:.0f} ms, p99 {latency.p99:.0f} ms"


async def settled(directory: Path, gateways: Sequence[str], within_s: float) -> Ledger:
    """What became of every event, once the hub has all that was accepted; as it stands when the time is up."""
    until = asyncio.get_running_loop().time() + within_s
    while True:
        await asyncio.sleep(POLL_S)
        ledger = ledger_of(directory, gateways)
        settled = ledger.lost == 0 and ledger.acknowledged == ledger.accepted - ledger.shed
        if settled or asyncio.get_running_loop().time() > until:
            return ledger


def ledger_of(directory: Path, gateways: Sequence[str]) -> Ledger:
    """What became of every event: the journals of all gateways against the hub's database."""
    hub = directory / "hub" / "state" / HUB_DATABASE
    accepted: set[Event] = set()
    acknowledged = 0
    for gateway in gateways:
        for nonce, partition, seq, acked in query(directory / gateway / "state" / "journal.db", OUTBOX):
            accepted.add(Event(gateway, nonce, partition, seq))
            acknowledged += acked
    at_hub = {Event.of_row(*row) for row in query(hub, "select source, key from events where source like 'gateway/%'")}
    shed = query(hub, "select coalesce(sum(count), 0) from shed")[0][0]
    return Ledger(
        accepted=len(accepted) + shed,
        acknowledged=acknowledged,
        shed=shed,
        lost=len(accepted - at_hub),
        doubled=query(hub, DOUBLED)[0][0],
    )


def visits_at_hub(directory: Path, guests: Sequence[Guest], origin_us: int, end: float) -> list[Stay]:
    """The visits the hub has, joined and reconciled as it counts them, on the world's clock."""
    numbers = {guest.badge.written: guest.number for guest in guests}
    intervals: dict[int, list[Interval]] = {}
    for badge, zone, entered_us, left_us in query(directory / "hub" / "state" / HUB_DATABASE, STAYS):
        until_us = origin_us + round(end * 1e6) if left_us is None else left_us
        if badge in numbers:
            intervals.setdefault(numbers[badge], []).append(Interval(zone, entered_us, until_us))
    return [
        Stay(number, one.zone, (one.begin_us - origin_us) / 1e6, (one.end_us - origin_us) / 1e6)
        for number, stays_of_one in intervals.items()
        for one in reconciled(_joined(stays_of_one))
    ]


def _joined(intervals: Sequence[Interval]) -> list[Interval]:
    zones = {one.zone for one in intervals}
    return [one for zone in sorted(zones) for one in joined(each for each in intervals if each.zone == zone)]


def entries(truth: Sequence[Stay], guests: Sequence[Guest], real: Callable[[float], float]) -> Iterator[Entry]:
    """Everybody who agreed to lights and walked into a room with lamps while the doors were open."""
    lit = {guest.number: colour(guest.colour) or "" for guest in guests if "lights" in guest.consent}
    for stay in truth:
        if stay.zone in ROOM_OF_ZONE and stay.who in lit and stay.start > 0:
            yield Entry(real(stay.start), real(stay.end), ROOM_OF_ZONE[stay.zone], lit[stay.who])


def query(database: Path, sql: str) -> list[Any]:
    """Rows of a database that another process writes."""
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
        return connection.execute(sql).fetchall()
