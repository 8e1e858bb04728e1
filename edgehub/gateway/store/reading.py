"""Reading a journal beside its daemon, or after it: nothing is written, locked or made."""

import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

from edgehub.core.data import dataclass
from edgehub.core.statements import named_statements
from edgehub.core.wire.events import SHEDDING_ORDER

PAGE_BYTES = 4096
SCHEMA = 2
"""The newest migration this module can read."""
_SQL = Path(__file__).with_name("sql") / "reading.sql"


class UnreadableError(Exception):
    """There is no journal there, or none that can be read; the text says why."""


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How much of one class is here."""

    event_class: str
    waiting: int
    acknowledged: int
    payload_bytes: int


@dataclass(frozen=True, slots=True)
class EpochCount:
    """What is here of one life of the gateway."""

    start: int
    nonce: str
    events: int
    waiting: int
    first_seq: int | None
    last_seq: int | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that is not what was written."""

    where: str
    why: str


class JournalReader:
    """A journal as it is at this moment. Make it with `reading`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sql = named_statements(_SQL.read_text())

    @classmethod
    def of(cls, connection: sqlite3.Connection) -> Self:
        """Read from now on what is there now. Raises UnreadableError."""
        connection.execute("begin")
        reader = cls(connection)
        version = reader._one("version")
        if version != SCHEMA:
            raise UnreadableError(f"the journal has version {version}, this edgehub reads version {SCHEMA}")
        return reader

    def _one(self, name: str) -> Any:
        row = self._connection.execute(self._sql[name]).fetchone()
        return None if row is None else row[0]

    def _rows(self, name: str) -> Iterator[tuple[Any, ...]]:
        yield from self._connection.execute(self._sql[name])

    def classes(self) -> list[ClassCount]:
        """By class, the first given up first."""
        found = [ClassCount(*row) for row in self._rows("counts")]
        return sorted(found, key=lambda one: SHEDDING_ORDER.index(one.event_class))

    def epochs(self) -> list[EpochCount]:
        """By epoch, the oldest first."""
        return [EpochCount(*row) for row in self._rows("epochs")]

    def oldest_waiting_us(self) -> int | None:
        """What the wall clock said when the oldest event that waits happened, µs since 1970."""
        payload = self._one("oldest_waiting")
        return None if payload is None else int(json.loads(payload)["at"]["wall_us"])

    @property
    def used_bytes(self) -> int:
        """What is in use of the file."""
        return int(self._one("pages")) * PAGE_BYTES

    @property
    def set_aside(self) -> int:
        """Events no hub would take."""
        return int(self._one("set_aside"))

    def events(self, *, everything: bool = False) -> Iterator[str]:
        """Envelopes in the order of epoch and sequence, of what waits or of everything; damaged ones left out."""
        for payload, crc in self._rows("all" if everything else "waiting"):
            if zlib.crc32(payload) == crc:
                yield payload.decode()

    def faults(self) -> Iterator[Fault]:
        """Check each row: its checksum, that it is where it says it is, and that its epoch is known."""
        try:
            yield from self._faults()
        except sqlite3.DatabaseError as error:
            yield Fault("file", f"{error}; what lies behind this could not be checked")

    def _faults(self) -> Iterator[Fault]:
        for start, partition, seq, payload, crc, has_epoch in self._rows("rows"):
            if why := _wrong(start, partition, seq, payload, crc, has_epoch=bool(has_epoch)):
                yield Fault(f"event {start}/{partition}/{seq}", why)
        for visit, document, crc in self._rows("visits"):
            if zlib.crc32(document) != crc:
                yield Fault(f"visit {visit}", "its checksum is wrong")
        for (answer,) in self._connection.execute("pragma quick_check"):
            if answer != "ok":
                yield Fault("file", str(answer))


def _wrong(start: int, partition: int, seq: int, payload: bytes, crc: int, *, has_epoch: bool) -> str | None:
    if zlib.crc32(payload) != crc:
        return "its checksum is wrong"
    raw = json.loads(payload)
    if (raw["epoch"]["start"], raw["partition"], raw["seq"]) != (start, partition, seq):
        return "it says that it is another event"
    return None if has_epoch else "its epoch is not in the journal"


@contextmanager
def reading(directory: Path) -> Iterator[JournalReader]:
    """Open the journal in a state folder. Raises UnreadableError."""
    path = directory / "journal.db"
    if not path.is_file():
        raise UnreadableError(f"there is no journal in {directory}")
    # Without a WAL nobody writes and all is in the file; opening it as usual would make files beside it.
    quiet = not path.with_name("journal.db-wal").exists()
    try:
        with closing(sqlite3.connect(f"file:{path}?{'immutable=1' if quiet else 'mode=ro'}", uri=True)) as connection:
            yield JournalReader.of(connection)
    except sqlite3.Error as error:
        raise UnreadableError(f"{path} cannot be read: {error}") from error
