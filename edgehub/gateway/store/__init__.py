"""What a gateway keeps on its disk: a journal that must not be lost, and a cache of profiles that may be.

``journal.db`` holds the outbox and the open visits, ``profiles.db`` the profiles; they fail separately.
"""

import asyncio
import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from edgehub.core.profile import Profile
from edgehub.core.record import NewEvent, OpenVisit, OutboxRow, VisitChange, VisitGone
from edgehub.core.wire import Ack, At, Epoch, Mark
from edgehub.core.wire.events import ErasureReceipt
from edgehub.gateway.store.database import DatabaseError
from edgehub.gateway.store.journal import Journal
from edgehub.gateway.store.profiles import ProfileCache
from edgehub.gateway.store.recovery import Recovered
from edgehub.gateway.store.tally import Stats

DEFAULT_QUOTA_BYTES = 512 * 1024 * 1024
ERASE_AGAIN_S = 5.0
"""After an erasure that the disk did not let us finish."""

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
        clock: this moment on the clocks of this machine; without one, nobody knows how far they are to be trusted.

    Raises:
        StoreInUseError: on entering, when another process has it.
        OSError: on entering, when the directory cannot be made or is closed to us. A disk that is full or read-only is
            no reason not to start: ``failing`` says so, and it is tried again.
    """

    def __init__(
        self,
        directory: Path,
        *,
        boot_id: str,
        quota_bytes: int = DEFAULT_QUOTA_BYTES,
        partitions: int = 1,
        clock: Callable[[], At] | None = None,
    ) -> None:
        self._directory = directory
        self._exits = AsyncExitStack()
        self._clock = clock or (lambda: At(boot_id, time.monotonic_ns() // 1000, time.time_ns() // 1000, "unknown"))
        path = directory / "journal.db"
        self._journal = Journal(path, quota_bytes=quota_bytes, partitions=partitions, clock=self._clock)
        self._profiles = ProfileCache(directory / "profiles.db")
        self._erasure_due = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        async with AsyncExitStack() as exits:
            exits.callback(os.close, _lock(self._directory))
            await exits.enter_async_context(self._profiles)
            await exits.enter_async_context(self._journal)
            self._journal.eraser.erased |= {one.person for one in await self._profiles.all() if one.erased}
            self._erasure_due.set()
            erasing = asyncio.create_task(self._erase(), name="erasures")
            exits.push_async_callback(_cancelled, erasing)
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
        return self._journal.tally.backlog

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
        return await self._journal.contents.open_visits()

    async def page(self, after: int, limit: int) -> list[OutboxRow]:
        """Events that wait for the hub, in order, with ids above ``after``."""
        return await self._journal.page(after, limit)

    async def last(self) -> int:
        """The highest id of an event, whether it waits or not; 0 while it cannot be read."""
        return await self._journal.last()

    def marks(self) -> list[Mark]:
        """Up to where each epoch still here is acknowledged."""
        return self._journal.marks()

    def acknowledge(self, ack: Ack) -> None:
        """Mark what the hub has, with the next commit."""
        self._journal.acknowledge(ack)

    def unacknowledge(self, ack: Ack) -> asyncio.Future[bool]:
        """Let wait again what the hub does not have any more."""
        return self._journal.unacknowledge(ack)

    @property
    def rewrites(self) -> int:
        """Grows when events that wait were changed: whoever holds copies of them reads them again."""
        return self._journal.rewrites

    def set_aside(self, row: OutboxRow) -> None:
        """Give up an event that no hub takes; the hub is told that it will not come."""
        self._journal.set_aside(row)

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
        """Write down profiles; of each person the newest revision stays. Who is erased vanishes from all files."""
        profiles = list(profiles)
        erased = {one.person for one in profiles if one.erased}
        self._journal.eraser.erased -= {one.person for one in profiles}
        self._journal.eraser.erased |= erased
        await self._profiles.put(profiles)
        if erased:
            self._erasure_due.set()

    async def _erase(self) -> None:
        """Erase whom tombstones name, and tell the hub once nothing is left; again while the disk does not let us."""
        while True:
            await self._erasure_due.wait()
            self._erasure_due.clear()
            try:
                await self._erase_all()
            except (DatabaseError, OSError):
                await asyncio.sleep(ERASE_AGAIN_S)
                self._erasure_due.set()

    async def _erase_all(self) -> None:
        await self._profiles.mend()
        confirmed = int(await self.meta("erased_revision") or 0)
        tombstones = [one for one in await self._profiles.all() if one.erased and one.revision > confirmed]
        if not tombstones:
            return
        await self._profiles.scrub()
        await self._journal.erase({one.person for one in tombstones})
        revision = max(one.revision for one in tombstones)
        if await self.record([NewEvent.of(ErasureReceipt(revision=revision), self._clock())]):
            await self.set_meta("erased_revision", str(revision))

    async def meta(self, key: str) -> str | None:
        """A small fact kept beside the events."""
        return await self._journal.contents.meta(key)

    async def set_meta(self, key: str, value: str) -> None:
        """Keep a small fact; for rare use."""
        await self._journal.contents.set_meta(key, value)


def _lock(directory: Path) -> int:
    """Lock the directory itself: on a full disk no file could be made for it."""
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK) and not os.statvfs(directory).f_flag & os.ST_RDONLY:
        raise PermissionError(errno.EACCES, "Permission denied", str(directory))
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise StoreInUseError(f"{directory} is in use by another edgehub; stop that one first") from error
    return handle


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
