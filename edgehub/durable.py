"""Files that survive the power: replaced whole or not at all, and with their names on the disk."""

import os
import secrets
from pathlib import Path


def replace_file(path: Path, text: str, *, private: bool = False) -> None:
    """Write a file anew: whoever reads it finds the old text or the new one, also after a power cut.

    A ``private`` one is from the first moment readable by its owner alone. When root writes it, it belongs to whom its
    folder belongs: `sudo edgehub hue pair` writes for the service, which is not root.

    Raises:
        OSError: it cannot be written there; the old one is as it was.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600 if private else 0o666)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if private:
                _give(handle, path.parent)
            os.fsync(handle)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def _give(handle: int, directory: Path) -> None:
    if os.geteuid() == 0:
        owner = directory.stat()
        os.fchown(handle, owner.st_uid, owner.st_gid)


def sync_directory(directory: Path) -> None:
    """Make a new or renamed name survive the power."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
