"""Did a staff file change? A poll for once a second, cheap enough for a Pi.

Polling rather than watching: editors replace files, truncate them in place, swap symbolic links, and some folders are
network mounts; a watcher of a single file misses some of these (watchfiles#127), a poll misses none.
"""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Final

from edgehub.config import installation, learned, registration, secrets, venue
from edgehub.config.loading import RULES, state_directory
from edgehub.config.page import MAX_BYTES
from edgehub.core.data import dataclass

_STAFF: Final = (installation.FILE, venue.FILE, secrets.FILE, registration.FILE, RULES)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What the files of a configuration hold; equal when nothing of it changed, however often they were saved."""

    digest: str
    """For status: which configuration is in force. 16 hex digits."""
    seen: Mapping[str, tuple[tuple[int, int, int], str]] = field(default_factory=dict, compare=False, repr=False)
    """File → ((mtime in ns, size, inode), hash of its content), so that an untouched file is not read again."""


def fingerprint(
    directory: Path | str, state: Path | str | None = None, *, last: Fingerprint | None = None
) -> Fingerprint:
    """Return the fingerprint of the files `load` would read; with ``last``, only touched files are read again."""
    paths = [*(Path(directory) / name for name in _STAFF), state_directory(state) / learned.FILE]
    known = last.seen if last else {}
    seen = {str(path): _look(path, known.get(str(path))) for path in paths}
    import hashlib

    whole = "\n".join(content for _, content in seen.values())
    return Fingerprint(hashlib.sha256(whole.encode()).hexdigest()[:16], seen)


def _look(path: Path, last: tuple[tuple[int, int, int], str] | None) -> tuple[tuple[int, int, int], str]:
    import hashlib

    try:
        found = path.stat()
        touched = (found.st_mtime_ns, found.st_size, found.st_ino)
        if last and last[0] == touched:
            return last
        with path.open("rb") as file:
            # Asked for more, Python would set aside all of it, and once that was freed the C library would keep every
            # other large block too, instead of giving it back.
            content = file.read(min(found.st_size, _MOST))
            return touched, f"{found.st_mode:o} {hashlib.sha256(content).hexdigest()}"
    except OSError as error:
        return (0, 0, 0), type(error).__name__


_MOST: Final = 32 * MAX_BYTES  # learned.yaml may be larger than any staff file
