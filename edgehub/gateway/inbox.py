"""The inbox: everything that reaches the engine waits here, bounded, in order of arrival.

Adverts come by the thousand and are worth little one by one: when the engine falls behind, the oldest are dropped and
counted. Messages, profiles and reloads are few and never dropped; the doors they come through are bounded themselves
(at most twenty messages in flight, one reload a second).
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from edgehub.core.advert import Advertisement
from edgehub.core.events import Event, Heard, Ticked

MAX_ADVERTS = 10_000
"""Half a second of the heaviest stream we promise to follow (20,000 adverts/s, SPD4)."""
MOST_AT_ONCE = 100
"""Adverts taken out together, some 1 ms of work: then the lamps are told and the loop breathes (SPD5, SPD6)."""
MOST_WHEN_BEHIND = 400
"""While more than these wait, being quick matters more: each turn of the loop may bring 350 more (SPD4)."""


class Inbox:
    """One reader, many writers, all on one event loop."""

    def __init__(self, *, max_adverts: int = MAX_ADVERTS) -> None:
        self._max_adverts = max_adverts
        self._adverts: deque[tuple[float, Sequence[Advertisement]]] = deque()  # and since when each batch waits
        self._held = 0
        self._events: deque[Event] = deque()
        self._filled = asyncio.Event()
        self._events_since = 0.0
        self.dropped = 0
        """Advertisements dropped because the engine was behind."""

    def hear(self, batch: Sequence[Advertisement]) -> None:
        """Take what a radio heard; when full, the oldest batches make room."""
        self._adverts.append((asyncio.get_running_loop().time(), batch))
        self._held += len(batch)
        while self._held > self._max_adverts and len(self._adverts) > 1:
            gone = len(self._adverts.popleft()[1])
            self._held -= gone
            self.dropped += gone
        self._filled.set()

    def put(self, event: Event) -> None:
        """Take an event that must not be lost."""
        if not self._events:
            self._events_since = asyncio.get_running_loop().time()
        self._events.append(event)
        self._filled.set()

    async def wait(self, timeout_s: float | None) -> None:
        """Return when something is there, or after ``timeout_s``."""
        if self._filled.is_set() or (timeout_s is not None and timeout_s <= 0):
            await asyncio.sleep(0)  # a full inbox must not starve the radio and the network
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._filled.wait()
        except TimeoutError:
            return

    def take(self) -> tuple[list[Event], float | None]:
        """What waits (messages first, then not too many adverts, a tick if nothing does), and since when its first has."""
        events, waiting = list(self._events), [self._events_since] if self._events else []
        self._events.clear()
        if self._adverts:
            waiting.append(self._adverts[0][0])
            events.append(Heard(self._next_adverts()))
        if not self._adverts:
            self._filled.clear()
        return events or [Ticked()], min(waiting, default=None)

    def _next_adverts(self) -> list[Advertisement]:
        taken: list[Advertisement] = []
        most = MOST_WHEN_BEHIND if self._held > MOST_WHEN_BEHIND else MOST_AT_ONCE
        while self._adverts and (room := most - len(taken)):
            since, batch = self._adverts.popleft()
            taken += batch[:room]
            if len(batch) > room:
                self._adverts.appendleft((since, batch[room:]))
        self._held -= len(taken)
        return taken
