"""The two lanes to the hub: what is new need not wait behind what a long outage left.

When the hub comes back, the outbox is divided at its end of that moment. The old part is drained in its own lane; what is
written down from then on has the other, and room in the window that the old part may not take. With nothing old, the
new has all of it. The hub takes events in any order, so nothing but their times of arrival changes.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from edgehub.core.record import OutboxRow
from edgehub.core.wire import MAX_BATCH, MAX_EVENTS

LOOK_AHEAD = 20 * MAX_EVENTS
"""Events read at once: a window full."""
NAME_BYTES = 128
"""The gateway's name, which each event gets on its way out."""
NEWEST = 500
"""As many of the last events count as new: those of the minute that a connection was away while the old ones drained."""


class Pages(Protocol):
    """What the lanes need of the store."""

    async def page(self, after: int, limit: int) -> list[OutboxRow]:
        """Events that wait, in order, with ids above ``after``."""
        ...

    async def last(self) -> int:
        """The highest id of an event, whether it waits or not: a hub that lost something makes old ones wait again."""
        ...


class Lane:
    """Events of one part of the outbox, in order, as batches.

    Args:
        outbox: where they are.
        after: ids above this.
        upto: and not above that.
    """

    def __init__(self, outbox: Pages, after: int, upto: int | None = None) -> None:
        self._outbox = outbox
        self._cursor = after
        self._upto = upto
        self._ahead: deque[list[OutboxRow]] = deque()
        self.may_have_more = True

    async def look(self) -> bool:
        """Read on when nothing is at hand; True when something is."""
        if not self._ahead and self.may_have_more:
            self.may_have_more = False  # before the answer: news that come while it is read are not forgotten
            rows = await self._outbox.page(self._cursor, LOOK_AHEAD)
            mine = [row for row in rows if self._upto is None or row.id <= self._upto]
            if mine:
                self._cursor = mine[-1].id
                self._ahead.extend(batches(mine))
                self.may_have_more = True
        return bool(self._ahead)

    def pop(self) -> list[OutboxRow]:
        """The next batch, after `look` said that there is one."""
        return self._ahead.popleft()


class Lanes:
    """Both lanes, from one coming of the hub to the next.

    Args:
        outbox: where the events are.
        end: the last id of the old part; None for the end as it is now, but for the newest.
    """

    def __init__(self, outbox: Pages, end: int | None = None) -> None:
        self._outbox = outbox
        self._lanes: tuple[Lane, Lane] | None = None
        self.end = end

    def is_old(self, rows: Sequence[OutboxRow]) -> bool:
        """True for a batch of the old part."""
        return self.end is not None and rows[0].id <= self.end

    def look_again(self) -> None:
        """Events were committed."""
        for lane in self._lanes or ():
            lane.may_have_more = True

    async def next(self, *, old: bool) -> list[OutboxRow] | None:
        """The next batch, the new first; of the old only when they have room too. None when there is none."""
        fresh, backlog = self._lanes or await self._divide()
        if await fresh.look():
            return fresh.pop()
        return backlog.pop() if old and await backlog.look() else None

    async def _divide(self) -> tuple[Lane, Lane]:
        if self.end is None:
            self.end = max(0, await self._outbox.last() - NEWEST)
        self._lanes = Lane(self._outbox, self.end), Lane(self._outbox, 0, self.end)
        return self._lanes


def batches(rows: Sequence[OutboxRow]) -> Iterator[list[OutboxRow]]:
    """Rows in order, cut so that each piece is one partition's and fits a message."""
    piece: list[OutboxRow] = []
    size = 2
    for row in rows:
        length = len(row.payload) + NAME_BYTES
        full = len(piece) == MAX_EVENTS or size + length > MAX_BATCH
        if piece and (full or piece[0].partition != row.partition):
            yield piece
            piece, size = [], 2
        piece.append(row)
        size += length
    if piece:
        yield piece
