"""The intake: what a batch of events does to the hub, as one transaction and the acknowledgements that follow it.

Dedupe, effect and watermark are decided on what the store says in the same transaction, and written in it; only when
the commit returned do the acknowledgements go out. An event that comes again changes nothing; one that comes
again with other content is noted as a conflict; one that cannot be read is set aside and acknowledged.
"""

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

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
from edgehub.hub.clocks import Clocks, anchor_of, shifted
from edgehub.hub.delivery import Delivery
from edgehub.hub.fact import PERSON
from edgehub.hub.ledger import Stay
from edgehub.hub.store import HubStore, Transaction
from edgehub.hub.work import Key, Work, received_of, reported

MOST_RANGES = 500
"""Ranges of an acknowledgement; what it does not name is sent again, which is harmless."""
FORGET_AFTER_US = 24 * 3600 * 1_000_000
"""The replay window of the gateways: an epoch that its gateway no longer has, silent this long, comes no more."""


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
        work = Work.on(transaction, deliveries, now_us, need_consent=self.need_consent)
        for delivery in deliveries:
            self._take_anchors(work, delivery)
        for delivery in deliveries:
            if delivery.why:
                self.unreadable += 1
                work.set_aside(delivery.gateway, delivery.why, delivery.raw)
            for event, digest in delivery.events:
                self._take(transaction, work, delivery.gateway, event, digest)
        for gateway, anchor in work.anchors:
            self._correct(transaction, work, gateway, anchor)
        work.write(transaction)
        come = {stay.person for stay in work.stays.values() if stay.person not in self._here}
        if come:
            work.history = [Stay(*row) for row in transaction.select("stays_of", persons=come)]
        return work

    def acks(self, work: Work) -> list[tuple[str, Ack]]:
        """What the hub has of everything that was touched, by gateway."""
        return [(key[0], self._ack(key, *work.received[key])) for key in work.touched]

    async def ack(self, store: HubStore, gateway: str, epoch: Epoch, partition: int) -> Ack:
        """What the hub has of one; nothing of one it never saw."""
        rows = await store.select("received", gateways=[gateway], nonces=[epoch.nonce])
        key = gateway, epoch.nonce, partition
        return self._ack(key, *received_of(rows).get(key, (epoch, Received())))

    def forget(self, transaction: Transaction, gateway: str, marks: Iterable[Mark], now_us: int) -> int:
        """Forget epochs that a gateway has nothing of any more; how many of their events never arrived.

        A gateway names each epoch it still has on each connect; one it does not name, and that was silent for longer
        than it keeps anything, is complete or will never be.
        """
        here = {mark.epoch.nonce for mark in marks}
        silent = transaction.select("silent", gateway=gateway, before_us=now_us - FORGET_AFTER_US)
        gone = {key: got for key, got in received_of(silent).items() if key[1] not in here}
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
        work.know(transaction, {gateway}, {visit for visit in visits if isinstance(visit, str)})
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
                stay = reported(gateway, identity, told, known)
                stays |= {} if stay is None else {stay.key: stay}
                work.stale[told.person] = max(event, work.stale.get(told.person, 0))
        for key, stay in stays.items():
            newer = work.known.get(key)
            if newer is None or not newer.supersedes(stay):
                work.stays[key] = work.known[key] = stay

    def _take(
        self, transaction: Transaction, work: Work, gateway: str, event: Envelope | Poison, digest: bytes
    ) -> None:
        identity = event.identity
        source, key = f"gateway/{gateway}", f"{identity.epoch.nonce}/{identity.partition}/{identity.seq}"
        if not work.touch(gateway, identity.epoch, identity.partition).add(identity.seq):
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
            work.set_aside(gateway, str(error), event.raw)
            return
        by_us = self._date(work, gateway, event)
        at_us = event.at.wall_us + by_us
        row |= {"type": event.type, "at_us": at_us, "told_us": event.at.wall_us}
        work.latest_us = max(work.latest_us, at_us)
        person, kept = work.keeps(event.body)
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
                work.report(gateway, identity, body)
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
            earlier = received_of(transaction.select("received", gateways=[gateway], nonces=[body.epoch]))
            work.received = earlier | work.received
        epoch = work.received.get(key, (Epoch(0, body.epoch),))[0]
        got = work.touch(gateway, epoch, body.partition)
        for pair in body.ranges:
            match pair:
                case [int(low), int(high)] if 1 <= low <= high:
                    got.add_range(low, high)
        work.give_up(gateway, body)


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


def _gaps(got: Received) -> int:
    """How many below the last that arrived did not."""
    high = max([got.watermark, *(high for _, high in got.ranges)])
    return high - got.watermark - sum(high - low + 1 for low, high in got.ranges)
