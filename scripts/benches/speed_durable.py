"""Durable delivery, one way per process: `speed_durable.py edgehub|naive DIRECTORY PORT`.

Reads a number of events from each line of stdin and answers with how long it took, from handing over the first until the
hub has acknowledged the last (edgehub), or until the broker has acknowledged it and its row is gone (naive).
"""

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

Deliver = Callable[[int], Awaitable[None]]

EVIDENCE = {"levels": {"pi-bench": -61, "pi-2": -74}, "probability": 0.982, "test": "history"}


def body(n: int) -> dict[str, Any]:
    """What a gateway says when a guest has come in: the nth of them."""
    return {
        "visit": f"{n:016x}",
        "person": f"p{n % 400}",
        "zone": "lounge",
        "entered_at": time.time_ns() // 1000,
        "evidence": EVIDENCE,
    }


async def edgehub(stack: AsyncExitStack, directory: Path, port: int) -> Deliver:
    """Group commits in the journal, batches over paho, the hub's own acknowledgement after its commit."""
    from edgehub.config import MqttSettings
    from edgehub.core.record import NewEvent
    from edgehub.core.wire import Ack, At
    from edgehub.gateway.store import Store
    from edgehub.gateway.sync import Listeners, Sync

    class Watched(Store):
        """The store notes acknowledgements on the disk at leisure; what counts here is when they came."""

        watermark = 0

        def acknowledge(self, ack: Ack) -> None:
            self.watermark = max(self.watermark, ack.watermark)
            super().acknowledge(ack)

    store = await stack.enter_async_context(Watched(directory, boot_id="bench", quota_bytes=2**29))
    sync = Sync(
        MqttSettings("127.0.0.1", port), store, site="bench", gateway="pi-bench", listeners=Listeners(), status={}
    )
    await stack.enter_async_context(sync)
    while not sync.hub_online:  # noqa: ASYNC110 - it says so in a message, at some time
        await asyncio.sleep(0.05)

    async def deliver(events: int) -> None:
        done = store.watermark + events
        at = At("bench", time.monotonic_ns() // 1000, time.time_ns() // 1000, "unknown")
        for n in range(events):
            store.record([NewEvent("visit.entered", body(done - n), f"p{n % 400}", at)])
        while store.watermark < done:  # noqa: ASYNC110 - counting is what is asked
            await asyncio.sleep(0.002)

    return deliver


async def naive(stack: AsyncExitStack, directory: Path, port: int) -> Deliver:
    """One event after another: insert and commit, publish with QoS 1, delete and commit. The same durability."""
    import aiomqtt
    import aiosqlite

    database = await stack.enter_async_context(aiosqlite.connect(directory / "naive.db"))
    for statement in (
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "CREATE TABLE outbox (id INTEGER PRIMARY KEY, body TEXT)",
    ):
        await database.execute(statement)
    client = await stack.enter_async_context(aiomqtt.Client("127.0.0.1", port))

    async def deliver(events: int) -> None:
        for n in range(events):
            text = json.dumps(body(n))
            row = await database.execute("INSERT INTO outbox (body) VALUES (?)", (text,))
            await database.commit()
            await client.publish("naive/pi-bench/up/events", text, qos=1)
            await database.execute("DELETE FROM outbox WHERE id = ?", (row.lastrowid,))
            await database.commit()

    return deliver


async def main(way: str, directory: Path, port: int) -> None:
    async with AsyncExitStack() as stack:
        deliver = await {"edgehub": edgehub, "naive": naive}[way](stack, directory, port)
        while line := await asyncio.to_thread(sys.stdin.readline):
            started = time.monotonic()
            await deliver(int(line))
            print(json.dumps({"s": time.monotonic() - started, "sqlite": sqlite3.sqlite_version}), flush=True)


if __name__ == "__main__":
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
