"""The pump: takes events from the outbox to the hub, in batches, until the hub says it has them.

A batch that is not acknowledged is sent again after 2 to 5 s. One that has been sent three times in vain is sent event
by event, ever more slowly and beside the window, so that an event nobody can take holds up no other. One that a hub
does not acknowledge although it acknowledges others is poison: after some more tries it is set aside for good.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from edgehub.core.data import dataclass
from edgehub.core.record import OutboxRow
from edgehub.core.wire import Ack
from edgehub.gateway.sync.lanes import Lanes, Pages

WINDOW = 20
"""Batches in flight."""
OLD_WINDOW = 15
"""Of those, batches of what a long outage left (see `lanes`); the others are kept for what is new."""
MOST_STUBBORN = 200
"""Events sent one by one, again and again; more than these do block."""
STUBBORN_AFTER = 3
POISON_AFTER = 5
"""Tries alone, each overtaken by the acknowledgement of another event; these take some two minutes."""
RESEND_S = (2.0, 5.0)
SLOWEST = 12
"""Times the longest first wait: a minute."""

Send = Callable[[int, Sequence[OutboxRow]], Awaitable[bool]]


class Outbox(Pages, Protocol):
    """What the pump needs of the store."""

    @property
    def news(self) -> asyncio.Event:
        """Set when events were committed."""
        ...

    @property
    def rewrites(self) -> int:
        """Grows when events that wait were changed, or wait again: copies of them are then read anew."""
        ...

    def set_aside(self, row: OutboxRow) -> None:
        """Give up an event that no hub takes."""
        ...


@dataclass(slots=True)
class Batch:
    """Events of one partition that travel together, and when they travel again."""

    rows: list[OutboxRow]
    sent: int = 0
    due: float = 0.0
    sent_at: float = 0.0
    vain: int = 0
    """How often it was overtaken: sent alone, and another event was acknowledged instead."""

    @property
    def is_stubborn(self) -> bool:
        """True when it was sent in vain so often that it no longer counts against the window."""
        return self.sent > STUBBORN_AFTER

    def settle(self, ack: Ack) -> int:
        """Forget what the hub has; how many events that were."""
        before = len(self.rows)
        if self.rows[0].partition == ack.partition:
            if not ack.also and self._is_above(ack):
                return 0
            self.rows = [row for row in self.rows if row.epoch.nonce != ack.epoch.nonce or not ack.covers(row.seq)]
        return before - len(self.rows)

    def _is_above(self, ack: Ack) -> bool:
        """True when its first event, and so each, comes after all that was acknowledged."""
        first = self.rows[0]
        return first.epoch.nonce == ack.epoch.nonce and first.seq > ack.watermark

    def alone(self) -> list["Batch"]:
        """Its events, each on its own."""
        return [Batch([row], self.sent, self.due) for row in self.rows]


class Pump:
    """Sends while it is open.

    Args:
        outbox: where the events are.
        send: publishes rows of a partition; False when that did not work.
        now: real time, s.
        resend_s: between which times, s, a batch is sent again.
    """

    def __init__(
        self, outbox: Outbox, send: Send, now: Callable[[], float], *, resend_s: tuple[float, float] = RESEND_S
    ) -> None:
        self._outbox = outbox
        self._send = send
        self._now = now
        self._flying: list[Batch] = []
        self._lanes = Lanes(outbox)
        self._open = False
        self._rewrites = outbox.rewrites
        self._resend_s = resend_s
        self._wake = asyncio.Event()
        self.acknowledged_at: float | None = None
        """When the hub last acknowledged something new, or nothing was in flight."""
        self.resent = 0

    @property
    def in_flight(self) -> int:
        """Events sent and not acknowledged."""
        return sum(len(batch.rows) for batch in self._flying)

    def open(self) -> None:
        """The hub is there: send everything that waits, from the beginning."""
        self._reset()
        self._open = True
        self.acknowledged_at = self._now()
        self._wake.set()

    def close(self) -> None:
        """The hub is gone; what is in flight is simply still in the outbox."""
        self._reset()
        self._open = False

    def _reset(self, end: int | None = None) -> None:
        """Begin again, with the old part of the outbox as it was or, without its end, as it is now."""
        self._flying.clear()
        self._lanes = Lanes(self._outbox, end)

    def take(self, ack: Ack) -> None:
        """The hub has these."""
        if sum(batch.settle(ack) for batch in self._flying if batch.rows):
            self.acknowledged_at = self._now()
        self._flying = [batch for batch in self._flying if batch.rows]
        self._wake.set()

    async def run(self) -> None:
        """Pump until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="outbox news")
            while True:
                self._follow()
                await self._send_again()
                await self._send_new()
                await self._rest()

    def _follow(self) -> None:
        """What we hold may have been erased since, or more may wait than we know of."""
        if self._rewrites != self._outbox.rewrites:
            self._rewrites = self._outbox.rewrites
            self._reset(self._lanes.end)

    async def _listen(self) -> None:
        while True:
            await self._outbox.news.wait()
            self._outbox.news.clear()
            self._lanes.look_again()
            self._wake.set()

    async def _rest(self) -> None:
        due = min((batch.due for batch in self._flying), default=None)
        try:
            async with asyncio.timeout(None if due is None else max(0.0, due - self._now())):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _send_again(self) -> None:
        for batch in [batch for batch in self._flying if batch.due <= self._now()]:
            if not self._open or batch not in self._flying:
                continue
            self._flying.remove(batch)
            if self._is_poison(batch):
                self._outbox.set_aside(batch.rows[0])
                continue
            parts = batch.alone() if batch.sent >= STUBBORN_AFTER and len(batch.rows) > 1 else [batch]
            for part in parts:
                self.resent += len(part.rows)
                await self._fly(part)

    def _is_poison(self, batch: Batch) -> bool:
        if len(batch.rows) > 1 or batch.sent <= STUBBORN_AFTER or self.acknowledged_at is None:
            return False
        batch.vain += self.acknowledged_at > batch.sent_at
        return batch.vain >= POISON_AFTER

    async def _send_new(self) -> None:
        lanes = self._lanes
        while self._open and self._has_room() and lanes is self._lanes:
            rows = await lanes.next(old=self._has_room_for_old())
            if rows is None or lanes is not self._lanes:
                return
            await self._fly(Batch(rows))

    def _has_room(self) -> bool:
        stubborn = sum(batch.is_stubborn for batch in self._flying)
        return len(self._flying) - stubborn < WINDOW and stubborn < MOST_STUBBORN

    def _has_room_for_old(self) -> bool:
        old = sum(self._lanes.is_old(batch.rows) for batch in self._flying if not batch.is_stubborn)
        return old < OLD_WINDOW

    async def _fly(self, batch: Batch) -> None:
        slower = 2 ** max(0, batch.sent - STUBBORN_AFTER)
        batch.sent += 1
        batch.sent_at = self._now()
        wait_s = min(SLOWEST * self._resend_s[1], random.uniform(*self._resend_s) * slower)  # noqa: S311  # jitter
        batch.due = batch.sent_at + wait_s
        self._flying.append(batch)
        await self._send(batch.rows[0].partition, batch.rows)
