"""Follow a file that people edit while the hub runs."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

EVERY_S = 1.0


async def follow(path: Path, take: Callable[[Path], Awaitable[bool]]) -> None:
    """Have a file taken now, and whenever it changed; again and again while ``take`` is False. Never returns."""
    seen: tuple[int, int] | None = None
    while True:
        found = _fingerprint(path)
        if found != seen:
            # Two looks alike: an editor that is still writing must not make half the guests vanish.
            await asyncio.sleep(0 if seen is None else EVERY_S)
            if _fingerprint(path) == found and await take(path):
                seen = found
        await asyncio.sleep(EVERY_S)


def _fingerprint(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return found.st_mtime_ns, found.st_size
