"""A gateway without radio and lamps: store and sync alone, under load, with a ledger beside it.

    python gateway.py DIRECTORY PORT LEDGER [--forget-on-puback]

It writes numbered events down as fast as it is told to, and puts the number of each *accepted* one, after its commit,
into LEDGER: what is in there must reach the hub. `--forget-on-puback` makes it the gateway edgehub must not be, one
that takes the broker's word for delivery: the tests' negative control.
"""

import asyncio
import itertools
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from edgehub.config import MqttSettings
from edgehub.core.record import NewEvent, OutboxRow
from edgehub.core.wire import Ack, At
from edgehub.gateway.store import Store
from edgehub.gateway.sync import Sync

SITE = "test"
GATEWAY = "pi-test"
EVENTS_AT_ONCE = 5
EVERY_S = 0.025
"""200 events a second."""


class ForgetfulSync(Sync):
    """Believes that a PUBACK is delivery."""

    async def _send(self, partition: int, rows: Sequence[OutboxRow]) -> bool:
        sent = await super()._send(partition, rows)
        if sent and await self.mqtt.flush(1.0):
            for row in rows:
                ack = Ack(row.epoch, partition, 0, ((row.seq, row.seq),))
                self._store.acknowledge(ack)
                self._pump.take(ack)
        return sent


def event(number: int) -> NewEvent:
    """An event that can be told from all others."""
    at = At("boot", time.monotonic_ns() // 1000, time.time_ns() // 1000, "unknown")
    return NewEvent("badge.unknown_count", {"count": number}, None, at)


async def load(store: Store, ledger: Path, stop: asyncio.Event) -> None:
    """Write events down, and what was accepted into the ledger."""
    numbers = itertools.count(time.time_ns() // 1000)  # apart from those of the processes before
    handle = os.open(ledger, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    waiting: set[asyncio.Task[None]] = set()

    async def write() -> None:
        mine = list(itertools.islice(numbers, EVENTS_AT_ONCE))
        if await store.record([event(number) for number in mine]):
            os.write(handle, "".join(f"{number}\n" for number in mine).encode())

    while not stop.is_set():
        task = asyncio.create_task(write())
        waiting.add(task)
        task.add_done_callback(waiting.discard)
        await asyncio.sleep(EVERY_S)
    await asyncio.gather(*waiting)
    os.close(handle)


async def main(directory: Path, port: int, ledger: Path, forgetful: bool) -> None:
    """Run until SIGTERM: first the load ends, then what waits goes out, then the process ends."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    kind = ForgetfulSync if forgetful else Sync
    async with (
        Store(directory, boot_id="boot") as store,
        kind(MqttSettings("127.0.0.1", port), store, site=SITE, gateway=GATEWAY),
    ):
        await load(store, ledger, stop)
        while store.backlog:  # noqa: ASYNC110  # the judge has a limit for this
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), "--forget-on-puback" in sys.argv))
