"""The intake: what a batch of events does to the hub, as one transaction and the acknowledgements that follow it.

Dedupe, effect and watermark are decided on what the store says in the same transaction, and written in it; only when
the commit returned do the acknowledgements go out. An event that comes again changes nothing; one that comes
again with other content is noted as a conflict; one that cannot be read is set aside and acknowledged.
"""

import hashlib
import json
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from edgehub.core.sequence import Received
from edgehub.core.wire import (
    Ack,
    At,
    Envelope,
    Epoch,
    Identity,
    Mark,
    Poison,
    WireError,
    lone_identity,
    read_batch,
    read_body,
)
from edgehub.core.wire.events import (
    ClockAnchor,
    DwellProgress,
    ErasureReceipt,
    EventBody,
    EventErased,
    LightRefused,
    LightShown,
    StoreShed,
    VisitCorrected,
    VisitEntered,
    VisitEvent,
    VisitLeft,
)
from edgehub.core.wire.fields import dump_text
from edgehub.hub.clocks import Clocks, anchor_of, anchor_row, shifted
from edgehub.hub.fact import PERSON
from edgehub.hub.ledger import Stay
from edgehub.hub.store import HubStore, Row, Transaction

MOST_RANGES = 500
"""Ranges of an acknowledgement; what it does not name is sent again, which is harmless."""
QUARANTINE_ROWS = 1_000
RAW_CHARACTERS = 4_096
"""Of a message that could not be read, as much is kept."""
FORGET_AFTER_US = 24 * 3600 * 1_000_000
"""The replay window of the gateways: an epoch that its gateway no longer has, silent this long, comes no more."""

Key = tuple[str, str, int]
"""Gateway, nonce, partition."""
Light = LightShown | LightRefused


@dataclass(slots=True)
class Work:
    """What a transaction makes true, and tells the others once it has."""

    now_us: int
    event: int
    """Id of the last event."""
    received: dict[Key, tuple[Epoch, Received]] = field(default_factory=dict)
    remembered: frozenset[str] = frozenset()
    known: dict[tuple[str, str], Stay] = field(default_factory=dict)
    """Stays as they were reported so far."""
    touched: dict[Key, None] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    again: list[dict[str, Any]] = field(default_factory=list)
    quarantine: list[dict[str, Any]] = field(default_factory=list)
    shed: list[dict[str, Any]] = field(default_factory=list)
    stays: dict[tuple[str, str], Stay] = field(default_factory=dict)
    stale: dict[str, int] = field(default_factory=dict)
    """Person → their last event."""
    anchors: list[tuple[str, At]] = field(default_factory=list)
    unanchored: list[dict[str, Any]] = field(default_factory=list)
    corrected: list[dict[str, Any]] = field(default_factory=list)
    receipts: list[dict[str, Any]] = field(default_factory=list)
    history: list[Stay] = field(default_factory=list)
    """Earlier stays of guests who were not here."""
    lights: list[Light] = field(default_factory=list)
    latest_us: int = 0
    visits: int = 0

    def write(self, transaction: Transaction) -> None:
        """All of it."""
        anchors = [anchor_row(gateway, at) for gateway, at in self.anchors]
        transaction.run("insert_event", self.events)
        transaction.run("flag_unanchored", self.unanchored)
        transaction.run("put_anchor", anchors)
        transaction.run("correct_event", self.corrected)
        transaction.run("unflag", [{"gateway": row["gateway"], "boot_id": row["boot_id"]} for row in anchors])
        transaction.run("put_receipt", self.receipts)
        transaction.run("note_conflict", self.again)
        transaction.run("quarantine", self.quarantine)
        transaction.run("trim_quarantine", [{"keep": QUARANTINE_ROWS}] if self.quarantine else [])
        transaction.run("note_shed", self.shed)
        transaction.run("put_stay", [stay.row() for stay in self.stays.values()])
        transaction.run("mark_stale", [{"person": person, "mark": event} for person, event in self.stale.items()])
        transaction.run("put_received", [self._received(key) for key in self.touched])

    def _received(self, key: Key) -> dict[str, Any]:
        (gateway, nonce, partition), (epoch, got) = key, self.received[key]
        ranges = json.dumps(got.ranges)
        return {
            "gateway": gateway,
            "nonce": nonce,
            "partition": partition,
            "start": epoch.start,
            "watermark": got.watermark,
            "ranges": ranges,
            "heard_us": self.now_us,
        }


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message of a gateway, read: its events, each with the hash of its text."""

    gateway: str
    events: Sequence[tuple[Envelope | Poison, bytes]] = ()
    why: str = ""
    """Why the whole could not be read."""
    raw: str = ""
    """The beginning of what could not be read."""
    anchor: At | None = None
    """What the gateway's wall clock says, when that is all the message says."""

    @classmethod
    def read(cls, gateway: str, payload: bytes) -> "Delivery":
        """Read a message; the dear part of the intake, and done without knowing what the hub has."""
        try:
            events = read_batch(payload)
        except WireError as error:
            raw = payload.decode(errors="replace")
            if (identity := lone_identity(payload)) is not None:
                return cls(gateway, [(Poison(identity, str(error), raw), _digest(raw))])
            return cls(gateway, (), str(error), raw[:RAW_CHARACTERS])
        return cls(gateway, [(event, _digest(event.raw)) for event in events])


def _gaps(got: Received) -> int:
    """How many below the last that arrived did not."""
    high = max([got.watermark, *(high for _, high in got.ranges)])
    return high - got.watermark - sum(high - low + 1 for low, high in got.ranges)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


class Intake:
    """Takes in what gateways deliver. What has arrived stands in the store, and is read in each transaction.

    Args:
        generation: of this life of the hub.
        clocks: of the gateways.
        here: whether all stays of a guest are at hand.
        need_consent: False where the venue may do without (its own staff, a rehearsal).
    """

    def __init__(
        self,
        generation: str,
        clocks: Clocks | None = None,
        here: Container[str] = (),
        *,
        need_consent: bool = True,
    ) -> None:
        self._generation = generation
        self._here = here
        self.clocks = clocks or Clocks()
        self.need_consent = need_consent
        self.unreadable = 0
        """Whole batches that could not be read; these alone are not acknowledged, and come again event by event."""

    def take(self, transaction: Transaction, deliveries: Sequence[Delivery], now_us: int) -> Work:
        """Take these in, in a transaction."""
        work = self._prepared(transaction, deliveries, now_us)
        for delivery in deliveries:
            self._take_anchors(work, delivery)
        for delivery in deliveries:
            if delivery.why:
                self.unreadable += 1
                work.quarantine.append(_set_aside(delivery.gateway, now_us, delivery.why, delivery.raw))
            for event, digest in delivery.events:
                self._take(transaction, work, delivery.gateway, event, digest)
        for gateway, anchor in work.anchors:
            self._correct(transaction, work, gateway, anchor)
        work.write(transaction)
        come = {stay.person for stay in work.stays.values() if stay.person not in self._here}
        if come:
            work.history = [Stay(*row) for row in transaction.select("stays_to_fold", persons=come)]
        return work

    def acks(self, work: Work) -> list[tuple[str, Ack]]:
        """What the hub has of everything that was touched, by gateway."""
        return [(key[0], self._ack(key, *work.received[key])) for key in work.touched]

    async def ack(self, store: HubStore, gateway: str, epoch: Epoch, partition: int) -> Ack:
        """What the hub has of one; nothing of one it never saw."""
        rows = await store.select("received", gateways=[gateway], nonces=[epoch.nonce])
        key = gateway, epoch.nonce, partition
        return self._ack(key, *_received(rows).get(key, (epoch, Received())))

    def forget(self, transaction: Transaction, gateway: str, marks: Iterable[Mark], now_us: int) -> int:
        """Forget epochs that a gateway has nothing of any more; how many of their events never arrived.

        A gateway names each epoch it still has on each connect; one it does not name, and that was silent for longer
        than it keeps anything, is complete or will never be.
        """
        here = {mark.epoch.nonce for mark in marks}
        silent = transaction.select("silent", gateway=gateway, before_us=now_us - FORGET_AFTER_US)
        gone = {key: got for key, got in _received(silent).items() if key[1] not in here}
        rows = [{"gateway": gateway, "nonce": nonce, "partition": partition} for _, nonce, partition in gone]
        transaction.run("forget_received", rows)
        return sum(_gaps(got) for _, got in gone.values())

    def _ack(self, key: Key, epoch: Epoch, got: Received) -> Ack:
        return Ack(epoch, key[2], got.watermark, got.ranges[:MOST_RANGES], self._generation)

    def _take_anchors(self, work: Work, delivery: Delivery) -> None:
        """First of all, so that what came with an anchor is corrected by it."""
        found = [delivery.anchor] if delivery.anchor is not None else []
        for event, _ in delivery.events:
            if isinstance(event, Envelope) and event.type == ClockAnchor.type:
                with suppress(WireError):  # poison, like any other; it is set aside when its turn comes
                    body = read_body(event.type, event.body)
                    found += [anchor_of(body)] if isinstance(body, ClockAnchor) else []
        work.anchors += [(delivery.gateway, at) for at in found if self.clocks.take(delivery.gateway, at)]

    def _correct(self, transaction: Transaction, work: Work, gateway: str, anchor: At) -> None:
        """Correct events of one boot that came before its anchor."""
        stays: dict[tuple[str, str], Stay] = {}
        rows = transaction.select("unanchored", gateway=gateway, boot_id=anchor.boot_id)
        visits = {json.loads(row[-1]).get("visit") for row in rows if row[-1] is not None}
        _know(transaction, work, {gateway}, {visit for visit in visits if isinstance(visit, str)})
        for start, nonce, partition, seq, monotonic_us, event, told_us, kind, body in rows:
            by_us = self.clocks.shift_us(gateway, At(anchor.boot_id, monotonic_us, told_us, "unsynced")) or 0
            work.corrected.append({"id": event, "at_us": told_us + by_us})
            told = None if body is None else read_body(kind, json.loads(body))
            told = None if told is None else shifted(told, by_us)
            if isinstance(told, VisitEvent):
                identity = Identity(Epoch(start, nonce), partition, seq)
                known = stays.get((gateway, told.visit))
                if known is None and isinstance(told, DwellProgress):
                    known = work.known.get((gateway, told.visit))
                stay = _reported(gateway, identity, told, known)
                stays |= {} if stay is None else {stay.key: stay}
                work.stale[told.person] = max(event, work.stale.get(told.person, 0))
        for key, stay in stays.items():
            newer = work.known.get(key)
            if newer is None or not newer.supersedes(stay):
                work.stays[key] = work.known[key] = stay

    def _prepared(self, transaction: Transaction, deliveries: Iterable[Delivery], now_us: int) -> Work:
        """With everything the store knows of what these are about."""
        events = [(each.gateway, event) for each in deliveries for event, _ in each.events]
        bodies = [event.body for _, event in events if isinstance(event, Envelope)]
        persons, visits = ({text for body in bodies if type(text := body.get(k)) is str} for k in ("person", "visit"))
        gateways = {gateway for gateway, _ in events}
        [[last]] = transaction.select("last_event")
        work = Work(now_us, last)
        if events:
            nonces = {event.identity.epoch.nonce for _, event in events}
            work.received = _received(transaction.select("received", gateways=gateways, nonces=nonces))
        if persons:
            rows = transaction.select("remembered", persons=persons, all=0 if self.need_consent else 1)
            work.remembered = frozenset(person for (person,) in rows)
        _know(transaction, work, gateways, visits)
        return work

    def _take(
        self, transaction: Transaction, work: Work, gateway: str, event: Envelope | Poison, digest: bytes
    ) -> None:
        identity = event.identity
        source, key = f"gateway/{gateway}", f"{identity.epoch.nonce}/{identity.partition}/{identity.seq}"
        if not _touched(work, gateway, identity.epoch, identity.partition).add(identity.seq):
            if not (isinstance(event, Envelope) and event.type == EventErased.type):  # it had a body when it came first
                work.again.append({"source": source, "key": key, "received_us": work.now_us, "hash": digest})
            return
        work.event += 1
        row = {**EMPTY, "id": work.event, "source": source, "key": key, "received_us": work.now_us, "hash": digest}
        work.events.append(row)
        if isinstance(event, Envelope) and event.gateway != gateway:
            event = Poison(identity, f"it says it is of {event.gateway}", event.raw)
        try:
            if isinstance(event, Poison):
                raise WireError(event.why)  # noqa: TRY301  # one way out for all that cannot be read
            body = read_body(event.type, event.body)
        except WireError as error:
            work.quarantine.append(_set_aside(gateway, work.now_us, str(error), event.raw))
            return
        by_us = self._date(work, gateway, event)
        at_us = event.at.wall_us + by_us
        row |= {"type": event.type, "at_us": at_us, "told_us": event.at.wall_us}
        work.latest_us = max(work.latest_us, at_us)
        person, kept = _kept(work, event.body)
        if kept:
            row |= {"subject": None if person is None else f"{PERSON}:{person}", "body": dump_text(event.body)}
            if person is not None:
                work.stale[person] = work.event
            if body is not None:
                self._apply(transaction, work, gateway, identity, shifted(body, by_us) if by_us else body)
        elif isinstance(body, LightShown | LightRefused):
            # what a lamp shows is no secret; whose it is, is kept no longer
            work.lights.append(replace(body, person=None))

    def _date(self, work: Work, gateway: str, event: Envelope) -> int:
        """What to add to an event's wall times; one that nobody can date yet is flagged."""
        by_us, at, identity = self.clocks.shift_us(gateway, event.at), event.at, event.identity
        if by_us is not None:
            return by_us
        work.unanchored.append(
            {
                "gateway": gateway,
                "boot_id": at.boot_id,
                "start": identity.epoch.start,
                "nonce": identity.epoch.nonce,
                "partition": identity.partition,
                "seq": identity.seq,
                "monotonic_us": at.monotonic_us,
            }
        )
        return min(0, work.now_us - at.wall_us)  # nothing happened later than we heard of it

    def _apply(self, transaction: Transaction, work: Work, gateway: str, identity: Identity, body: EventBody) -> None:
        match body:
            case VisitEntered() | VisitLeft() | VisitCorrected() | DwellProgress():
                _stay(work, gateway, identity, body)
            case LightShown() | LightRefused():
                work.lights.append(body)
            case ErasureReceipt():
                work.receipts.append({"gateway": gateway, "revision": body.revision, "received_us": work.now_us})
            case StoreShed():
                self._shed(transaction, work, gateway, body)
            case _:
                pass  # kept as it is; nothing follows from it yet

    def _shed(self, transaction: Transaction, work: Work, gateway: str, body: StoreShed) -> None:
        """Pass over what a gateway had to give up, or the watermark would wait for it for ever."""
        key = gateway, body.epoch, body.partition
        if key not in work.received:  # of an earlier epoch than what came with it
            earlier = _received(transaction.select("received", gateways=[gateway], nonces=[body.epoch]))
            work.received = earlier | work.received
        epoch = work.received.get(key, (Epoch(0, body.epoch),))[0]
        got = _touched(work, gateway, epoch, body.partition)
        for pair in body.ranges:
            match pair:
                case [int(low), int(high)] if 1 <= low <= high:
                    got.add_range(low, high)
        work.shed.append(shed_row(work, gateway, body))


def shed_row(work: Work, gateway: str, body: StoreShed) -> dict[str, Any]:
    """As the store notes what a gateway gave up."""
    return {
        "gateway": gateway,
        "nonce": body.epoch,
        "partition": body.partition,
        "class": body.shed_class,
        "count": body.count,
        "received_us": work.now_us,
    }


EMPTY: Mapping[str, object] = {
    "type": "unreadable",
    "name": None,
    "at_us": 0,
    "told_us": 0,
    "subject": None,
    "ids": None,
    "body": None,
}
"""An event of which nothing is known but that it came."""


def _set_aside(gateway: str, now_us: int, why: str, raw: str) -> dict[str, Any]:
    return {"gateway": gateway, "received_us": now_us, "why": why, "raw": raw[:RAW_CHARACTERS]}


def _received(rows: Iterable[Row]) -> dict[Key, tuple[Epoch, Received]]:
    return {
        (gateway, nonce, partition): (Epoch(start, nonce), Received(watermark, json.loads(ranges)))
        for gateway, nonce, partition, start, watermark, ranges in rows
    }


def _touched(work: Work, gateway: str, epoch: Epoch, partition: int) -> Received:
    """What has arrived of this, to be added to."""
    key = gateway, epoch.nonce, partition
    work.touched[key] = None
    return work.received.setdefault(key, (epoch, Received()))[1]


def _know(transaction: Transaction, work: Work, gateways: set[str], visits: set[str]) -> None:
    """Read what the store says of these visits."""
    if visits:
        stays = [Stay(*row) for row in transaction.select("stays_reported", gateways=gateways, visits=visits)]
        work.known = {stay.key: stay for stay in stays} | work.known


def _kept(work: Work, body: Mapping[str, Any]) -> tuple[str | None, bool]:
    """The person an event is about, and whether it may be kept."""
    person = body.get("person")
    if not isinstance(person, str):
        return None, True
    return (person, True) if person in work.remembered else (None, False)


def _stay(work: Work, gateway: str, identity: Identity, body: VisitEvent) -> None:
    known = work.known.get((gateway, body.visit))
    stay = _reported(gateway, identity, body, known)
    if stay is None or (known is not None and not stay.supersedes(known)):
        return
    work.visits += known is None
    work.stays[stay.key] = work.known[stay.key] = stay


def _reported(gateway: str, identity: Identity, body: VisitEvent, known: Stay | None) -> Stay | None:
    """The stay as this report says it is; None for progress of a stay whose beginning has not arrived yet."""
    if isinstance(body, DwellProgress):
        if known is None:
            return None
        entered_us = known.entered_us
        seen_us, left_us = entered_us + round(body.dwell_s * 1e6), known.left_us
    else:
        entered_us = body.entered_at
        left_us = None if isinstance(body, VisitEntered) else body.left_at
        seen_us = max(entered_us, left_us or 0, 0 if known is None else known.seen_us)
    start, seq = identity.epoch.start, identity.seq
    return Stay(gateway, body.visit, body.person, body.zone, entered_us, seen_us, left_us, start, seq)
