"""The hub's store: one schema on SQLite (one file) or PostgreSQL. One writer; a change is durable once it returned.

A change is a function of a transaction: it reads and writes there, in the writer's thread, and nothing else writes
meanwhile. Changes that wait together are committed together, so that a busy hub pays for one sync however many doors
are open; one that fails takes nothing of the others with it. Reads go by connections of their own and never wait for
the writer.
"""

import asyncio
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import structlog
from sqlalchemy import URL, Connection, TextClause, bindparam, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from edgehub.core.statements import named_statements
from edgehub.hub.store.engines import READERS, engines, make_private
from edgehub.hub.store.migrate import TooNewError, migrate
from edgehub.hub.store.rows import Rows, Write, clean, writes

log = structlog.get_logger("edgehub.hub")

Row = tuple[Any, ...]
T = TypeVar("T")

MOST_WAITING = 1_000
"""Changes that wait for the writer; who brings more waits with them."""
_SQL = files(__package__) / "sql"
_LIST = re.compile(r"\bin :(\w+)")


class StoreError(Exception):
    """The store cannot be opened, read or written; nothing of the change is kept."""


class Transaction:
    """What a change reads and writes through."""

    def __init__(
        self, connection: Connection, statements: Mapping[str, TextClause], writes: Mapping[str, Write]
    ) -> None:
        self._connection = connection
        self._statements = statements
        self._writes = writes

    def select(self, name: str, **values: Any) -> list[Row]:
        """All rows of a statement; a value that stands after `in` is a list."""
        found = self._connection.execute(self._statements[name], {key: _bound(value) for key, value in values.items()})
        return [tuple(row) for row in found]

    def run(self, name: str, rows: Rows) -> None:
        """Run a statement with each of these rows."""
        if rows:
            self._writes[name](self._connection, rows)


class HubStore:
    """The hub's database. Use as ``async with``.

    Args:
        database: a file, made when absent; or the address of a PostgreSQL database. Only this process writes to it.

    Raises:
        StoreError: on entering, when it cannot be opened; OSError when the file cannot be made.
    """

    def __init__(self, database: Path | URL) -> None:
        self._database = database
        self._statements = _statements((_SQL / "hub.sql").read_text())
        self._writing = ThreadPoolExecutor(1, "hub-write")
        self._reading = ThreadPoolExecutor(READERS, "hub-read")
        self._waiting: asyncio.Queue[_Change[Any]] = asyncio.Queue(MOST_WAITING)
        self._keeping: asyncio.Task[None]
        self.failing: str | None = None
        """Why the last commit failed; None when it did not."""

    async def __aenter__(self) -> Self:
        if isinstance(self._database, Path):
            make_private(self._database)
        try:
            self._engines = engines(self._database)
        except ModuleNotFoundError as error:
            raise StoreError(f"{error.name} is missing: pip install 'edgehub[postgres]'") from error
        try:
            await self._in(self._writing, self._open)
        except BaseException:
            await self._close()
            raise
        self._keeping = asyncio.create_task(self._keep(), name="hub commits")  # ends in __aexit__
        return self

    def _open(self) -> None:
        migrate(self._engines)
        with self._engines.reader.connect() as connection:
            self._writes = writes(self._statements, connection)

    async def __aexit__(self, *_: object) -> None:
        self._keeping.cancel()
        with suppress(asyncio.CancelledError):
            await self._keeping
        while not self._waiting.empty():
            self._waiting.get_nowait().future.cancel()
        await self._close()

    async def _close(self) -> None:
        """After what is being committed; a thread that a server keeps waiting is left to itself."""
        for pool, engine in ((self._reading, self._engines.reader), (self._writing, self._engines.writer)):
            await self._in(pool, engine.dispose)
            pool.shutdown(wait=False)

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, work)
        except (SQLAlchemyError, sqlite3.Error) as error:  # sqlite3's own: from the pragmas of a new connection
            raise _store_error(error) from error
        except TooNewError as error:
            raise StoreError(str(error)) from error

    # --- reading ----------------------------------------------------------------------------------------------------

    async def select(self, name: str, **values: Any) -> list[Row]:
        """All rows of a statement, as of the last commit."""
        return await self.read(lambda transaction: transaction.select(name, **values))

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Several reads in one trip, each as of the last commit. Nothing may be written in it."""
        return await self._in(self._reading, partial(self._read, work))

    def _read(self, work: Callable[[Transaction], T]) -> T:
        with self._engines.reader.connect() as connection:
            return work(Transaction(connection, self._statements, self._writes))

    # --- writing ----------------------------------------------------------------------------------------------------

    async def change(self, work: Callable[[Transaction], T]) -> T:
        """Do this in a transaction; returns what it returned, after the commit.

        ``work`` runs in the writer's thread: it may read what the loop owns, and changes nothing but the store.
        Raises StoreError when it could not be stored, and whatever ``work`` raises; then nothing of it is kept.
        """
        change = _Change(work, asyncio.get_running_loop().create_future())
        await self._waiting.put(change)
        done: T = await change.future
        return done

    async def _keep(self) -> None:
        while True:
            changes = [await self._waiting.get()]
            while not self._waiting.empty():
                changes.append(self._waiting.get_nowait())
            try:
                await self._in(self._writing, partial(self._commit, changes))
            except Exception as error:  # noqa: BLE001  # raised again in each `change`; the next may fare better
                self._fail(error)
                for change in changes:
                    change.failed = error
            except asyncio.CancelledError:  # the store is closing: whether it is kept, nobody is told
                for change in changes:
                    change.future.cancel()
                raise
            else:
                self.failing = None
            for change in changes:
                change.settle()

    async def scrub(self, needles: Sequence[bytes], *, rewrite: bool = False) -> bool:
        """Leave nothing of deleted rows in the database's files, as far as that is ours; True when no needle is left.

        Between two commits. SQLite: the log is emptied into the file, and where a needle is still found the file is
        written anew, or when told to (``rewrite``). PostgreSQL: its tables are vacuumed; what its own log and backups keep is its keeper's to say.
        Raises StoreError.
        """
        return await self._in(self._writing, partial(self._engines.scrub, needles, rewrite))

    def _fail(self, error: Exception) -> None:
        if self.failing is None:
            log.error("hub.store_failing", why=str(error))
        self.failing = str(error)

    def _commit(self, changes: Sequence["_Change[Any]"]) -> None:
        with self._engines.writer.connect() as connection:
            try:
                with connection.begin():
                    transaction = Transaction(connection, self._statements, self._writes)
                    for change in changes:
                        change.run(transaction, connection)
            except SQLAlchemyError:
                connection.invalidate()  # what a disk or a server that failed left of it is not trusted
                raise


@dataclass(slots=True)
class _Change(Generic[T]):
    """A change that waits, and who waits for it."""

    work: Callable[[Transaction], T]
    future: asyncio.Future[T]
    done: list[T] = field(default_factory=list)
    failed: Exception | None = None

    def run(self, transaction: Transaction, connection: Connection) -> None:
        """In the writer's thread. Raises when the whole transaction is lost."""
        try:
            with connection.begin_nested():
                self.done = [self.work(transaction)]
        except SQLAlchemyError as error:
            if isinstance(error, DBAPIError) and not isinstance(error, DataError | IntegrityError):
                raise
            self.failed = _store_error(error)
        except Exception as error:  # noqa: BLE001  # it is raised again where it belongs, in `change`
            self.failed = error

    def settle(self) -> None:
        """On the loop, after the commit or its failure."""
        if self.future.done():
            return
        if self.failed is not None:
            self.future.set_exception(self.failed)
        else:
            self.future.set_result(self.done[0])


def _statements(sql: str) -> dict[str, TextClause]:
    return {
        name: text(statement).bindparams(*(bindparam(each, expanding=True) for each in _LIST.findall(statement)))
        for name, statement in named_statements(sql).items()
    }


def _bound(value: Any) -> Any:
    """Lists grow to a power of two by their last value, so that a server sees few different statements."""
    if not isinstance(value, list | tuple | set | frozenset):
        return clean(value)
    values = [clean(each) for each in value]
    if not values:
        return values
    return values + values[-1:] * ((1 << (len(values) - 1).bit_length()) - len(values))


def _store_error(error: Exception) -> StoreError:
    """In the database's own words: SQLAlchemy's name the statement too."""
    return StoreError(str(getattr(error, "orig", None) or error).strip())
