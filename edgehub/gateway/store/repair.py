"""Repair: what is done to a journal between a write that failed and the next try."""

from contextlib import suppress

from edgehub.gateway.store.ballast import Ballast
from edgehub.gateway.store.database import Database, DatabaseError
from edgehub.gateway.store.recovery import Recovered, open_or_recover
from edgehub.gateway.store.shedding import Shedding


class Repair:
    """Makes room where room is missing, and discards a connection that saw an I/O error.

    Args:
        database: of the journal.
        ballast: beside it.
        shedding: told when the quota is full.
    """

    def __init__(self, database: Database, ballast: Ballast, shedding: Shedding) -> None:
        self._database = database
        self._ballast = ballast
        self._shedding = shedding

    async def after(self, error: Exception) -> Recovered | None:
        """Repair what this error tells of; what was recovered, if the file was found damaged.

        Raises DatabaseError, OSError or Damaged when the disk does not let us.
        """
        match getattr(error, "sqlite_errorname", ""):
            case "SQLITE_BUSY":
                return None
            case "SQLITE_FULL":
                await self._ease()
                return None
        self._ballast.make_way()  # SQLite does not always say that it is room that is missing
        return await self._reopen()

    async def _ease(self) -> None:
        """The disk or the quota is full."""
        if not self._ballast.disk_is_full:
            self._shedding.pressed = True
            return
        self._ballast.release()
        with suppress(DatabaseError, OSError):  # pages the hub has copies of are free for what comes
            await self._shedding.drop_acknowledged()

    async def _reopen(self) -> Recovered | None:
        await self._database.close()
        recovered = await open_or_recover(self._database)
        # After a failed sync the system may believe pages of the WAL to be on the disk that are not: once written into
        # the file, and that synced, they are.
        await self._database.flush()
        return recovered
