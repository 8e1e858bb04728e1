"""The files of a database: itself, its write-ahead log and the shared memory of that; they go together."""

import mmap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from edgehub.durable import sync_directory


def parts(path: Path) -> Iterator[Path]:
    """Where a database and what SQLite makes beside it are, if they are there."""
    return (path.with_name(path.name + part) for part in ("", "-wal", "-shm"))


def set_aside(path: Path) -> Path:
    """Rename a damaged database out of the way, with its -wal and -shm; one is kept, the newest. Where it went."""
    aside = _aside(path)
    for source, target in zip(parts(path), parts(aside), strict=True):
        target.unlink(missing_ok=True)
        if source.exists():
            source.rename(target)
    sync_directory(path.parent)
    return aside


def forget_aside(path: Path) -> None:
    """Delete a damaged database that was set aside."""
    for one in parts(_aside(path)):
        one.unlink(missing_ok=True)


def close_to_others(path: Path) -> None:
    """Make a database its owner's alone; earlier versions let others read it."""
    for one in parts(path):
        with suppress(FileNotFoundError):
            if one.stat().st_mode & 0o077:
                one.chmod(0o600)


def holds(path: Path, needles: Sequence[bytes]) -> bool:
    """Tell whether any of these is anywhere in a file."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return any(data.find(needle) >= 0 for needle in needles)


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.corrupt")
