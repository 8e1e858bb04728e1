"""The hub's store: one SQLite file; a transaction is durable once it returned."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import aiosqlite

from edgehub.core.statements import named_statements

_SQL = files(__package__) / "sql"

StoreError = aiosqlite.Error
Row = tuple[Any, ...]
Step = tuple[str, Sequence[Sequence[Any]]]
"""A statement by name, and the rows it is run with."""


class HubStore:
    """The hub's file. Use as ``async with``.

    Args:
        path: of the file; made when absent. Only this process writes to it.

    Raises:
        StoreError: on entering, when it cannot be opened; OSError when it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sql = named_statements((_SQL / "hub.sql").read_text())
        self._turn = asyncio.Lock()
        self._connection: aiosqlite.Connection

    async def __aenter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            self._path.touch(0o600)  # guests are in it: its owner's alone, and so are the -wal and -shm SQLite makes
        try:
            self._connection = await aiosqlite.connect(self._path, isolation_level=None)
        except aiosqlite.Error:
            await asyncio.sleep(0.1)  # aiosqlite's thread has yet to post its end to this loop, which may close now
            raise
        try:
            await self._open()
        except BaseException:
            await self._connection.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(aiosqlite.Error):
            await self._connection.close()

    async def _open(self) -> None:
        for pragma in (
            "journal_mode=wal",
            "synchronous=full",
            "busy_timeout=5000",
            "wal_autocheckpoint=1000",
            "secure_delete=on",  # an erased guest is gone from the free pages too
            "mmap_size=0",
        ):
            await self._connection.execute_fetchall(f"pragma {pragma}")
        [[version]] = await self._connection.execute_fetchall("pragma user_version")
        migrations = sorted(entry.name for entry in _SQL.iterdir() if entry.name.startswith("hub_"))
        for number, name in enumerate(migrations, 1):
            if number > version:
                script = (_SQL / name).read_text()
                await self._connection.executescript(f"begin; {script}; pragma user_version={number}; commit;")

    async def select(self, name: str, *values: Any) -> list[Row]:
        """All rows of a statement."""
        async with self._turn:
            return [tuple(row) for row in await self._connection.execute_fetchall(self._sql[name], values)]

    async def write(self, steps: Iterable[Step]) -> None:
        """Run steps in one transaction; nothing of it is kept when it raises."""
        async with self._turn:
            await self._connection.execute_fetchall("begin immediate")
            try:
                for name, rows in steps:
                    if rows:
                        await (await self._connection.executemany(self._sql[name], rows)).close()
                await self._connection.execute_fetchall("commit")
            except BaseException:
                with suppress(aiosqlite.Error):  # a failed commit may have rolled back by itself
                    await self._connection.execute_fetchall("rollback")
                raise
