"""A damaged journal: set aside, and what can still be read carried over row by row."""

import zlib
from pathlib import Path

from edgehub.core.data import dataclass
from edgehub.gateway.store.database import Damaged, Database, DatabaseError, Row, read_damaged, set_aside


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of a damaged journal."""

    why: str
    salvaged: int
    """Events carried over."""
    lost: int
    """Rows that were there and could not be read, or whose checksum was wrong."""
    aside: Path
    """Where the damaged file lies now."""


async def open_or_recover(database: Database) -> Recovered | None:
    """Open a journal whatever state it is in; what was recovered, or None when it was sound."""
    try:
        await database.open()
        await _verify(database)
    except Damaged as error:
        await database.close()
        return await _recover(database, str(error))
    return None


async def _verify(database: Database) -> None:
    """Raise Damaged when the checksum of an event that still waits is wrong."""
    after = 0
    while rows := await database.select("page", after, 1000):
        for row in rows:
            if zlib.crc32(row[5]) != row[6]:
                raise Damaged(f"the checksum of event {row[4]} is wrong")
        after = rows[-1][0]
    for visit, document, crc in await database.select("visits"):
        if zlib.crc32(document) != crc:
            raise Damaged(f"the checksum of visit {visit} is wrong")


async def _recover(database: Database, why: str) -> Recovered:
    aside = set_aside(database.path)
    await database.open()
    lost = 0
    try:
        epochs, failed = await read_damaged(aside, "journal", "epochs")
        lost += failed
        rows, failed = await read_damaged(aside, "journal", "outbox")
        lost += failed
        visits, failed = await read_damaged(aside, "journal", "visits")
        lost += failed
    except DatabaseError:  # not even a header: nothing is left to read
        return Recovered(why, 0, 0, aside)
    starts = {row[0] for row in epochs}
    sound = [row for row in rows if row[0] in starts and _sound(row, 5, 6)]
    stays = [row for row in visits if _sound(row, 1, 2)]
    await database.write([("insert_epoch", epochs), ("restore_row", sound), ("put_visit", stays)])
    lost += len(rows) - len(sound) + len(visits) - len(stays)
    return Recovered(why, len(sound), lost, aside)


def _sound(row: Row, data: int, crc: int) -> bool:
    return isinstance(row[data], bytes) and zlib.crc32(row[data]) == row[crc]
