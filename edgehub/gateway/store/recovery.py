"""A damaged journal: set aside, and what can still be read carried over row by row."""

import json
import zlib
from pathlib import Path

from edgehub.core.data import dataclass
from edgehub.gateway.store.database import (
    PAGE_BYTES,
    Damaged,
    Database,
    DatabaseError,
    OperationalError,
    Row,
    read_damaged,
)
from edgehub.gateway.store.files import set_aside
from edgehub.gateway.store.wal import Log


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
    log = Log.of(database.path, PAGE_BYTES)
    try:
        await database.open()
        resealed = log is not None and await database.log_frames() < log.synced
        if log is not None and resealed:
            await database.close()
            log.reseal(database.path)
            await database.open()
        await _verify(database)
    except (Damaged, DatabaseError) as error:
        await database.close()
        if isinstance(error, OperationalError):
            raise  # of the disk, not of what is on it
        return await _recover(database, str(error))
    if resealed:
        return Recovered("the write-ahead log was damaged, and read all the same", 0, 0, database.path)
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
    sound = [row for row in rows if _sound(row, 5, 6)]
    epochs = list({row[0]: row for row in (*(_epoch_of(row[5]) for row in sound), *epochs)}.values())
    stays = [row for row in visits if _sound(row, 1, 2)]
    await database.write([("insert_epoch", epochs), ("restore_row", sound), ("put_visit", stays)])
    lost += len(rows) - len(sound) + len(visits) - len(stays)
    return Recovered(why, len(sound), lost, aside)


def _epoch_of(payload: bytes) -> Row:
    """The epoch an event says it is of, as its table has it: what that table forgot is written in every event."""
    event = json.loads(payload)
    return event["epoch"]["start"], event["epoch"]["nonce"], event["at"]["boot_id"]


def _sound(row: Row, data: int, crc: int) -> bool:
    return isinstance(row[data], bytes) and zlib.crc32(row[data]) == row[crc]
