"""The two databases a hub may keep its store in, each through one connection that writes and some that only read.

SQLAlchemy is under both for what is easily done wrong by hand: two ways to write parameters, lists of values, pools
that drop a connection whose server has gone. It is used in threads of the store's own, so that a whole transaction
is one trip away from the event loop, and one that is cancelled is not left half done.
"""

import mmap
import re
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

READERS = 2
"""Connections that read at once; a read takes well below a millisecond."""
BUSY_S = 5.0
"""How long another process may hold a SQLite file."""
CONNECT_S = 10

SQLITE = (
    "pragma journal_mode=wal",
    "pragma synchronous=full",
    "pragma wal_autocheckpoint=1000",
    "pragma secure_delete=on",  # an erased guest is gone from the free pages too
    "pragma mmap_size=0",  # a disk error is an error then, and not a signal that kills us
)
POSTGRESQL = "-c synchronous_commit=on -c client_min_messages=warning -c timezone=UTC"
# The schema is written in SQLite's words; PostgreSQL has others for these.
TOUCHED = ("events", "conflicts", "quarantine", "stays", "claims", "identifiers", "handings", "badges", "dwell", "profiles",
           "stale", "people", "owed")  # fmt: skip
"""Tables that lose rows when a guest is forgotten."""
WORDS = {r"\binteger\b": "bigint", r"\bblob\b": "bytea", r"\) without rowid": ")"}


@dataclass(frozen=True, slots=True)
class Engines:
    """How a store is reached."""

    writer: Engine
    reader: Engine
    words: Callable[[str], str]
    """SQL of a migration in this database's words."""
    scrub: Callable[[Sequence[bytes], bool], bool]
    """Leave nothing of deleted rows; True when none of the needles is left."""


def engines(database: Path | URL) -> Engines:
    """For a file or an address; nothing is opened yet. Raises ModuleNotFoundError where PostgreSQL's driver is missing."""
    return _sqlite(database) if isinstance(database, Path) else _postgresql(database)


def _sqlite(path: Path) -> Engines:
    url = URL.create("sqlite", database=str(path))
    connect_args = {"timeout": BUSY_S, "check_same_thread": False}
    writer = create_engine(url, pool_size=1, max_overflow=0, connect_args=connect_args, hide_parameters=True)
    reader = create_engine(url, pool_size=READERS, max_overflow=0, connect_args=connect_args, hide_parameters=True)
    for engine, pragmas in ((writer, SQLITE), (reader, ("pragma query_only=on", "pragma mmap_size=0"))):
        _prepare(engine, pragmas)
    event.listen(writer, "begin", _begin_immediate)
    return Engines(writer, reader, str, partial(scrub_file, writer, path))


def _prepare(engine: Engine, pragmas: tuple[str, ...]) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # sqlite3 begins no transactions of its own
        for pragma in pragmas:
            connection.execute(pragma).close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("begin immediate")


def _postgresql(url: URL) -> Engines:
    url = url.set(drivername="postgresql+psycopg")
    connect_args = {"options": POSTGRESQL, "connect_timeout": CONNECT_S, "application_name": "edgehub-hub"}
    writer = create_engine(url, pool_size=1, max_overflow=0, connect_args=connect_args, hide_parameters=True)
    reader = create_engine(
        url,
        pool_size=READERS,
        max_overflow=0,
        connect_args=connect_args,
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",  # one trip a read instead of three
        pool_pre_ping=False,
    )
    return Engines(writer, reader, _in_postgresql, partial(_vacuum, writer))


def _in_postgresql(sql: str) -> str:
    for word, other in WORDS.items():
        sql = re.sub(word, other, sql)
    return sql


def scrub_file(
    writer: Engine, path: Path, needles: Sequence[bytes], rewrite: bool = False
) -> bool:  # bound by place, for either database
    """Empty SQLite's log into the file, and write the file anew where a needle is left in it.

    ``secure_delete`` overwrites what is freed, but not every copy that moved within a page.
    """
    with closing(writer.raw_connection()) as connection:
        connection.execute("pragma wal_checkpoint(truncate)").close()
        if not rewrite and not _holds(path, needles):
            return True
        connection.execute("vacuum").close()
        connection.execute("pragma wal_checkpoint(truncate)").close()
    return not _holds(path, needles)


def _holds(path: Path, needles: Sequence[bytes]) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return any(data.find(needle) >= 0 for needle in needles)


def _vacuum(writer: Engine, _needles: Sequence[bytes], _rewrite: bool) -> bool:  # as above
    with writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in TOUCHED:
            connection.exec_driver_sql(f"vacuum {table}")
    return True


def make_private(path: Path) -> None:
    """Guests are in it: its owner's alone, and so are the -wal and -shm that SQLite makes like it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o600)
    for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        with suppress(FileNotFoundError, PermissionError):  # somebody else's file that we may write is theirs to close
            file.chmod(0o600)
