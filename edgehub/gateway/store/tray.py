"""The tray: what waits in memory for the next commit, and when that is due."""

import asyncio
from collections.abc import Sequence

from edgehub.core.record import OutboxRow, VisitChange
from edgehub.core.wire import Ack
from edgehub.gateway.store.batch import Batch, Draft
from edgehub.gateway.store.tally import Tally

MARKS_WAIT_S = 2.0
"""Acknowledgements ride in the next commit of events; alone, they wait this long. Lost, they cost a resend."""
MOST_WAITING = 20_000
"""Events kept in memory while the disk refuses: some 10 MB. More are refused and counted."""


class Tray:
    """Filled by whoever has something to write down, emptied by the one writer.

    Args:
        tally: where what finds no room is counted.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._batch = Batch()
        self._due = asyncio.Event()
        self._marks_due: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many events."""
        return len(self._batch.drafts)

    def put(self, drafts: Sequence[Draft], visits: Sequence[VisitChange]) -> asyncio.Future[bool]:
        """These go into one commit; the future is True once they are kept, False when they never will be."""
        future = asyncio.get_running_loop().create_future()
        if self.waiting + len(drafts) > MOST_WAITING or self._closed:
            self._tally.refused += len(drafts)
            future.set_result(False)
            return future
        self._batch.drafts += drafts
        self._batch.visits += visits
        self._batch.futures.append(future)
        self._due.set()
        return future

    def mark(self, ack: Ack) -> None:
        """The hub has these; of an epoch and partition the newest tells all."""
        self._batch.marks[ack.epoch.nonce, ack.partition] = ack
        if self._marks_due is None:
            self._marks_due = asyncio.get_running_loop().call_later(MARKS_WAIT_S, self._due.set)

    def unmark(self, ack: Ack) -> asyncio.Future[bool]:
        """The hub has these and nothing else."""
        self._batch.unmarks[ack.epoch.nonce, ack.partition] = ack
        self._batch.marks[ack.epoch.nonce, ack.partition] = ack
        return self.put([], [])

    def set_aside(self, row: OutboxRow) -> None:
        """No hub takes this one."""
        self._batch.aside.append(row)
        self._due.set()

    async def take(self) -> Batch | None:
        """Everything that waits, once something of it is due; None once this is closed and empty."""
        while not (self._closed and self._batch.is_empty):
            await self._due.wait()
            self._due.clear()
            if not self._batch.is_empty:
                return self._emptied()
        return None

    def _emptied(self) -> Batch:
        batch, self._batch = self._batch, Batch()
        self._forget_timer()
        return batch

    def _forget_timer(self) -> None:
        if self._marks_due is not None:
            self._marks_due.cancel()
            self._marks_due = None

    def close(self) -> None:
        """Nothing more comes; what is here is due."""
        self._closed = True
        self._due.set()

    def give_up(self) -> None:
        """Nobody will write this down: tell those who wait."""
        self._batch.resolve(kept=False)
        self._forget_timer()
