"""A disk that loses its power: what is on it afterwards, given what was done to it.

Synced bytes are there. Of what was written since, any part may be there, in any order, torn at sectors of 512 bytes;
of names made, changed and taken away since their folder was synced, the first few.
"""

import random
from dataclasses import dataclass, field
from pathlib import Path

from tests.system.faults.strace import Create, Deed, Rename, Send, Sync, Truncate, Unlink, Write

SECTOR = 512
TORN = 0.3
"""Share of the un-synced writes that are there in part."""


@dataclass
class _File:
    content: bytearray = field(default_factory=bytearray)
    pending: list[Write | Truncate] = field(default_factory=list)

    def sync(self) -> None:
        for deed in self.pending:
            _apply(self.content, deed)
        self.pending.clear()

    def after_cut(self, chance: random.Random) -> bytes:
        content = bytearray(self.content)
        kept = chance.choice((0.0, 0.5, 0.9, 1.0))
        for deed in self.pending:
            if chance.random() < kept:
                _apply(content, deed, chance if chance.random() < TORN else None)
        return bytes(content)


def _apply(content: bytearray, deed: Write | Truncate, tear: random.Random | None = None) -> None:
    if isinstance(deed, Truncate):
        content[deed.size :] = bytes(max(0, deed.size - len(content)))
        return
    end = deed.offset + len(deed.data)
    content.extend(bytes(max(0, end - len(content))))
    for start in range(0, len(deed.data), SECTOR) if tear else ():
        if tear and tear.random() < 0.5:
            content[deed.offset + start : deed.offset + start + SECTOR] = deed.data[start : start + SECTOR]
    if tear is None:
        content[deed.offset : end] = deed.data


class Disk:
    """Files of one folder, as far as they are safe, and what is still to be made so."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._files: dict[str, _File] = {}
        self._names: dict[str, _File] = {}
        """As the folder has them on the disk; `_files` is how programs see it."""
        self._pending: list[Create | Rename | Unlink] = []

    def do(self, deed: Deed) -> None:
        """Take one deed."""
        match deed:
            case Write(path) | Truncate(path):
                self._files.setdefault(path, _File()).pending.append(deed)
            case Sync(path) if path == self._folder:
                self._names = dict(self._files)
                self._pending.clear()
            case Sync(path) if path in self._files:
                self._files[path].sync()
            case Create() | Rename() | Unlink() if _rename(self._files, deed):
                self._pending.append(deed)
            case Send() | Create() | Rename() | Unlink() | Sync():
                pass

    def cut(self, chance: random.Random, into: Path) -> None:
        """Write down what is on the disk when the power goes now."""
        names = dict(self._names)
        for deed in self._pending[: chance.randint(0, len(self._pending))]:
            _rename(names, deed, self._files)
        for name, file in names.items():
            (into / Path(name).name).write_bytes(file.after_cut(chance))


def _rename(names: dict[str, _File], deed: Create | Rename | Unlink, known: dict[str, _File] | None = None) -> bool:
    """Change names as the deed says; False when that changes nothing."""
    match deed:
        case Create(path):
            if path in names:
                return False
            names[path] = (known or {}).get(path) or _File()
        case Rename(path, to):
            if path not in names:
                return False
            names[to] = names.pop(path)
        case Unlink(path):
            return names.pop(path, None) is not None
    return True


def memory() -> str | None:
    """A folder where a sync costs nothing, for files that are thrown away; None where there is none."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
