"""The intake: what a batch of events does to the hub, as one transaction and the acknowledgements that follow it.

Dedupe, effect and watermark are decided here on copies and written together; only when the commit returned do the
copies become the truth and the acknowledgements go out. An event that comes again changes nothing; one that comes
again with other content is noted as a conflict; one that cannot be read is set aside and acknowledged.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from edgehub.core.sequence import Received
from edgehub.core.wire import Ack, Envelope, Epoch, Identity, Poison, WireError, read_batch, read_body
from edgehub.core.wire.events import (
    DwellProgress,
    EventBody,
    LightRefused,
    LightShown,
    StoreShed,
    VisitCorrected,
    VisitEntered,
    VisitLeft,
)
from edgehub.core.wire.fields import dump_text
from edgehub.hub.ledger import Ledger, Stay
from edgehub.hub.store import Step

MOST_RANGES = 500
"""Ranges of an acknowledgement; what it does not name is sent again, which is harmless."""
QUARANTINE_ROWS = 1_000
RAW_CHARACTERS = 4_096
"""Of a message that could not be read, as much is kept."""

Key = tuple[str, str, int]
"""Gateway, nonce, partition."""
Light = LightShown | LightRefused


@dataclass(slots=True)
class Work:
    """What a commit will make true."""

    received: dict[Key, tuple[Epoch, Received]] = field(default_factory=dict)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    again: list[tuple[Any, ...]] = field(default_factory=list)
    quarantine: list[tuple[Any, ...]] = field(default_factory=list)
    shed: list[tuple[Any, ...]] = field(default_factory=list)
    stays: dict[tuple[str, str], Stay] = field(default_factory=dict)
    lights: list[Light] = field(default_factory=list)
    latest_us: int = 0
    visits: int = 0

    def steps(self) -> list[Step]:
        """As statements."""
        received = [
            (gateway, nonce, partition, epoch.start, got.watermark, json.dumps(got.ranges))
            for (gateway, nonce, partition), (epoch, got) in self.received.items()
        ]
        stays = [
            (s.gateway, s.visit, s.person, s.zone, s.entered_us, s.seen_us, s.left_us, s.start, s.seq)
            for s in self.stays.values()
        ]
        return [
            ("insert_event", self.events),
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

    @classmethod
    def read(cls, gateway: str, payload: bytes) -> "Delivery":
        """Read a message; the dear part of the intake, and done without knowing what the hub has."""
        try:
            events = read_batch(payload)
        except WireError as error:
            return cls(gateway, (), str(error), payload[:RAW_CHARACTERS].decode(errors="replace"))
        return cls(gateway, [(event, _digest(event.raw)) for event in events])


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


class Intake:
    """Knows what has arrived.

    Args:
        received: rows of the store's `received`.
        ledger: of stays; changed by `settle` only.
        remembered: whether a person agreed to being remembered.
        generation: of this life of the hub.
    """

    def __init__(
        self,
        received: Iterable[tuple[Any, ...]],
        ledger: Ledger,
        remembered: Callable[[str], bool],
        generation: str,
    ) -> None:
        self._received: dict[Key, tuple[Epoch, Received]] = {
            (gateway, nonce, partition): (Epoch(start, nonce), Received(watermark, json.loads(ranges)))
            for gateway, nonce, partition, start, watermark, ranges in received
        }
        self._ledger = ledger
        self._remembered = remembered
        self._generation = generation
        self.unreadable = 0
        """Whole batches that could not be read; these alone are not acknowledged."""

    def work(self, deliveries: Iterable[Delivery], now_us: int) -> Work:
        """What these will make true."""
        work = Work()
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
        for stay in work.stays.values():
            self._ledger.put(stay)

    def acks(self, keys: Iterable[Key]) -> list[tuple[str, Ack]]:
        """What the hub has of these, by gateway."""
        return [(key[0], self._ack(key, *self._received[key])) for key in keys if key in self._received]

    def ack(self, gateway: str, epoch: Epoch, partition: int) -> Ack:
        """What the hub has of one; nothing of one it never saw."""
        key = gateway, epoch.nonce, partition
        return self._ack(key, *self._received.get(key, (epoch, Received())))

    def _ack(self, key: Key, epoch: Epoch, got: Received) -> Ack:
        return Ack(epoch, key[2], got.watermark, got.ranges[:MOST_RANGES], self._generation)

    def _take(self, work: Work, gateway: str, event: Envelope | Poison, digest: bytes, now_us: int) -> None:
        identity = event.identity
        place = gateway, identity.epoch.nonce, identity.partition, identity.seq
        if not self._copy(work, gateway, identity.epoch, identity.partition).add(identity.seq):
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
            work.events.append((*place, "unreadable", 0, now_us, digest, None, None))
            return
        person, kept = self._kept(event.body)
        text = dump_text(event.body) if kept else None
        work.events.append((*place, event.type, event.at.wall_us, now_us, digest, person, text))
        work.latest_us = max(work.latest_us, event.at.wall_us)
        if kept and body is not None:
            self._apply(work, gateway, identity, body, now_us)
        elif isinstance(body, LightShown | LightRefused):
            work.lights.append(
                replace(body, person=None)
            )  # what a lamp shows is no secret; whose it is, is kept no longer

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
            case StoreShed():
                self._shed(work, gateway, body, now_us)
            case _:
                pass  # kept as it is; nothing follows from it yet

    def _stay(
        self,
        work: Work,
        gateway: str,
        identity: Identity,
        body: VisitEntered | VisitLeft | VisitCorrected | DwellProgress,
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
    body: VisitEntered | VisitLeft | VisitCorrected | DwellProgress,
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
