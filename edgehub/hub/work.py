"""The work of a transaction of the intake: what it found in the store, what it will write, and what others are told of it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgehub.core.sequence import Received
from edgehub.core.wire import At, Envelope, Epoch, Identity
from edgehub.core.wire.events import DwellProgress, LightRefused, LightShown, StoreShed, VisitEntered, VisitEvent
from edgehub.hub.clocks import anchor_row
from edgehub.hub.delivery import RAW_CHARACTERS, Delivery
from edgehub.hub.ledger import Stay
from edgehub.hub.store import Row, Transaction

QUARANTINE_ROWS = 1_000

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

    @classmethod
    def on(cls, transaction: Transaction, deliveries: Iterable[Delivery], now_us: int, *, need_consent: bool) -> "Work":
        """With everything the store knows of what these are about."""
        events = [(each.gateway, event) for each in deliveries for event, _ in each.events]
        bodies = [event.body for _, event in events if isinstance(event, Envelope)]
        persons, visits = ({text for body in bodies if type(text := body.get(k)) is str} for k in ("person", "visit"))
        gateways = {gateway for gateway, _ in events}
        [[last]] = transaction.select("last_event")
        work = cls(now_us, last)
        if events:
            nonces = {event.identity.epoch.nonce for _, event in events}
            work.received = received_of(transaction.select("received", gateways=gateways, nonces=nonces))
        if persons:
            rows = transaction.select("remembered", persons=persons, all=0 if need_consent else 1)
            work.remembered = frozenset(person for (person,) in rows)
        work.know(transaction, gateways, visits)
        return work

    def know(self, transaction: Transaction, gateways: set[str], visits: set[str]) -> None:
        """Read what the store says of these visits."""
        if visits:
            stays = [Stay(*row) for row in transaction.select("stays_reported", gateways=gateways, visits=visits)]
            self.known = {stay.key: stay for stay in stays} | self.known

    def touch(self, gateway: str, epoch: Epoch, partition: int) -> Received:
        """What has arrived of this, to be added to."""
        key = gateway, epoch.nonce, partition
        self.touched[key] = None
        return self.received.setdefault(key, (epoch, Received()))[1]

    def keeps(self, body: Mapping[str, Any]) -> tuple[str | None, bool]:
        """The person an event is about, and whether it may be kept."""
        person = body.get("person")
        if not isinstance(person, str):
            return None, True
        return (person, True) if person in self.remembered else (None, False)

    def report(self, gateway: str, identity: Identity, body: VisitEvent) -> None:
        """Take what is told of a stay, unless something later was told before."""
        known = self.known.get((gateway, body.visit))
        stay = reported(gateway, identity, body, known)
        if stay is None or (known is not None and not stay.supersedes(known)):
            return
        self.visits += known is None
        self.stays[stay.key] = self.known[stay.key] = stay

    def set_aside(self, gateway: str, why: str, raw: str) -> None:
        """Keep what could not be read, for people."""
        row = {"gateway": gateway, "received_us": self.now_us, "why": why, "raw": raw[:RAW_CHARACTERS]}
        self.quarantine.append(row)

    def give_up(self, gateway: str, body: StoreShed) -> None:
        """Note what a gateway had to give up unsent."""
        self.shed.append(
            {
                "gateway": gateway,
                "nonce": body.epoch,
                "partition": body.partition,
                "class": body.shed_class,
                "count": body.count,
                "received_us": self.now_us,
            }
        )

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


def received_of(rows: Iterable[Row]) -> dict[Key, tuple[Epoch, Received]]:
    """What has arrived, from rows of `received`."""
    return {
        (gateway, nonce, partition): (Epoch(start, nonce), Received(watermark, json.loads(ranges)))
        for gateway, nonce, partition, start, watermark, ranges in rows
    }


def reported(gateway: str, identity: Identity, body: VisitEvent, known: Stay | None) -> Stay | None:
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
