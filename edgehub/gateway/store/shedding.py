"""What goes first when the quota is full: what the hub has, then the least worth knowing; never what is vital.

Every event given up unsent is named to the hub in a `store.shed` event, written in the transaction that deletes it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from itertools import groupby

from edgehub.core.data import dataclass
from edgehub.core.record import OutboxRow
from edgehub.core.sequence import Received
from edgehub.core.wire.events import SHEDDING_ORDER, StoreShed
from edgehub.gateway.store.batch import ROW_BYTES
from edgehub.gateway.store.database import PAGE_BYTES, Database, Row, Step

RESERVE = 0.95
"""Share of the quota that ordinary events may fill; the rest is for what is never given up."""
ENOUGH = 0.90
WINDOW = 0.20
"""Share of the quota that the replay window may fill."""
ROWS = 500
"""Rows given up with one report: as many ranges fit the one event."""
MOST_ROWS = 20_000
"""Rows given up with one commit."""

MOST_MOVED = 5
"""Rows looked at to free the room of one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to give up, and the reports to write in its place."""

    gone: Sequence[tuple[int]] = ()
    reports: Sequence[StoreShed] = field(default_factory=list)
    moved: tuple[int, int, int] | None = None
    """By how much which rows move to the end, so that pages become free."""
    is_exhausted: bool = False
    """Only what is vital is left, and the reserve is for that."""

    @property
    def steps(self) -> list[Step]:
        """As statements, without the reports."""
        return [("delete_row", self.gone), ("close_up", [] if self.moved is None else [self.moved])]


class Shedding:
    """Keeps a journal below its quota."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.pressed = False
        """SQLite said that the quota is full."""

    async def plan(self, coming_bytes: int) -> Plan:
        """What must go so that this much can come. What the hub has goes at once."""
        coming = coming_bytes / PAGE_BYTES / self._database.pages
        pressed, self.pressed = self.pressed, False
        if not pressed and await self._used() + coming <= RESERVE:
            return Plan()
        while (excess := await self._used() + coming - ENOUGH) > 0 or pressed:
            if not await self.drop_acknowledged():
                return await self._least(excess)
            pressed = False
        return Plan()

    async def drop_acknowledged(self) -> bool:
        """Give up some of the replay window; False when nothing is in it."""
        [gone] = await self._database.write([("shed_acknowledged", [(ROWS,)])])
        return gone > 0

    async def reports_on(self, rows: Iterable[OutboxRow]) -> list[StoreShed]:
        """That these will never come: no hub took them."""
        return [
            report_of(shed_class, row.epoch.nonce, row.partition, [row.seq], "never acknowledged")
            for row in rows
            for (shed_class,) in await self._database.select("class_of", row.id)
        ]

    async def trim_window(self, before_us: int | None) -> None:
        """Forget what the hub acknowledged before this time, and more while the window is too large."""
        if before_us is not None:
            await self._database.write([("forget_acknowledged", [(before_us,)])])
        while await self._used() > WINDOW and await self.drop_acknowledged():
            pass

    async def _used(self) -> float:
        [(used,)] = await self._database.select("used_pages")
        return float(used / self._database.pages)

    async def _least(self, share: float) -> Plan:
        """The least worth knowing, about this share of the quota of it; of each class the oldest."""
        wanted, gone, reports = share * self._database.pages * PAGE_BYTES, list[tuple[int]](), list[StoreShed]()
        for shed_class in SHEDDING_ORDER[:-1]:
            statement = "superseded" if shed_class == "state" else "oldest_of_class"
            rows = await self._database.select(statement, shed_class, MOST_ROWS - len(gone))
            rows, wanted = _first(rows, wanted)
            gone += [(row[3],) for row in rows]
            for at in range(0, len(rows), ROWS):
                reports += _reports(shed_class, rows[at : at + ROWS])
            if wanted <= 0:
                break
        spare = (RESERVE - ENOUGH) * self._database.pages * PAGE_BYTES
        moved = await self._survivors([row_id for (row_id,) in gone]) if gone else None
        return Plan(gone, reports, moved, is_exhausted=wanted > spare)

    async def _survivors(self, gone: Sequence[int]) -> tuple[int, int, int] | None:
        """What must move; nothing when that would be far more than what goes."""
        low, high = min(gone), max(gone)
        [(rows, last)] = await self._database.select("count_between", low, high)
        return (last + 1 - low, low, high) if rows <= MOST_MOVED * len(gone) else None


def _first(rows: Sequence[Row], wanted: float) -> tuple[list[Row], float]:
    """The first rows that take this many bytes, and how many are still wanted after them."""
    taken = []
    for row in rows:
        if wanted <= 0:
            break
        taken.append(row)
        wanted -= row[4] + ROW_BYTES
    return taken, wanted


def _reports(shed_class: str, rows: Sequence[Row]) -> Iterator[StoreShed]:
    ordered = sorted(row[:3] for row in rows)
    for (epoch, partition), group in groupby(ordered, key=lambda row: row[:2]):
        yield report_of(shed_class, epoch, partition, [row[2] for row in group])


def report_of(shed_class: str, epoch: str, partition: int, seqs: Sequence[int], why: str | None = None) -> StoreShed:
    """That these were given up."""
    gone = Received()
    for seq in seqs:
        gone.add_range(seq, seq)
    first = ((1, gone.watermark),) if gone.watermark else ()
    ranges = (*first, *gone.ranges)
    return StoreShed(epoch=epoch, partition=partition, shed_class=shed_class, count=len(seqs), ranges=ranges, why=why)
