"""What goes first when the quota is full: what the hub has, then the least worth knowing; never what is vital.

Every event given up unsent is named to the hub in a `store.shed` event, written in the transaction that deletes it.
"""

from itertools import groupby
from typing import Any

from edgehub.core.sequence import Received
from edgehub.core.wire.events import SHEDDING_ORDER, StoreShed
from edgehub.gateway.store.database import Database

RESERVE = 0.95
"""Share of the quota that ordinary events may fill; the rest is for what is never given up."""
ENOUGH = 0.90
WINDOW = 0.20
"""Share of the quota that the replay window may fill."""
ROWS = 500
"""Rows given up at a time; as many ranges fit the one event that reports them."""


class Shedding:
    """Keeps a journal below its quota."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.pressed = False
        """SQLite said "full": of the quota, or the whole disk is."""
        self.count = 0
        """Events given up unsent."""

    async def plan(self) -> tuple[list[tuple[int]], list[StoreShed]]:
        """Ids of the rows to give up now, and the reports to write in their place. What the hub has goes at once."""
        if not await self._is_tight():
            return [], []
        while await self._used() > ENOUGH:
            [acknowledged] = await self._database.write([("shed_acknowledged", [(ROWS,)])])
            if acknowledged <= 0:
                return await self._least()
        return [], []

    async def trim_window(self, before_us: int) -> None:
        """Forget what the hub acknowledged before this time, and more while the window is too large."""
        await self._database.write([("forget_acknowledged", [(before_us,)])])
        while await self._used() > WINDOW:
            [acknowledged] = await self._database.write([("shed_acknowledged", [(ROWS,)])])
            if acknowledged <= 0:
                return

    async def _is_tight(self) -> bool:
        used = await self._used()
        pressed, self.pressed = self.pressed, False
        # A disk filled by others is not eased by giving up what is ours.
        return used > RESERVE or (pressed and used > RESERVE / 2)

    async def _used(self) -> float:
        [(used,)] = await self._database.select("used_pages")
        return float(used / self._database.pages)

    async def _least(self) -> tuple[list[tuple[int]], list[StoreShed]]:
        for shed_class in SHEDDING_ORDER[:-1]:
            if rows := await self._database.select("oldest_of_class", shed_class, ROWS):
                self.count += len(rows)
                return [(row[3],) for row in rows], _reports(shed_class, rows)
        return [], []


def _reports(shed_class: str, rows: list[tuple[Any, ...]]) -> list[StoreShed]:
    ordered = sorted(row[:3] for row in rows)
    return [
        _report(shed_class, epoch, partition, [row[2] for row in group])
        for (epoch, partition), group in groupby(ordered, key=lambda row: row[:2])
    ]


def _report(shed_class: str, epoch: str, partition: int, seqs: list[int]) -> StoreShed:
    gone = Received()
    for seq in seqs:
        gone.add_range(seq, seq)
    first = ((1, gone.watermark),) if gone.watermark else ()
    ranges = (*first, *gone.ranges)
    return StoreShed(epoch=epoch, partition=partition, shed_class=shed_class, count=len(seqs), ranges=ranges)
