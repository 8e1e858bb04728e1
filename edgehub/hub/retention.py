"""Retention: so long after the last day closed, everybody whom the event brought is forgotten.

Only on a clock that can be believed: one that systemd-timesyncd set from the network, or one that went on from where it was
a minute ago without jumping more than a day ahead (durability 4.4). Gateways' anchors are no witness: theirs are taken where
our own clock is what they are compared with.

Whoever is forgotten so is kept out of lists until zones.yaml has another event, to which they may come again.
"""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, time, timedelta

import structlog

from edgehub.core.clock import Age
from edgehub.core.venue import Venue
from edgehub.core.wire import At
from edgehub.core.wire.fields import dump_text
from edgehub.hub.forgetting import Forgetting
from edgehub.hub.store import HubStore, StoreError, Transaction
from edgehub.hub.terms import timezone_of

log = structlog.get_logger("edgehub.hub")

EVERY_S = 60.0
_CLOCK = "clock"
_EVENT = "event_forgotten"


def due_us(venue: Venue) -> int | None:
    """When the guests of the event are to be forgotten, µs since 1970; None when zones.yaml does not say."""
    event, after_s = venue.event, venue.privacy.forget_after_close_s
    if after_s is None or not event.days:
        return None
    last, tz = datetime.fromisoformat(max(event.days)), timezone_of(event)
    close = time.fromisoformat(event.close) if event.close else time()
    after_midnight = event.close is None or (event.open is not None and event.close <= event.open)
    closed = datetime.combine(last + timedelta(days=after_midnight), close, tz)
    return round((closed.timestamp() + after_s) * 1e6)


class Retention:
    """Forgets the event's guests in time.

    Args:
        store: of the hub.
        forgetting: does it.
        venue: as zones.yaml says now.
        clock: this moment, and how far the wall clock is to be believed.
    """

    def __init__(
        self, store: HubStore, forgetting: Forgetting, venue: Callable[[], Venue], clock: Callable[[], At]
    ) -> None:
        self._store = store
        self._forgetting = forgetting
        self._venue = venue
        self._clock = clock
        self._doubted = False

    async def run(self) -> None:
        """Look every minute. Never returns."""
        while True:
            try:
                await self.look()
            except StoreError as error:
                log.warning("retention.waits", why=str(error))
            await asyncio.sleep(EVERY_S)

    async def look(self) -> int:
        """Forget everybody if that is due; how many guests. Raises StoreError."""
        at, due = self._clock(), due_us(self._venue())
        if not await self._is_sure(at) or due is None:
            return 0
        if at.wall_us < due:
            await self._store.change(lambda transaction: _begin(transaction, due))
            return 0
        gone = await self._forgetting.forget_everybody()
        if gone:
            await self._store.change(lambda transaction: _set(transaction, _EVENT, str(due)))
            log.info("retention.done", guests=gone)
        return gone

    async def _is_sure(self, at: At) -> bool:
        """Whether age may delete anything now."""
        rows = await self._store.select("meta", key=_CLOCK)
        known = At(**json.loads(rows[0][0])) if rows else None
        sure = Age(known).is_sure(at)
        if sure:
            await self._store.change(lambda transaction: _set(transaction, _CLOCK, dump_text(at.to_json())))
        elif not self._doubted:
            log.warning(
                "retention.waits", why="the clock jumped more than a day ahead, and nothing says that it is right"
            )
        self._doubted = not sure
        return sure and (known is not None or at.quality == "synced")


def _begin(transaction: Transaction, due: int) -> None:
    """Let everybody in again once zones.yaml has another event than the one that was forgotten."""
    rows = transaction.select("meta", key=_EVENT)
    if rows and rows[0][0] != str(due):
        transaction.run("lift_event", [{}])
        _set(transaction, _EVENT, str(due))


def _set(transaction: Transaction, key: str, value: str) -> None:
    transaction.run("put_meta", [{"key": key, "value": value}])
