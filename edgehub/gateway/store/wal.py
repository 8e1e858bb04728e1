"""A write-ahead log with a rotten frame: sealed anew, so that the commits behind that frame are read too.

SQLite chains the checksums of the frames, and believes nothing behind the first one that is wrong: right for the tail
of a commit that the power cut short, but one flipped bit would silently take all commits since the last checkpoint,
which were synced and promised. So a frame that is wrong although whole commits stand behind it is passed on as it is,
with a checksum that fits; what is wrong in it is then found by the checks of the database and of the rows.
The layout is that of https://www.sqlite.org/fileformat2.html#walformat.
"""

import os
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from struct import Struct

from edgehub.core.data import dataclass
from edgehub.durable import sync_directory

_HEADER = Struct(">IIIIIIII")
_FRAME = Struct(">IIIIII")
_MAGIC = 0x377F0682
_VERSION = 3007000
_WORD = 0xFFFFFFFF
Salts = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Page:
    number: int
    database_pages: int
    """Of the database after this commit; 0 in all but a commit's last frame."""
    salts: Salts
    content: bytes


class Log:
    """The log beside a database, read before SQLite opens it."""

    def __init__(self, data: bytes, page_bytes: int) -> None:
        self._page_bytes = page_bytes
        self._pages = list(_pages(data, page_bytes))
        self._salts = _salts(data, self._pages)

    @classmethod
    def of(cls, database: Path, page_bytes: int) -> "Log | None":
        """The log of a database; None when there is none, or nothing in it."""
        path = _log(database)
        data = path.read_bytes() if path.exists() else b""
        return cls(data, page_bytes) if len(data) > _HEADER.size + _FRAME.size + page_bytes else None

    @property
    def synced(self) -> int:
        """Frames that SQLite must find: up to the last commit that another one was begun after."""
        ours = [index for index, page in enumerate(self._pages) if page.salts == self._salts]
        return max((index + 1 for index in ours[:-1] if self._pages[index].database_pages), default=0)

    def reseal(self, database: Path) -> None:
        """Put the log beside the database again, which nobody has open, with checksums that fit what is in it."""
        path = _log(database)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            file.write(self._sealed())
            file.flush()
            os.fsync(file.fileno())
        sync_directory(path.parent)

    def _sealed(self) -> bytes:
        """The log without frames of another log, and those of no page."""
        ours = [page for page in self._pages if page.salts == self._salts]
        largest = max(page.database_pages for page in ours) + len(ours)
        head = _HEADER.pack(_MAGIC, _VERSION, self._page_bytes, 0, *self._salts, 0, 0)[:24]
        sums = _sums((0, 0), head)
        parts = [head, _HEADER.pack(0, 0, 0, 0, 0, 0, *sums)[24:]]
        for page in ours:
            if 1 <= page.number <= largest:
                beginning = _FRAME.pack(page.number, page.database_pages, 0, 0, 0, 0)[:8]
                sums = _sums(_sums(sums, beginning), page.content)
                parts += [_FRAME.pack(page.number, page.database_pages, *self._salts, *sums), page.content]
        return b"".join(parts)


def _log(database: Path) -> Path:
    return database.with_name(f"{database.name}-wal")


def _pages(data: bytes, page_bytes: int) -> Iterator[_Page]:
    size = _FRAME.size + page_bytes
    for start in range(_HEADER.size, len(data) - size + 1, size):
        number, database_pages, salt_1, salt_2, _, _ = _FRAME.unpack_from(data, start)
        content = data[start + _FRAME.size : start + size]
        yield _Page(number, database_pages, (salt_1, salt_2), content)


def _salts(data: bytes, pages: Sequence[_Page]) -> Salts:
    """Those of the log; what stands behind its end has those of an earlier one."""
    if _sums((0, 0), data[:24]) == _HEADER.unpack_from(data)[6:]:
        salt_1, salt_2 = _HEADER.unpack_from(data)[4:6]
        return salt_1, salt_2
    return pages[0].salts


def _sums(before: tuple[int, int], data: bytes) -> tuple[int, int]:
    """SQLite's checksum, over little-endian words as its magic number says."""
    one, two = before
    words = iter(array("I", data))
    for even, odd in zip(words, words, strict=True):
        one = (one + even + two) & _WORD
        two = (two + odd + one) & _WORD
    return one, two
