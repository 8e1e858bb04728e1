"""The pump on a real store: poison is found and set aside, and a hub that acknowledges nothing costs no event."""

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from edgehub.core.profile import Profile
from edgehub.core.record import OutboxRow
from edgehub.core.sequence import Received
from edgehub.core.wire import MAX_EVENTS, Ack
from edgehub.gateway.store import Store
from edgehub.gateway.sync.lanes import NEWEST
from edgehub.gateway.sync.pump import OLD_WINDOW, WINDOW, Pump
from tests.fakes.event import event
from tests.fakes.waiting import until

OLD = 2_000
"""Events that wait already."""
PATIENT_S = (20.0, 30.0)
"""Nothing is sent twice meanwhile."""


class Hub:
    """Takes everything but some numbers; or nothing at all."""

    def __init__(self, store: Store, poison: set[int], resend_s: tuple[float, float]) -> None:
        self._store = store
        self.poison = poison
        self.deaf = False
        self.pump = Pump(store, self.send, time.monotonic, resend_s=resend_s)
        self.sent: list[list[int]] = []
        self.received = Received()

    async def send(self, partition: int, rows: Sequence[OutboxRow]) -> bool:
        """A batch with poison in it is not acknowledged, for it cannot be read."""
        seqs = [row.seq for row in rows]
        self.sent.append(seqs)
        if not self.deaf and not self.poison & set(seqs):
            for seq in seqs:
                self.received.add(seq)
            ack = Ack(rows[0].epoch, partition, self.received.watermark, self.received.ranges)
            self.pump.take(ack)
            self._store.acknowledge(ack)
        return True


@asynccontextmanager
async def pumping(
    directory: Path, *poison: int, resend_s: tuple[float, float] = (0.01, 0.03)
) -> AsyncIterator[tuple[Store, Hub]]:
    async with Store(directory, boot_id="boot") as store, asyncio.TaskGroup() as tasks:
        hub = Hub(store, set(poison), resend_s)
        running = tasks.create_task(hub.pump.run())
        yield store, hub
        running.cancel()


@pytest.mark.asyncio
async def test_poison_is_found_in_its_batch_and_set_aside(tmp_path: Path) -> None:
    """Its batch mates are delivered alone; it is tried in vain while others pass, then kept aside and reported."""
    async with pumping(tmp_path, 7) as (store, hub):
        await store.record([event(n) for n in range(1, 21)])
        hub.pump.open()
        await until(lambda: store.backlog == 1)
        assert hub.sent[0] == list(range(1, 21))
        for number in range(100, 160):
            await store.record([event(number)])
            if store.stats().set_aside:
                break
        await until(lambda: store.backlog == 0)
        assert store.stats().set_aside == 1
        assert hub.sent.count([7]) >= 5
    with closing(sqlite3.connect(tmp_path / "journal.db")) as journal:
        payloads = [json.loads(payload) for (payload,) in journal.execute("select payload from outbox")]
        assert journal.execute("select seq from set_aside").fetchall() == [(7,)]
    assert [one["body"] for one in payloads if one["type"] == "store.shed"] == [
        {
            "epoch": store.epoch.nonce,
            "partition": 0,
            "shed_class": "sample",
            "count": 1,
            "ranges": [[7, 7]],
            "why": "never acknowledged",
        }
    ]


@pytest.mark.asyncio
async def test_a_hub_that_acknowledges_nothing_makes_no_event_poison(tmp_path: Path) -> None:
    """Its disk may be full: however often an event was sent in vain, it waits."""
    async with pumping(tmp_path) as (store, hub):
        hub.deaf = True
        await store.record([event(1), event(2)])
        hub.pump.open()
        await until(lambda: hub.sent.count([1]) >= 8)
        assert store.stats().set_aside == 0
        hub.deaf = False
        await until(lambda: store.backlog == 0)


@pytest.mark.asyncio
async def test_what_is_new_does_not_wait_behind_what_is_old(tmp_path: Path) -> None:
    """While a long backlog waits for a slow hub, an event of now is sent at once; the old ones keep most of the window."""
    old = range(1, OLD - NEWEST + 1)
    async with pumping(tmp_path, *old, resend_s=PATIENT_S) as (store, hub):
        await store.record([event(n) for n in range(1, OLD + 1)])
        hub.pump.open()
        await until(lambda: hub.pump.in_flight == OLD_WINDOW * MAX_EVENTS)
        await store.record([event(OLD + 1)])
        await until(lambda: [OLD + 1] in hub.sent)
        assert hub.pump.in_flight == OLD_WINDOW * MAX_EVENTS
        hub.poison.clear()
        hub.pump.open()
        await until(lambda: store.backlog == 0)
    assert hub.received.watermark == OLD + 1


@pytest.mark.asyncio
async def test_the_newest_of_before_count_as_new(tmp_path: Path) -> None:
    """A connection that breaks for a moment during a drain sends the events of that moment to the back of no queue."""
    async with pumping(tmp_path, resend_s=PATIENT_S) as (store, hub):
        await store.record([event(n) for n in range(1, OLD + 1)])
        hub.pump.open()
        await until(lambda: store.backlog == 0)
    assert hub.sent[0][0] == OLD - NEWEST + 1
    assert sorted(seq for seqs in hub.sent for seq in seqs) == list(range(1, OLD + 1))


@pytest.mark.asyncio
async def test_with_nothing_old_the_window_is_all_for_the_new(tmp_path: Path) -> None:
    """The share of the window that the old may not take is no loss when there is nothing old."""
    async with pumping(tmp_path, resend_s=PATIENT_S) as (store, hub):
        hub.deaf = True
        hub.pump.open()
        await store.record([event(0)])
        await until(lambda: hub.sent)
        await store.record([event(n) for n in range(1, OLD + 1)])
        await until(lambda: len(hub.sent) == WINDOW)
        assert hub.pump.in_flight == 1 + (WINDOW - 1) * MAX_EVENTS


@pytest.mark.asyncio
async def test_events_changed_during_a_drain_are_sent_as_they_are_now(tmp_path: Path) -> None:
    """What was erased is read anew, in both lanes, and each event arrives still."""
    async with pumping(tmp_path, resend_s=PATIENT_S) as (store, hub):
        await store.record([event(n) for n in range(1, OLD + 1)])
        hub.deaf = True
        hub.pump.open()
        await until(lambda: len(hub.sent) == WINDOW)
        await store.put_profiles([Profile("p1", 1, erased=True)])
        hub.deaf = False
        await until(lambda: store.backlog == 0)
    assert hub.received.watermark == OLD + 1  # and the receipt of the erasure
