"""The pump on a real store: poison is found and set aside, and a hub that acknowledges nothing costs no event."""

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from edgehub.core.record import OutboxRow
from edgehub.core.sequence import Received
from edgehub.core.wire import Ack
from edgehub.gateway.store import Store
from edgehub.gateway.sync.pump import Pump
from tests.fakes.event import event
from tests.fakes.waiting import until


class Hub:
    """Takes everything but some numbers; or nothing at all."""

    def __init__(self, store: Store, poison: set[int]) -> None:
        self._store = store
        self._poison = poison
        self.deaf = False
        self.pump = Pump(store, self.send, time.monotonic, resend_s=(0.01, 0.03))
        self.sent: list[list[int]] = []
        self._received = Received()

    async def send(self, partition: int, rows: Sequence[OutboxRow]) -> bool:
        """A batch with poison in it is not acknowledged, for it cannot be read."""
        seqs = [row.seq for row in rows]
        self.sent.append(seqs)
        if not self.deaf and not self._poison & set(seqs):
            for seq in seqs:
                self._received.add(seq)
            ack = Ack(rows[0].epoch, partition, self._received.watermark, self._received.ranges)
            self.pump.take(ack)
            self._store.acknowledge(ack)
        return True


@asynccontextmanager
async def pumping(directory: Path, *poison: int) -> AsyncIterator[tuple[Store, Hub]]:
    async with Store(directory, boot_id="boot") as store, asyncio.TaskGroup() as tasks:
        hub = Hub(store, set(poison))
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
