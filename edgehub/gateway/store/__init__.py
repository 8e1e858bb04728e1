"""What a gateway keeps on its disk: a journal that must not be lost, and a cache of profiles that may be.

``journal.db`` holds the outbox and the open visits, ``profiles.db`` the profiles; they fail separately.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from edgehub.core.profile import Profile
from edgehub.core.record import NewEvent, OpenVisit, OutboxRow, VisitChange, VisitGone
from edgehub.core.wire import Ack, Epoch, Mark
from edgehub.gateway.store.journal import Journal, Stats
from edgehub.gateway.store.profiles import ProfileCache
from edgehub.gateway.store.recovery import Recovered

DEFAULT_QUOTA_BYTES = 512 * 1024 * 1024

__all__ = [
    "DEFAULT_QUOTA_BYTES",
    "NewEvent",
    "OpenVisit",
    "Recovered",
    "Stats",
    "Store",
    "StoreInUseError",
    "VisitChange",
    "VisitGone",
]


class StoreInUseError(Exception):
    """Another process writes to this directory."""


class Store:
    """Journal and profile cache in one directory. Use as ``async with``.

    Args:
        directory: made when absent, readable by its owner only.
        boot_id: of this boot of the machine.
        quota_bytes: the most the journal may take.
        partitions: of the site's events; 1 for ordinary venues.

    Raises:
        StoreInUseError: on entering, when another process has it.
        OSError: on entering, when the directory cannot be made or read.
    """

    def __init__(
        self, directory: Path, *, boot_id: str, quota_bytes: int = DEFAULT_QUOTA_BYTES, partitions: int = 1
    ) -> None:
        self._directory = directory
        self._exits = AsyncExitStack()
        self._journal = Journal(
            directory / "journal.db", quota_bytes=quota_bytes, partitions=partitions, boot_id=boot_id
        )
        self._profiles = ProfileCache(directory / "profiles.db")

    async def __aenter__(self) -> Self:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        async with AsyncExitStack() as exits:
            exits.callback(os.close, _lock(self._directory / "journal.lock"))
            await exits.enter_async_context(self._profiles)
            await exits.enter_async_context(self._journal)
            self._exits = exits.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exits.aclose()

    @property
    def epoch(self) -> Epoch:
        """The epoch of this process."""
        return self._journal.epoch

    @property
    def recovered(self) -> Recovered | None:
        """What became of a journal found damaged; None when it was sound."""
        return self._journal.recovered

    @property
    def failing(self) -> str | None:
        """Why the disk does not take what we write, while it does not."""
        return self._journal.failing or self._profiles.failing

    @property
    def backlog(self) -> int:
        """Events written down and not known to be acknowledged."""
        return self._journal.backlog

    @property
    def news(self) -> asyncio.Event:
        """Set when events were committed; the one pump clears it."""
        return self._journal.news

    def record(self, events: Iterable[NewEvent], visits: Sequence[VisitChange] = ()) -> asyncio.Future[bool]:
        """Write events and visits in one transaction; the future is True once it is committed.

        It is False when the disk refused for so long that memory was full. Raises WireError for an unsendable event.
        """
        return self._journal.record(events, visits)

    async def open_visits(self) -> list[OpenVisit]:
        """The visits open when this was last written down."""
        return await self._journal.open_visits()

    async def page(self, after: int, limit: int) -> list[OutboxRow]:
        """Events that wait for the hub, in order, with ids above ``after``."""
        return await self._journal.page(after, limit)

    def marks(self) -> list[Mark]:
        """Up to where each epoch still here is acknowledged."""
        return self._journal.marks()

    def acknowledge(self, ack: Ack) -> None:
        """Mark what the hub has, with the next commit."""
        self._journal.acknowledge(ack)

    def unacknowledge(self, ack: Ack) -> asyncio.Future[bool]:
        """Let wait again what the hub lost above this watermark."""
        return self._journal.unacknowledge(ack)

    def stats(self) -> Stats:
        """Counters since the start."""
        return self._journal.stats()

    async def profiles(self) -> list[Profile]:
        """Every profile and tombstone held."""
        return await self._profiles.all()

    @property
    def profiles_revision(self) -> int:
        """The highest revision held."""
        return self._profiles.revision

    async def put_profiles(self, profiles: Iterable[Profile]) -> None:
        """Write down profiles; of each person the newest revision stays."""
        await self._profiles.put(profiles)

    async def meta(self, key: str) -> str | None:
        """A small fact kept beside the events."""
        return await self._journal.meta(key)

    async def set_meta(self, key: str, value: str) -> None:
        """Keep a small fact; for rare use."""
        await self._journal.set_meta(key, value)


def _lock(path: Path) -> int:
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise StoreInUseError(f"{path.parent} is in use by another edgehub; stop that one first") from error
    return handle
