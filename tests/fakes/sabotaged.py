"""edgehub with one decision changed for the worse: the negative controls of the fault judge.

    python -m tests.fakes.sabotaged WHAT run|hub OPTIONS…

Each sabotage is one class of the product replaced by a subclass that decides one thing otherwise; all the rest is the
product, started by its own command line. A judge who finds nothing wrong with these is worth nothing.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from edgehub import cli
from edgehub.core.record import NewEvent, OutboxRow
from edgehub.core.sequence import Received
from edgehub.core.wire import Ack, Envelope, Epoch, Poison
from edgehub.core.wire.events import ErasureReceipt
from edgehub.gateway import daemon as gateway_daemon
from edgehub.gateway import store as gateway_store
from edgehub.gateway.store import journal, profiles, recovery
from edgehub.gateway.store.batch import Sequences
from edgehub.gateway.store.database import Database
from edgehub.gateway.store.journal import Journal
from edgehub.gateway.sync import Sync
from edgehub.hub import daemon as hub_daemon
from edgehub.hub.intake import Intake
from edgehub.hub.store import HubStore, Transaction
from edgehub.hub.work import Work


class TrustingSync(Sync):
    """Believes that a PUBACK is delivery: deletes what the broker has taken."""

    async def _send(self, partition: int, rows: Sequence[OutboxRow]) -> bool:
        sent = await super()._send(partition, rows)
        if sent and await self.mqtt.flush(1.0):
            await self._store._journal._database.write([("delete_row", [(row.id,) for row in rows])])
            for row in rows:
                self._pump.take(Ack(row.epoch, partition, 0, ((row.seq, row.seq),)))
        return sent


class HastyDatabase(Database):
    """Saves the sync of each commit: `synchronous=NORMAL`, because "WAL is safe"."""

    async def _configure(self, connection: Any) -> None:
        await super()._configure(connection)
        await connection.execute_fetchall("pragma synchronous=normal")


class FrugalJournal(Journal):
    """Goes on in the epoch it finds, instead of beginning its own: numbers can repeat after a rollback."""

    async def _begin_epoch(self, *, before: Epoch | None = None) -> None:
        found = await self._database.select("scan_epochs", 0, 2**53)
        await super()._begin_epoch(before=before)
        if found:
            start, nonce, _ = found[-1]
            await self._database.write([("forget_epochs", [(self.epoch.start + 1,)])])
            rows = await self._database.select("scan_outbox", 0, 2**53)
            self._sequences = Sequences(Epoch(start, nonce))
            self._sequences._next = {0: max((row[2] for row in rows if row[0] == start), default=0) + 1}


class BlindJournal(Journal):
    """Believes every byte it reads: what was altered on the disk is sent as if it were sound."""

    async def page(self, after: int, limit: int) -> list[OutboxRow]:
        rows = await self._database.select("page", after, limit)
        return [OutboxRow(row[0], Epoch(row[1], row[2]), *row[3:6]) for row in rows]


class ForgivingSync(Sync):
    """Thinks nothing of a hub that suddenly has less than it once acknowledged."""

    def _take_ack(self, ack: Ack) -> None:
        self._questions.asked.clear()
        super()._take_ack(ack)


class CredulousIntake(Intake):
    """Takes whatever comes as new."""

    def _take(
        self, transaction: Transaction, work: Work, gateway: str, event: Envelope | Poison, digest: bytes
    ) -> None:
        one = event.identity
        key = gateway, one.epoch.nonce, one.partition
        _, known = work.received.get(key, (one.epoch, Received()))
        work.received[key] = one.epoch, Received()
        super()._take(transaction, work, gateway, event, digest)
        known.add(one.seq)
        work.received[key] = one.epoch, known


class StubbornIntake(Intake):
    """Waits for ever for events that a gateway said it gave up."""

    def _shed(self, transaction: Transaction, work: Work, gateway: str, body: Any) -> None:
        work.give_up(gateway, body)


class CarelessHub(HubStore):
    """Deletes rows, and leaves what was in them in the file."""

    async def scrub(self, _needles: Sequence[bytes], *, rewrite: bool = False) -> bool:  # as the product's
        return True


class CarelessStore(gateway_store.Store):
    """Confirms an erasure without one: who is forgotten is not followed any more, and stays on the disk."""

    async def _erase_all(self) -> None:
        tombstones = [one.revision for one in await self.profiles() if one.erased]
        if tombstones:
            await self.record([NewEvent.of(ErasureReceipt(revision=max(tombstones)), self._clock())])


class CarelessDatabase(Database):
    """Leaves what was deleted in the free pages."""

    async def _configure(self, connection: Any) -> None:
        await super()._configure(connection)
        await connection.execute_fetchall("pragma secure_delete=off")


def _erase_nothing() -> None:
    hub_daemon.HubStore = CarelessHub
    engines = import_module("edgehub.hub.store.engines")  # its package has a function of this name
    engines.SQLITE = tuple(one for one in engines.SQLITE if "secure_delete" not in one)  # type: ignore[attr-defined]
    gateway_daemon.Store = CarelessStore
    profiles.Database = CarelessDatabase


async def _believe(_database: Database) -> None:
    """No look at checksums when a journal is opened."""


def _close_both_eyes() -> None:
    gateway_store.Journal = BlindJournal
    recovery._verify = _believe
    recovery._sound = lambda _row, _data, _crc: True


def _replace(module: Any, name: str, by: type) -> Callable[[], None]:
    return lambda: setattr(module, name, by)


SABOTAGE: Mapping[str, Callable[[], None]] = {
    "delete-on-puback": _replace(gateway_daemon, "Sync", TrustingSync),
    "synchronous-normal": _replace(journal, "Database", HastyDatabase),
    "same-epoch": _replace(gateway_store, "Journal", FrugalJournal),
    "no-checksum": _close_both_eyes,
    "trust-old-acks": _replace(gateway_daemon, "Sync", ForgivingSync),
    "no-dedupe": _replace(hub_daemon, "Intake", CredulousIntake),
    "no-erasure": _erase_nothing,
    "no-shed": _replace(hub_daemon, "Intake", StubbornIntake),
}


def main(words: Iterable[str]) -> int:
    """Do the damage, then run the product."""
    what, *command = words
    SABOTAGE[what]()
    return cli.main(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
