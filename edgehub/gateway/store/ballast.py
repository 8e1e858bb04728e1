"""Ballast: room on the disk that is ours, thrown overboard when others have filled the rest.

On a full disk SQLite can neither write nor delete nor checkpoint: an outbox could not even be emptied.
"""

import asyncio
import os
import shutil
from contextlib import suppress
from pathlib import Path

MOST_BYTES = 4 * 1024 * 1024
"""Four times what the WAL holds between checkpoints."""
LOW_BYTES = 1024 * 1024
"""A disk with less than this is full: SQLite's next write may not fit."""


class Ballast:
    """A file that holds room.

    Args:
        path: of it.
        quota_bytes: of the journal; the ballast takes a small part of what SQLite may not use of it.
    """

    def __init__(self, path: Path, *, quota_bytes: int) -> None:
        self._path = path
        self._bytes = min(MOST_BYTES, quota_bytes // 32)

    @property
    def disk_is_full(self) -> bool:
        """True when nothing is left on the disk, ours or not."""
        try:
            return shutil.disk_usage(self._path.parent).free < LOW_BYTES
        except OSError:
            return False

    def release(self) -> bool:
        """Give the room back; False when there was none."""
        with suppress(OSError):
            self._path.unlink()
            return True
        return False

    def make_way(self) -> bool:
        """Give the room back if the disk is full; True when that made some."""
        return self.disk_is_full and self.release()

    async def take(self) -> None:
        """Hold room again, once the disk has plenty; in a thread, for a card may take its time."""
        await asyncio.to_thread(self._take)

    def _take(self) -> None:
        with suppress(OSError):
            if self._path.exists() or shutil.disk_usage(self._path.parent).free < LOW_BYTES + 2 * self._bytes:
                return
            handle = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(handle, 0, self._bytes)
            finally:
                os.close(handle)
