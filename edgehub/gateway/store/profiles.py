"""The cache of profiles: in a file of its own, for it can be had again from the hub and the journal cannot."""

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

from edgehub.core.profile import Profile
from edgehub.core.wire import WireError
from edgehub.core.wire.fields import dump
from edgehub.core.wire.profiles import profile_to_json, read_profile
from edgehub.gateway.store.database import Damaged, Database, DatabaseError
from edgehub.gateway.store.files import forget_aside, set_aside

QUOTA_BYTES = 128 * 1024 * 1024


class ProfileCache:
    """The newest revision of every profile the hub sent. Use as ``async with``."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, "profiles", quota_bytes=QUOTA_BYTES)
        self.revision = 0
        """The highest held; 0 makes the hub send everything."""
        self.failing: str | None = None
        """Why the last write failed; the profiles are then in force, and asked for again."""

    async def __aenter__(self) -> Self:
        with suppress(DatabaseError, OSError):
            await self._open()
        self.revision = max((profile.revision for profile in await self.all()), default=0)
        return self

    async def _open(self) -> None:
        try:
            await self._database.open()
        except Damaged:
            set_aside(self._database.path)
            forget_aside(self._database.path)  # nothing in it is only here
            await self._database.open()
        except (DatabaseError, OSError) as error:
            self.failing = f"the profile cache cannot be opened: {error}"
            raise
        self.failing = None

    async def __aexit__(self, *_: object) -> None:
        await self._database.close()

    async def all(self) -> list[Profile]:
        """Every profile and tombstone, oldest revision first."""
        found = []
        read = self._database.select if self._database.is_open else self._database.peek
        for (document,) in await read("all"):
            with suppress(WireError, ValueError):
                found.append(read_profile(json.loads(document)))
        return found

    async def put(self, profiles: Iterable[Profile]) -> None:
        """Write down those that are newer than what is here."""
        rows = [(one.person, one.revision, dump(profile_to_json(one))) for one in profiles]
        try:
            await self.mend()
            await self._database.write([("put", rows)])
        except (DatabaseError, OSError) as error:
            self.failing = f"the profile cache cannot be written: {error}"
            return
        self.failing = None
        self.revision = max([self.revision, *(row[1] for row in rows)])

    async def mend(self) -> None:
        """Open the file if it could not be opened yet. Raises DatabaseError or OSError when it still cannot."""
        if not self._database.is_open:
            await self._open()
            self.revision = max((profile.revision for profile in await self.all()), default=0)

    async def scrub(self) -> None:
        """Leave nothing of what tombstones replaced. Raises DatabaseError or OSError when the disk does not let us."""
        await self._database.scrub([], rewrite=True)
