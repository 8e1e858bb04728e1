"""Watching the staff's files: a good edit is taken up within two seconds, a bad one keeps the last good in force."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from edgehub.config import Config, ConfigError, Fingerprint, fingerprint, load

EVERY_S = 1.0
"""Polling sees atomic saves and network mounts, which watchers of a single file miss."""


async def edits(
    directory: Path, state: Path, known: Fingerprint, *, every_s: float = EVERY_S
) -> AsyncIterator[tuple[str, Config | ConfigError]]:
    """Yield (fingerprint, what the files hold) whenever they changed from ``known`` and have rested for one look.

    A file half written when looked at is seen again, whole, a second later. Reading happens in a thread: checking a
    large file takes a Pi a good part of a second, and lights must not wait for it.
    """
    seen = known
    while True:
        await asyncio.sleep(every_s)
        last, seen = seen, await asyncio.to_thread(fingerprint, directory, state, last=seen)
        if seen == last and seen != known:
            known = seen
            yield seen.digest, await asyncio.to_thread(_load, directory, state)


def _load(directory: Path, state: Path) -> Config | ConfigError:
    try:
        return load(directory, state)
    except ConfigError as error:
        return error
