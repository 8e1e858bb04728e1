"""The contents of a journal, read back; what was altered on the disk is left out."""

import json
import zlib

from edgehub.core.record import OpenVisit, OutboxRow
from edgehub.core.wire import Epoch
from edgehub.gateway.store.database import Database


class Contents:
    """What was written down, and is believed only if its checksum is right.

    Args:
        database: of the journal.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, after: int, limit: int) -> list[OutboxRow]:
        """Events that wait, in the order of commits, with ids above ``after``. Raises DatabaseError or OSError."""
        return [
            OutboxRow(row_id, Epoch(start, nonce), partition, seq, payload)
            for row_id, start, nonce, partition, seq, payload, crc in await self._database.select("page", after, limit)
            if zlib.crc32(payload) == crc
        ]

    async def last(self) -> int:
        """The highest id of a row."""
        [(last,)] = await self._database.select("last")
        return int(last)

    async def open_visits(self) -> list[OpenVisit]:
        """The visits that were open when this was last written down; on a disk that refuses, as far as it is read."""
        read = self._database.select if self._database.is_open else self._database.peek
        return [
            OpenVisit(**json.loads(document))
            for _, document, crc in await read("visits")
            if zlib.crc32(document) == crc
        ]

    async def meta(self, key: str) -> str | None:
        """A small fact kept beside the events."""
        rows = await self._database.select("meta", key)
        return str(rows[0][0]) if rows else None

    async def set_meta(self, key: str, value: str) -> None:
        """Keep a small fact; for rare use, it is a commit of its own."""
        await self._database.write([("set_meta", [(key, value)])])
