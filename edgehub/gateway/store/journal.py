"""The journal: the outbox and the open visits, written by one task in group commits.

"Accepted" means that the commit returned. Events that arrive while a commit runs, or within 0.3 s of it, share the
next one, and so do the hub's acknowledgements. When the disk refuses, the same batch is tried again, unchanged, until
it is kept: sequences stay free of gaps and nothing is numbered twice.
"""

import asyncio
import json
import secrets
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, field
from itertools import count
from pathlib import Path
from typing import Any, Self

from edgehub.core.data import dataclass
from edgehub.core.record import NewEvent, OpenVisit, OutboxRow, VisitChange, VisitGone
from edgehub.core.wire import Ack, At, Epoch, Identity, Mark, shed_class
from edgehub.core.wire.envelope import draft, partition_of, place
from edgehub.core.wire.events import StoreCorrupt
from edgehub.core.wire.fields import dump
from edgehub.gateway.store.database import Damaged, Database, DatabaseError, Step
from edgehub.gateway.store.recovery import Recovered, open_or_recover
from edgehub.gateway.store.shedding import Shedding

COMMIT_EVERY_S = 0.3
"""At most 3.3 commits a second: an SD card takes 5 to 30 ms for each, and wears."""
MARKS_WAIT_S = 2.0
"""Acknowledgements ride in the next commit of events; alone, they wait this long. Lost, they cost a resend."""
RETRY_S = (0.5, 1.0, 2.0, 5.0)
"""Waits after failed commits; the last repeats."""
MOST_WAITING = 20_000
"""Events kept in memory while the disk refuses: some 10 MB. More are refused and counted."""
REPLAY_WINDOW_US = 24 * 3600 * 1_000_000
"""How long acknowledged rows stay, for a hub restored from a backup."""
TRIM_EVERY_S = 600.0
"""The window is trimmed this often, and never while nothing happens."""
SCHEMA_VERSION = 1


@dataclass(slots=True)
class _Draft:
    event_class: str
    partition: int
    text: str


@dataclass(slots=True)
class _Batch:
    """What the next commit writes."""

    drafts: list[_Draft] = field(default_factory=list)
    visits: list[VisitChange] = field(default_factory=list)
    marks: dict[tuple[str, int], Ack] = field(default_factory=dict)
    unmarks: dict[tuple[str, int], Ack] = field(default_factory=dict)
    futures: list[asyncio.Future[bool]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Stats:
    """Counters since the start, and what waits now."""

    backlog: int
    """Written down and not known to be acknowledged."""
    waiting: int
    """In memory, not yet written down."""
    committed: int
    acknowledged: int
    commits: int
    refused: int
    """Given up because the disk refused for so long that memory was full."""
    shed: int
    """Given up unsent because the quota was full; the hub is told which."""


class Journal:
    """Outbox and open visits in one file. Use as ``async with``.

    Args:
        path: of the file; a damaged one is set aside, salvaged and reported, never a reason not to start.
        quota_bytes: the most it may take.
        partitions: of the site.
        boot_id: of this boot of the machine.
        wall_us: the wall clock, µs since 1970.
    """

    def __init__(
        self,
        path: Path,
        *,
        quota_bytes: int,
        partitions: int,
        boot_id: str,
        wall_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._database = Database(path, "journal", quota_bytes=quota_bytes)
        self._shedding = Shedding(self._database)
        self._partitions = partitions
        self._boot_id = boot_id
        self._wall_us = wall_us
        self._next_seq: dict[int, int] = {}
        self._marked: dict[tuple[str, int], Mark] = {}
        self._batch = _Batch()
        self._wake = asyncio.Event()
        self._marks_due: asyncio.TimerHandle | None = None
        self._stop = asyncio.Event()
        self._committed = self._acknowledged = self._commits = self._refused = 0
        self.epoch = Epoch(0, "0" * 16)
        self.recovered: Recovered | None = None
        self.failing: str | None = None
        """Why the last commit failed, while it does."""
        self.backlog = 0
        self.news = asyncio.Event()
        """Set when rows were committed; whoever reads pages clears it."""

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._database.close()  # its thread would keep the process from ending
            raise
        self._writer = asyncio.create_task(self._write(), name="journal writer")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Write down what waits; a disk that refuses then gets one more try and no more."""
        self._stop.set()
        self._wake.set()
        await self._writer
        if self._marks_due is not None:
            self._marks_due.cancel()
        await self._database.close()

    async def _start(self) -> None:
        recovered = await open_or_recover(self._database)
        await self._begin_epoch()
        if recovered is not None:
            self.recovered = recovered
            self._report(recovered)

    async def _begin_epoch(self) -> None:
        [(next_start,)] = await self._database.select("next_start")
        start = max(next_start, self.epoch.start + 1)  # also when a damaged file forgot what it had
        self.epoch = Epoch(start, secrets.token_hex(8))
        self._next_seq.clear()
        await self._database.write(
            [
                ("insert_epoch", [(start, self.epoch.nonce, self._boot_id)]),
                ("forget_acknowledged", [(self._wall_us() - REPLAY_WINDOW_US,)]),
                ("forget_epochs", [(start,)]),
            ]
        )
        self._trim_at = asyncio.get_running_loop().time() + TRIM_EVERY_S
        [(self.backlog, _)] = await self._database.select("waiting")
        rows = await self._database.select("marks")
        marks = [Mark(Epoch(begun, nonce), partition, watermark) for begun, nonce, partition, watermark in rows]
        self._marked = {(mark.epoch.nonce, mark.partition): mark for mark in marks}
        self.news.set()

    def _report(self, recovered: Recovered) -> None:
        at = At(self._boot_id, time.monotonic_ns() // 1000, self._wall_us(), "unknown")
        body = StoreCorrupt(salvaged=recovered.salvaged, lost=recovered.lost, why=recovered.why[:200])
        self.record([NewEvent.of(body, at)])

    # --- writing ----------------------------------------------------------------------------------------------------

    def record(self, events: Iterable[NewEvent], visits: Sequence[VisitChange] = ()) -> asyncio.Future[bool]:
        """Write events and visits down together; the future is True once the commit returned.

        It is False when memory was full because the disk refused for long. Cancelling it changes nothing.
        Raises WireError for an event that cannot be sent.
        """
        drafts = [self._draft(event) for event in events]
        future = asyncio.get_running_loop().create_future()
        if len(self._batch.drafts) + len(drafts) > MOST_WAITING or self._stop.is_set():
            self._refused += len(drafts)
            future.set_result(False)
            return future
        self._batch.drafts += drafts
        self._batch.visits += visits
        self._batch.futures.append(future)
        self._wake.set()
        return future

    def _draft(self, event: NewEvent) -> _Draft:
        event_class = shed_class(event.type)
        text = draft(event.type, event_class, event.at, event.body)
        return _Draft(event_class, partition_of(event.person, self._partitions), text)

    def acknowledge(self, ack: Ack) -> None:
        """Mark what the hub has, with the next commit. The newest of an epoch and partition tells all."""
        self._batch.marks[ack.epoch.nonce, ack.partition] = ack
        if self._marks_due is None:
            self._marks_due = asyncio.get_running_loop().call_later(MARKS_WAIT_S, self._wake.set)

    def unacknowledge(self, ack: Ack) -> asyncio.Future[bool]:
        """The hub lost what it once acknowledged above this watermark: it waits again once the future is done."""
        self._batch.unmarks[ack.epoch.nonce, ack.partition] = ack
        return self.record([])

    async def _write(self) -> None:
        while not (self._stop.is_set() and self._is_idle()):
            await self._wake.wait()
            self._wake.clear()
            if self._is_idle():
                continue
            batch, self._batch = self._batch, _Batch()
            if self._marks_due is not None:
                self._marks_due.cancel()
                self._marks_due = None
            await self._commit(batch)
            await self._pause(COMMIT_EVERY_S)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when we are to stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    def _is_idle(self) -> bool:
        batch = self._batch
        return not (batch.marks or batch.futures)

    async def _commit(self, batch: _Batch) -> None:
        steps = self._steps(batch)
        for failures in count():
            try:
                steps = await self._make_room() + steps
                touched = await self._database.write(steps)
            except (DatabaseError, OSError, Damaged) as error:
                self.failing = f"the journal cannot be written: {error}; events wait in memory"
                if self._stop.is_set():
                    break
                await self._recover_connection(error)
                await self._pause(RETRY_S[min(failures, len(RETRY_S) - 1)])
            else:
                await self._settle(batch, touched)
                await self._trim()
                return
        _resolve(batch.futures, kept=False)

    async def _make_room(self) -> list[Step]:
        """What must go first, as steps of the same transaction: a sequence spent on a report is never spent twice."""
        gone, reports = await self._shedding.plan()
        if not gone:
            return []
        at = At(self._boot_id, time.monotonic_ns() // 1000, self._wall_us(), "unknown")
        rows = [self._place(self._draft(NewEvent.of(report, at))) for report in reports]
        return [("delete_row", gone), ("insert_row", rows)]

    def _place(self, drafted: _Draft) -> Sequence[Any]:
        seq = self._next_seq.get(drafted.partition, 1)
        self._next_seq[drafted.partition] = seq + 1
        payload = place(drafted.text, Identity(self.epoch, drafted.partition, seq))
        crc = zlib.crc32(payload)
        return self.epoch.start, drafted.partition, seq, drafted.event_class, SCHEMA_VERSION, payload, crc

    def _steps(self, batch: _Batch) -> list[Step]:
        last = {change.visit: change for change in batch.visits}.values()
        kept = [_visit_row(change) for change in last if isinstance(change, OpenVisit)]
        gone = [(change.visit,) for change in last if isinstance(change, VisitGone)]
        now = self._wall_us()
        marks = [mark for ack in batch.marks.values() for mark in self._mark_rows(ack, now)]
        unmarks = [(*key, ack.watermark) for key, ack in batch.unmarks.items()]
        rows = [self._place(drafted) for drafted in batch.drafts]
        steps: list[Step] = [("insert_row", rows), ("put_visit", kept), ("drop_visit", gone)]
        return [*(step for step in steps if step[1]), ("mark", marks), ("unmark", unmarks)]

    def _mark_rows(self, ack: Ack, now: int) -> list[tuple[Any, ...]]:
        known = self._marked.get((ack.epoch.nonce, ack.partition))
        low = 1 if known is None else known.watermark + 1
        ranges = [pair for pair in ((low, ack.watermark), *ack.also) if pair[0] <= pair[1]]
        return [(now, ack.epoch.nonce, ack.partition, *pair) for pair in ranges]

    async def _settle(self, batch: _Batch, touched: list[int]) -> None:
        self.failing = None
        self._commits += 1
        self._committed += len(batch.drafts)
        self._acknowledged += max(0, touched[-2])
        self.backlog += len(batch.drafts) - max(0, touched[-2]) + max(0, touched[-1])
        for key, ack in batch.marks.items():
            known = self._marked.get(key)
            if known is None or known.watermark < ack.watermark:
                self._marked[key] = Mark(ack.epoch, ack.partition, ack.watermark)
        for key, ack in batch.unmarks.items():
            self._marked[key] = Mark(ack.epoch, ack.partition, ack.watermark)
        _resolve(batch.futures, kept=True)
        if batch.drafts:
            self.news.set()

    async def _trim(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._trim_at:
            return
        self._trim_at = now + TRIM_EVERY_S
        with suppress(DatabaseError, OSError):  # the next one will do
            await self._shedding.trim_window(self._wall_us() - REPLAY_WINDOW_US)

    async def _recover_connection(self, error: Exception) -> None:
        """After an I/O error the connection is discarded; a file that was damaged meanwhile is salvaged."""
        if _is_full(error):
            self._shedding.pressed = True
            return
        with suppress(DatabaseError, OSError):
            try:
                await self._database.reopen()
            except Damaged:
                epoch = self.epoch
                await self._start()
                # The batch at hand keeps its numbers: had it been written, it must not be written twice.
                await self._database.write([("keep_epoch", [(epoch.start, epoch.nonce, self._boot_id)])])

    # --- reading ----------------------------------------------------------------------------------------------------

    async def page(self, after: int, limit: int) -> list[OutboxRow]:
        """Rows that wait for the hub, in the order of commits, with ids above ``after``."""
        rows = await self._database.select("page", after, limit)
        return [
            OutboxRow(row_id, Epoch(start, nonce), partition, seq, payload)
            for row_id, start, nonce, partition, seq, payload, crc in rows
            if zlib.crc32(payload) == crc
        ]

    def marks(self) -> list[Mark]:
        """Up to where each epoch still here is acknowledged, the newest 200."""
        return sorted(self._marked.values(), key=lambda mark: -mark.epoch.start)[:200]

    async def open_visits(self) -> list[OpenVisit]:
        """The visits that were open when this was last written down."""
        return [OpenVisit(**json.loads(document)) for _, document, _ in await self._database.select("visits")]

    async def meta(self, key: str) -> str | None:
        """A small fact kept beside the events."""
        rows = await self._database.select("meta", key)
        return str(rows[0][0]) if rows else None

    async def set_meta(self, key: str, value: str) -> None:
        """Keep a small fact; for rare use, it is a commit of its own."""
        await self._database.write([("set_meta", [(key, value)])])

    def stats(self) -> Stats:
        """Counters since the start."""
        return Stats(
            self.backlog,
            len(self._batch.drafts),
            self._committed,
            self._acknowledged,
            self._commits,
            self._refused,
            self._shedding.count,
        )


def _is_full(error: Exception) -> bool:
    return getattr(error, "sqlite_errorname", "") in {"SQLITE_FULL", "SQLITE_BUSY"}


def _visit_row(visit: OpenVisit) -> tuple[str, bytes, int]:
    document = dump(asdict(visit))
    return visit.visit, document, zlib.crc32(document)


def _resolve(futures: Iterable[asyncio.Future[bool]], *, kept: bool) -> None:
    for future in futures:
        if not future.done():  # whoever waited may have been cancelled
            future.set_result(kept)
