"""Questions to the hub: what it has of our events, and which profiles are newer than ours."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from edgehub.core.wire import Ack, Ask, ProfilesPage
from edgehub.gateway.sync.keep import Keep

AGAIN_S = 30.0
"""A question that had no answer is put again."""


class Questions:
    """Asks whenever there is reason to, and again while there is no answer.

    Args:
        store: what is asked about.
        can_ask: whether somebody would answer.
        put: publishes a question.
    """

    def __init__(self, store: Keep, can_ask: Callable[[], bool], put: Callable[[Ask], Awaitable[None]]) -> None:
        self._store = store
        self._can_ask = can_ask
        self._put = put
        self._due = asyncio.Event()
        self._unanswered = False
        self.asked: set[tuple[str, int]] = set()
        """Nonce of an epoch, and partition: what the hub was asked about and has not told of yet."""

    def ask(self) -> None:
        """There is reason to ask: a hub was born, or a page was lost."""
        self._due.set()

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), AGAIN_S)
            if self._due.is_set() or self._unanswered:
                self._due.clear()
                await self._ask()

    async def _ask(self) -> None:
        if not self._can_ask():
            return
        self._unanswered = True
        marks = self._store.marks()
        self.asked = {(mark.epoch.nonce, mark.partition) for mark in marks}
        await self._put(Ask(self._store.profiles_revision, tuple(marks)))

    def is_answer(self, ack: Ack) -> bool:
        """True once for each epoch and partition asked about: whatever this does not name, the hub has not."""
        place = ack.epoch.nonce, ack.partition
        answers = place in self.asked
        self.asked.discard(place)
        return answers

    async def take(self, page: ProfilesPage) -> None:
        """Write a page of profiles down; it answers the question if it is the last one, and could be kept."""
        if page.since > self._store.profiles_revision:
            self.ask()  # one before it was lost, and somebody may have withdrawn in it
        await self._store.put_profiles(page.profiles)
        kept = page.upto <= self._store.profiles_revision or not page.profiles
        self._unanswered = (self._unanswered and page.more) or not kept
