"""The journal: the outbox and the open visits, written by one task in group commits.

"Accepted" means that the commit returned. Events that arrive while a commit runs, or within 0.3 s of it, share the
next one, and so do the hub's acknowledgements. When the disk refuses, the same batch is tried again, unchanged, until
it is kept: sequences stay free of gaps and nothing is numbered twice. A disk that refuses already at the start delays
the epoch, not the gateway.
"""

import asyncio
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Self

from edgehub.core.record import NewEvent, OutboxRow, VisitChange
from edgehub.core.wire import Ack, At, Epoch, EventBody, Mark
from edgehub.core.wire.events import StoreCorrupt, StoreShed
from edgehub.gateway.store.ballast import Ballast
from edgehub.gateway.store.batch import Batch, Draft, Sequences
from edgehub.gateway.store.contents import Contents
from edgehub.gateway.store.database import Damaged, Database, DatabaseError, Row, Step
from edgehub.gateway.store.erasure import Eraser
from edgehub.gateway.store.files import forget_aside
from edgehub.gateway.store.marks import Marks
from edgehub.gateway.store.recovery import Recovered, open_or_recover
from edgehub.gateway.store.repair import Repair
from edgehub.gateway.store.room import Room
from edgehub.gateway.store.shedding import Shedding
from edgehub.gateway.store.tally import Stats, Tally
from edgehub.gateway.store.tray import Tray
from edgehub.gateway.store.window import Window

COMMIT_EVERY_S = 0.3
"""At most 3.3 commits a second: an SD card takes 5 to 30 ms for each, and wears."""
RETRY_S = (0.5, 1.0, 2.0, 5.0)
"""Waits after failed commits; the last repeats."""
READ_AGAIN_S = 5.0
"""After rows could not be read, whoever waits for news is woken."""
UNKNOWN_EPOCH = Epoch(0, "0" * 16)
"""Until the journal could be opened."""


class Journal:
    """Outbox and open visits in one file. Use as ``async with``.

    Args:
        path: of the file; a damaged one is set aside, salvaged and reported, never a reason not to start, and neither
            is a full disk.
        quota_bytes: the most it may take.
        partitions: of the site.
        clock: this moment on the clocks of this machine.
    """

    def __init__(self, path: Path, *, quota_bytes: int, partitions: int, clock: Callable[[], At]) -> None:
        self._database = Database(path, "journal", quota_bytes=quota_bytes)
        self._ballast = Ballast(path.with_name("ballast"), quota_bytes=quota_bytes)
        self._shedding = Shedding(self._database)
        self.eraser = Eraser(self._database)
        self._partitions = partitions
        self._clock = clock
        self._repair = Repair(self._database, self._ballast, self._shedding)
        self._window = Window(self._database, self._shedding)
        self.contents = Contents(self._database)
        self.tally = Tally(self._database)
        self._tray = Tray(self.tally)
        self._room = Room(self._database, self._shedding, self.tally, self._reports)
        self._sequences: Sequences | None = None
        self._marks = Marks()
        self._stop = asyncio.Event()
        self.recovered: Recovered | None = None
        self.failing: str | None = None
        """Why the last commit failed, while it does."""
        self.rewrites = 0
        """Grows when rows that wait were changed: whoever holds copies of them reads them again."""
        self.news = asyncio.Event()
        """Set when rows were committed; whoever reads pages clears it."""

    async def __aenter__(self) -> Self:
        try:
            await self._try_start()
        except BaseException:
            await self._database.close()  # its thread would keep the process from ending
            raise
        self._writer = asyncio.create_task(self._write(), name="journal writer")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Write down what waits; a disk that refuses then gets one more try and no more."""
        self._stop.set()
        self._tray.close()
        await self._writer
        self._tray.give_up()
        await self._database.close()

    @property
    def epoch(self) -> Epoch:
        """Of this process; `UNKNOWN_EPOCH` while the disk has refused ever since the start."""
        return UNKNOWN_EPOCH if self._sequences is None else self._sequences.epoch

    # --- starting ---------------------------------------------------------------------------------------------------

    async def _try_start(self) -> bool:
        """Open it and begin an epoch; False, with the reason in ``failing``, when the disk does not let us."""
        for _ in range(2):
            try:
                await self._start()
            except (DatabaseError, OSError, Damaged) as error:
                await self._database.close()
                self.failing = f"the journal cannot be opened: {error}; events wait in memory"
                if not self._ballast.make_way():
                    return False
            else:
                self.failing = None
                await self._ballast.take()
                return True
        return False

    async def _start(self) -> None:
        recovered = await open_or_recover(self._database)
        await self._begin_epoch()
        if recovered is not None:
            self._tell(recovered)

    def _tell(self, recovered: Recovered) -> None:
        self.recovered = recovered
        body = StoreCorrupt(salvaged=recovered.salvaged, lost=recovered.lost, why=recovered.why[:200])
        self.record([NewEvent.of(body, self._clock())])

    async def _begin_epoch(self, *, before: Epoch | None = None) -> None:
        """Number events anew; a batch at hand keeps its numbers of ``before``: it must not be written twice."""
        [(next_start,)] = await self._database.select("next_start")
        start = max(next_start, self.epoch.start + 1)  # also when a damaged file forgot what it had
        epoch, at = Epoch(start, secrets.token_hex(8)), self._clock()
        steps: list[Step] = [("insert_epoch", [(start, epoch.nonce, at.boot_id)]), ("forget_epochs", [(start,)])]
        if before is not None:
            steps.append(("keep_epoch", [(before.start, before.nonce, at.boot_id)]))
        steps += await self._window.begin(at, asyncio.get_running_loop().time())
        await self._database.write(steps)
        self._sequences = Sequences(epoch)
        self._marks = Marks(await self._database.select("marks"))
        await self.tally.recount()
        self._announce_rewrite()

    def _announce_rewrite(self) -> None:
        self.rewrites += 1
        self.news.set()

    # --- writing ----------------------------------------------------------------------------------------------------

    def record(self, events: Iterable[NewEvent], visits: Sequence[VisitChange] = ()) -> asyncio.Future[bool]:
        """Write events and visits down together; the future is True once the commit returned.

        It is False when memory was full because the disk refused for long. Cancelling it changes nothing.
        Raises WireError for an event that cannot be sent.
        """
        drafts = [Draft.of(event, self._partitions, self.eraser.erased) for event in events]
        return self._tray.put(drafts, self.eraser.sifted(visits))

    def acknowledge(self, ack: Ack) -> None:
        """Mark what the hub has, with the next commit. The newest of an epoch and partition tells all."""
        self._tray.mark(ack)

    def unacknowledge(self, ack: Ack) -> asyncio.Future[bool]:
        """What the hub does not have any more waits again once the future is done."""
        return self._tray.unmark(ack)

    def set_aside(self, row: OutboxRow) -> None:
        """Give up an event that no hub takes: it is kept here, and the hub is told that it will not come."""
        self._tray.set_aside(row)

    async def _write(self) -> None:
        await self._become_ready()
        if self._sequences is None:
            self._tray.give_up()
            return
        while (batch := await self._tray.take()) is not None:
            await self._commit(batch)
            await self._pause(COMMIT_EVERY_S)

    async def _become_ready(self) -> None:
        for failures in count():
            if self._sequences is not None or self._stop.is_set():
                return
            await self._pause(_retry_s(failures))
            await self._try_start()

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when we are to stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    async def _commit(self, batch: Batch) -> None:
        steps: list[Step] = []
        for failures in count():
            try:
                if await self._room.make(batch, fresh=not steps):
                    self._announce_rewrite()
                    await self.tally.recount()
                steps = steps or self._steps(batch, await self._shedding.reports_on(batch.aside))
                touched = await self._database.write(steps)
            except (DatabaseError, OSError, Damaged) as error:
                self.failing = f"the journal cannot be written: {error}; events wait in memory"
                if self._stop.is_set():
                    break
                await self._mend(error)
                await self._pause(_retry_s(failures))
            else:
                await self._settle(batch, dict(zip((name for name, _ in steps), touched, strict=True)))
                return
        batch.resolve(kept=False)

    def _steps(self, batch: Batch, reports: Sequence[StoreShed]) -> list[Step]:
        """The batch as statements; from here on its events have their numbers."""
        wall_us = self._clock().wall_us
        rows = self._numbered(batch.drafts) + self._reports(reports)
        steps: list[Step] = [("insert_row", rows), *batch.visit_steps(), *batch.aside_steps(wall_us)]
        return [
            *(step for step in steps if step[1]),
            ("unmark", batch.unmark_rows()),
            ("mark", self._marks.rows(batch.marks, wall_us)),
        ]

    def _reports(self, bodies: Iterable[EventBody]) -> list[Row]:
        at = self._clock()
        return self._numbered(Draft.of(NewEvent.of(body, at), self._partitions) for body in bodies)

    def _numbered(self, drafts: Iterable[Draft]) -> list[Row]:
        assert self._sequences is not None
        return [self._sequences.place(one) for one in drafts]

    async def _settle(self, batch: Batch, touched: dict[str, int]) -> None:
        self.failing = None
        acknowledged, waiting_again = max(0, touched["mark"]), max(0, touched["unmark"])
        self.tally.settle(batch, acknowledged=acknowledged, waiting_again=waiting_again)
        self._marks.settle(batch.marks, batch.unmarks)
        self.rewrites += waiting_again > 0
        if "delete_row" in touched:
            with suppress(DatabaseError, OSError):  # what is committed is committed; the next one counts
                await self.tally.recount()
        batch.resolve(kept=True)
        if "insert_row" in touched or waiting_again:
            self.news.set()
        await self._trim()

    async def _trim(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self._window.is_due(now):
            return
        with suppress(DatabaseError, OSError):  # the next one will do
            await self._window.trim(self._clock(), now)
        await self._ballast.take()

    async def _mend(self, error: Exception) -> None:
        """Before the next try; of a journal that was damaged what follows is numbered anew."""
        with suppress(DatabaseError, OSError):
            recovered = await self._repair.after(error)
            if recovered is not None:
                self._tell(recovered)
                await self._begin_epoch(before=self.epoch)

    async def erase(self, persons: Collection[str]) -> None:
        """Leave nothing about these. Raises DatabaseError or OSError when the disk does not let us: then try again."""
        await self.record([])  # what was numbered before they were known to be erased is on the disk now
        await self.eraser.empty(persons)
        forget_aside(self._database.path)
        self._announce_rewrite()

    # --- reading ----------------------------------------------------------------------------------------------------

    async def page(self, after: int, limit: int) -> list[OutboxRow]:
        """Rows that wait for the hub, in the order of commits, with ids above ``after``; none while they cannot be read."""
        try:
            return await self.contents.page(after, limit)
        except (DatabaseError, OSError):  # not open yet, or discarded just now; the writer sees to it
            asyncio.get_running_loop().call_later(READ_AGAIN_S, self.news.set)
            return []

    async def last(self) -> int:
        """The highest id of a row, whether it waits or not; 0 while it cannot be read."""
        with suppress(DatabaseError, OSError):
            return await self.contents.last()
        return 0

    def marks(self) -> list[Mark]:
        """Up to where each epoch still here is acknowledged, the newest 200."""
        return self._marks.named()

    def stats(self) -> Stats:
        """Counters since the start."""
        return self.tally.stats(self._tray.waiting)


def _retry_s(failures: int) -> float:
    return RETRY_S[min(failures, len(RETRY_S) - 1)]
