"""Room for the next commit: what must go first goes in a transaction of its own, with the reports that name it."""

from collections.abc import Callable, Iterable

from edgehub.core.wire import EventBody
from edgehub.gateway.store.batch import Batch
from edgehub.gateway.store.database import Database, Row, Step
from edgehub.gateway.store.shedding import Shedding
from edgehub.gateway.store.tally import Tally

Number = Callable[[Iterable[EventBody]], list[Row]]
"""Makes reports rows of the outbox; their numbers are then taken."""


class Room:
    """Room in a journal for what comes.

    Args:
        database: of the journal.
        shedding: says what goes.
        tally: where it is counted.
        number: places the reports.
    """

    def __init__(self, database: Database, shedding: Shedding, tally: Tally, number: Number) -> None:
        self._database = database
        self._shedding = shedding
        self._tally = tally
        self._number = number
        self._steps: list[Step] = []
        """What is to be given up and could not be written yet: a report has its number once, however often tried."""

    async def make(self, batch: Batch, *, fresh: bool) -> bool:
        """Let a batch fit; True when something was given up for it.

        Of a ``fresh`` batch, whose events have no numbers yet, only what is vital stays when nothing else can go.
        Raises DatabaseError or OSError; called again then, it goes on where it was.
        """
        if not self._steps:
            await self._plan(batch, fresh=fresh)
        if not self._steps:
            return False
        await self._database.write(self._steps)
        self._steps = []
        return True

    async def _plan(self, batch: Batch, *, fresh: bool) -> None:
        plan = await self._shedding.plan(batch.size_bytes)
        if plan.is_exhausted and fresh:
            batch.drop_ordinary()
        if plan.gone:
            self._tally.shed += len(plan.gone)
            self._steps = [*plan.steps, ("insert_row", self._number(plan.reports))]
