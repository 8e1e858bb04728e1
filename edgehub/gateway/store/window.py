"""The replay window: how long what the hub acknowledged stays, measured by a clock that may not know the time."""

import json
from contextlib import suppress

from edgehub.core.clock import Age
from edgehub.core.wire import At
from edgehub.core.wire.fields import dump_text
from edgehub.gateway.store.database import Database, Step
from edgehub.gateway.store.shedding import Shedding

LENGTH_US = 24 * 3600 * 1_000_000
"""For a hub restored from a backup of yesterday."""
TRIM_EVERY_S = 600.0
"""It is trimmed this often, and never while nothing happens."""
_KEY = "clock"


class Window:
    """Trims the acknowledged rows of a journal; nothing is old because a clock jumped ahead (durability 4.4)."""

    def __init__(self, database: Database, shedding: Shedding) -> None:
        self._database = database
        self._shedding = shedding
        self._age = Age()
        self._due = 0.0

    async def begin(self, at: At, now: float) -> list[Step]:
        """A process begins: what to forget with its first commit. ``now`` is monotonic, s."""
        rows = await self._database.select("meta", _KEY)
        self._age = Age(_moment(rows[0][0]) if rows else None)
        self._due = now + TRIM_EVERY_S
        if not self._age.is_sure(at):
            return []
        return [("forget_acknowledged", [(at.wall_us - LENGTH_US,)]), _keep(at)]

    def is_due(self, now: float) -> bool:
        """True when it is time to trim again."""
        return now >= self._due

    async def trim(self, at: At, now: float) -> None:
        """Forget what is old, and more while it is too much."""
        self._due = now + TRIM_EVERY_S
        sure = self._age.is_sure(at)
        await self._shedding.trim_window(at.wall_us - LENGTH_US if sure else None)
        if sure:
            await self._database.write([_keep(at)])


def _keep(at: At) -> Step:
    return "set_meta", [(_KEY, dump_text(at.to_json()))]


def _moment(text: str) -> At | None:
    with suppress(ValueError, TypeError):
        return At(**json.loads(text))
    return None
