"""The tally of a journal: what was done since the start, and what waits now."""

from edgehub.core.data import dataclass
from edgehub.gateway.store.batch import Batch
from edgehub.gateway.store.database import Database


@dataclass(frozen=True, slots=True)
class Stats:
    """Counters since the start, and what waits now."""

    backlog: int
    """Written down and not known to be acknowledged."""
    waiting: int
    """In memory, not yet written down."""
    committed: int
    acknowledged: int
    commits: int
    refused: int
    """Given up because the disk refused for so long that memory was full."""
    shed: int
    """Given up unsent because the quota was full; the hub is told which."""
    set_aside: int
    """Never acknowledged by a hub that acknowledged others; kept here, and the hub is told which."""


class Tally:
    """Counts along with each commit; where rows went that no commit tells of, the journal itself is counted."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.backlog = 0
        self.refused = self.shed = 0
        self._committed = self._acknowledged = self._commits = self._aside = 0

    async def recount(self) -> None:
        """Count what waits and what was set aside. Raises DatabaseError or OSError."""
        [(self.backlog, _)] = await self._database.select("waiting")
        [(self._aside,)] = await self._database.select("aside_count")

    def settle(self, batch: Batch, *, acknowledged: int, waiting_again: int) -> None:
        """A batch was committed, and with it this many rows were marked, and so many marks taken back."""
        self._commits += 1
        self._committed += len(batch.drafts)
        self.refused += batch.dropped
        self._acknowledged += acknowledged
        self.backlog += len(batch.drafts) - acknowledged + waiting_again

    def stats(self, waiting: int) -> Stats:
        """All of it, with what waits in memory."""
        return Stats(
            self.backlog,
            waiting,
            self._committed,
            self._acknowledged,
            self._commits,
            self.refused,
            self.shed,
            self._aside,
        )
