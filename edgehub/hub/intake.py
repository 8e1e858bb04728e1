"""The intake: what a batch of events does to the hub, as one transaction and the acknowledgements that follow it.

Dedupe, effect and watermark are decided here on copies and written together; only when the commit returned do the
copies become the truth and the acknowledgements go out. An event that comes again changes nothing; one that comes
again with other content is noted as a conflict; one that cannot be read is set aside and acknowledged.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from edgehub.hub.ledger import Ledger, Stay
from edgehub.hub.store import Step

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
    """What a commit will make true."""

    now_us: int = 0
    received: dict[Key, tuple[Epoch, Received]] = field(default_factory=dict)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    again: list[tuple[Any, ...]] = field(default_factory=list)
    quarantine: list[tuple[Any, ...]] = field(default_factory=list)
    shed: list[tuple[Any, ...]] = field(default_factory=list)
    stays: dict[tuple[str, str], Stay] = field(default_factory=dict)
    anchors: list[tuple[str, At]] = field(default_factory=list)
    unanchored: list[tuple[Any, ...]] = field(default_factory=list)
    corrected: list[tuple[Any, ...]] = field(default_factory=list)
    receipts: list[tuple[Any, ...]] = field(default_factory=list)
    lights: list[Light] = field(default_factory=list)
    latest_us: int = 0
    visits: int = 0

    def steps(self) -> list[Step]:
        """As statements."""
        received = [
            (gateway, nonce, partition, epoch.start, got.watermark, json.dumps(got.ranges), self.now_us)
            for (gateway, nonce, partition), (epoch, got) in self.received.items()
        ]
        stays = [
            (s.gateway, s.visit, s.person, s.zone, s.entered_us, s.seen_us, s.left_us, s.start, s.seq)
            for s in self.stays.values()
        ]
        return [
            ("insert_event", self.events),
            ("flag_unanchored", self.unanchored),
            ("put_anchor", [anchor_row(gateway, at) for gateway, at in self.anchors]),
            ("correct_event", self.corrected),
            ("unflag", [(gateway, at.boot_id) for gateway, at in self.anchors]),
            ("put_receipt", self.receipts),
            ("note_conflict", self.again),
            ("quarantine", self.quarantine),
            ("trim_quarantine", [(QUARANTINE_ROWS,)] if self.quarantine else []),
            ("note_shed", self.shed),
            ("put_stay", stays),
            ("put_received", received),
        ]


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
    """Knows what has arrived.

    Args:
        received: rows of the store's `received`.
        ledger: of stays; changed by `settle` only.
        remembered: whether a person agreed to being remembered.
        generation: of this life of the hub.
        clocks: of the gateways.
    """

    def __init__(
        self,
        received: Iterable[tuple[Any, ...]],
        ledger: Ledger,
        remembered: Callable[[str], bool],
        generation: str,
        clocks: Clocks | None = None,
    ) -> None:
        self._received: dict[Key, tuple[Epoch, Received]] = {}
        self._heard_us: dict[Key, int] = {}
        for gateway, nonce, partition, start, watermark, ranges, heard_us in received:
            self._received[gateway, nonce, partition] = Epoch(start, nonce), Received(watermark, json.loads(ranges))
            self._heard_us[gateway, nonce, partition] = heard_us
        self.clocks = clocks or Clocks()
        self._ledger = ledger
        self._remembered = remembered
        self._generation = generation
        self.unreadable = 0
        """Whole batches that could not be read; these alone are not acknowledged, and come again event by event."""

    def work(self, deliveries: Iterable[Delivery], now_us: int) -> Work:
        """What these will make true."""
        work = Work(now_us)
        deliveries = list(deliveries)
        for delivery in deliveries:
            self._take_anchors(work, delivery)
        for delivery in deliveries:
            if delivery.why:
                self.unreadable += 1
                work.quarantine.append((delivery.gateway, now_us, delivery.why, delivery.raw))
            for event, digest in delivery.events:
                self._take(work, delivery.gateway, event, digest, now_us)
        return work

    def settle(self, work: Work) -> None:
        """The commit returned: this is the truth now."""
        self._received |= work.received
        self._heard_us |= dict.fromkeys(work.received, work.now_us)
        for stay in work.stays.values():
            self._ledger.put(stay)

    def acks(self, keys: Iterable[Key]) -> list[tuple[str, Ack]]:
        """What the hub has of these, by gateway."""
        return [(key[0], self._ack(key, *self._received[key])) for key in keys if key in self._received]

    def ack(self, gateway: str, epoch: Epoch, partition: int) -> Ack:
        """What the hub has of one; nothing of one it never saw."""
        key = gateway, epoch.nonce, partition
        return self._ack(key, *self._received.get(key, (epoch, Received())))

    def forgettable(self, gateway: str, marks: Iterable[Mark], now_us: int) -> list[tuple[Key, int]]:
        """Epochs that a gateway has nothing of any more, and how many of each never arrived.

        A gateway names each epoch it still has on each connect; one it does not name, and that was silent for longer
        than it keeps anything, is complete or will never be.
        """
        here = {mark.epoch.nonce for mark in marks}
        return [
            (key, _gaps(got))
            for key, (_, got) in self._received.items()
            if key[0] == gateway and key[1] not in here and now_us - self._heard_us[key] > FORGET_AFTER_US
        ]

    def forget(self, keys: Iterable[Key]) -> None:
        """These are no longer in the store."""
        for key in keys:
            del self._received[key], self._heard_us[key]

    def correct(self, work: Work, gateway: str, anchor: At, rows: Iterable[tuple[Any, ...]]) -> None:
        """Correct events of one boot that came before its anchor: rows of the store's `unanchored`."""
        stays: dict[tuple[str, str], Stay] = {}
        for start, nonce, partition, seq, monotonic_us, wall_us, event_type, body in rows:
            by_us = self.clocks.shift_us(gateway, At(anchor.boot_id, monotonic_us, wall_us, "unsynced")) or 0
            work.corrected.append((wall_us + by_us, gateway, nonce, partition, seq))
            told = None if body is None else read_body(event_type, json.loads(body))
            told = None if told is None else shifted(told, by_us)
            if isinstance(told, VisitEvent):
                identity = Identity(Epoch(start, nonce), partition, seq)
                known = stays.get((gateway, told.visit))
                if known is None and isinstance(told, DwellProgress):
                    known = self._ledger.find(gateway, told.visit)
                stay = _reported(gateway, identity, told, known)
                stays |= {} if stay is None else {stay.key: stay}
        for key, stay in stays.items():
            known = work.stays.get(key) or self._ledger.find(*key)
            if known is None or not known.supersedes(stay):
                work.stays[key] = stay

    def _take_anchors(self, work: Work, delivery: Delivery) -> None:
        """First of all, so that what came with an anchor is corrected by it."""
        found = [delivery.anchor] if delivery.anchor is not None else []
        for event, _ in delivery.events:
            if isinstance(event, Envelope) and event.type == ClockAnchor.type:
                with suppress(WireError):  # poison, like any other; it is set aside when its turn comes
                    body = read_body(event.type, event.body)
                    found += [anchor_of(body)] if isinstance(body, ClockAnchor) else []
        work.anchors += [(delivery.gateway, at) for at in found if self.clocks.take(delivery.gateway, at)]

    def _ack(self, key: Key, epoch: Epoch, got: Received) -> Ack:
        return Ack(epoch, key[2], got.watermark, got.ranges[:MOST_RANGES], self._generation)

    def _take(self, work: Work, gateway: str, event: Envelope | Poison, digest: bytes, now_us: int) -> None:
        identity = event.identity
        place = gateway, identity.epoch.nonce, identity.partition, identity.seq
        if not self._copy(work, gateway, identity.epoch, identity.partition).add(identity.seq):
            if not (isinstance(event, Envelope) and event.type == EventErased.type):  # it had a body when it came first
                work.again.append((*place, now_us, digest))
            return
        if isinstance(event, Envelope) and event.gateway != gateway:
            event = Poison(identity, f"it says it is of {event.gateway}", event.raw)
        try:
            if isinstance(event, Poison):
                raise WireError(event.why)  # noqa: TRY301  # one way out for all that cannot be read
            body = read_body(event.type, event.body)
        except WireError as error:
            work.quarantine.append((gateway, now_us, str(error), event.raw[:RAW_CHARACTERS]))
            work.events.append((*place, "unreadable", 0, now_us, digest, None, None, None))
            return
        by_us = self._date(work, gateway, event)
        person, kept = self._kept(event.body)
        text = dump_text(event.body) if kept else None
        wall_us = event.at.wall_us
        corrected_us = None if by_us is None else wall_us + by_us
        work.events.append((*place, event.type, wall_us, now_us, digest, person, text, corrected_us))
        if by_us is None:
            by_us = min(0, now_us - wall_us)  # nothing happened later than we heard of it
        work.latest_us = max(work.latest_us, wall_us + by_us)
        if kept and body is not None:
            self._apply(work, gateway, identity, shifted(body, by_us), now_us)
        elif isinstance(body, LightShown | LightRefused):
            work.lights.append(
                replace(body, person=None)
            )  # what a lamp shows is no secret; whose it is, is kept no longer

    def _date(self, work: Work, gateway: str, event: Envelope) -> int | None:
        """What to add to an event's wall times; one that nobody can date yet is flagged."""
        by_us, at, identity = self.clocks.shift_us(gateway, event.at), event.at, event.identity
        if by_us is None:
            place = identity.epoch.start, identity.epoch.nonce, identity.partition, identity.seq
            work.unanchored.append((gateway, at.boot_id, *place, at.monotonic_us))
        return by_us

    def _copy(self, work: Work, gateway: str, epoch: Epoch, partition: int) -> Received:
        key = gateway, epoch.nonce, partition
        if key not in work.received:
            known = self._received.get(key)
            work.received[key] = epoch, Received() if known is None else known[1].copy()
        return work.received[key][1]

    def _kept(self, body: Mapping[str, Any]) -> tuple[str | None, bool]:
        """The person an event is about, and whether it may be kept."""
        person = body.get("person")
        if not isinstance(person, str):
            return None, True
        return (person, True) if self._remembered(person) else (None, False)

    def _apply(self, work: Work, gateway: str, identity: Identity, body: EventBody, now_us: int) -> None:
        match body:
            case VisitEntered() | VisitLeft() | VisitCorrected() | DwellProgress():
                self._stay(work, gateway, identity, body)
            case LightShown() | LightRefused():
                work.lights.append(body)
            case ErasureReceipt():
                work.receipts.append((gateway, body.revision, now_us))
            case StoreShed():
                self._shed(work, gateway, body, now_us)
            case _:
                pass  # kept as it is; nothing follows from it yet

    def _stay(
        self,
        work: Work,
        gateway: str,
        identity: Identity,
        body: VisitEvent,
    ) -> None:
        known = work.stays.get((gateway, body.visit)) or self._ledger.find(gateway, body.visit)
        stay = _reported(gateway, identity, body, known)
        if stay is None or (known is not None and not stay.supersedes(known)):
            return
        work.visits += known is None
        work.stays[stay.key] = stay

    def _shed(self, work: Work, gateway: str, body: StoreShed, now_us: int) -> None:
        """Pass over what a gateway had to give up, or the watermark would wait for it for ever."""
        known = self._received.get((gateway, body.epoch, body.partition))
        epoch = Epoch(0, body.epoch) if known is None else known[0]
        got = self._copy(work, gateway, epoch, body.partition)
        for pair in body.ranges:
            match pair:
                case [int(low), int(high)] if 1 <= low <= high:
                    got.add_range(low, high)
        work.shed.append((gateway, body.epoch, body.partition, body.shed_class, body.count, now_us))


def _reported(
    gateway: str,
    identity: Identity,
    body: VisitEvent,
    known: Stay | None,
) -> Stay | None:
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
