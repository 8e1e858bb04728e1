"""The guests whom gateways know: what the store says of them, in memory for the board, and news on its way out."""

import asyncio
from collections.abc import Sequence
from functools import partial

from edgehub.hub.ledger import Ledger
from edgehub.hub.people import Person, restamp
from edgehub.hub.roster import Roster
from edgehub.hub.store import HubStore, StoreError


class Guests:
    """Changed by `settle`, after a commit; whoever sends news to the gateways waits in `news`.

    Args:
        store: of the hub.
        roster: as the store says.
        ledger: of their stays.
    """

    def __init__(self, store: HubStore, roster: Roster, ledger: Ledger) -> None:
        self._store = store
        self.roster = roster
        self._ledger = ledger
        self.changing = asyncio.Lock()
        """Held by who makes several changes that gateways are to be told of as one."""
        self._changed = asyncio.Event()
        self._told = roster.revision

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(1 for _ in self.roster)

    async def settle(self, people: Sequence[Person]) -> None:
        """These are stored."""
        self.roster.settle(people)
        for one in people:
            if not self.roster.remembered(one.profile.person):
                self._ledger.forget(one.profile.person)
        self._changed.set()

    async def restamp(self, above: int = 0) -> bool:
        """Send everybody anew, with revisions beyond ``above``; False when that could not be stored."""
        work = partial(restamp, above=above, need_consent=self.roster.need_consent)
        try:
            await self.settle(await self._store.change(work))
        except StoreError:
            return False
        return True

    async def news(self) -> int:
        """Wait for news; the revision that gateways have been told up to so far."""
        await self._changed.wait()
        async with self.changing:
            self._changed.clear()
            told, self._told = self._told, self.roster.revision
        return told
