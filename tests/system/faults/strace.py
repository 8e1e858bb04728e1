"""What a process did to the files of a folder and what it sent, read from a log of strace."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

CALLS = "openat,pwrite64,write,ftruncate,fsync,fdatasync,rename,unlink,sendto"
WRAP = ("strace", "-D", "-f", "--seccomp-bpf", "-y", "-xx", "-s", "300000", "-e", f"trace={CALLS}")
"""-D: the traced program keeps its process id, so that it can be killed."""

_LINE = re.compile(r"(\d+) +(.*)")
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+)")
_FILE = re.compile(r"\d+<((?:\\x[0-9a-f]{2})+)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass(frozen=True)
class Write:
    """Bytes were written; nothing says that they are on the disk."""

    path: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class Truncate:
    """A file was cut, or grown."""

    path: str
    size: int


@dataclass(frozen=True)
class Create:
    """A file was made."""

    path: str


@dataclass(frozen=True)
class Rename:
    """A file got another name."""

    path: str
    to: str


@dataclass(frozen=True)
class Unlink:
    """A file lost its name."""

    path: str


@dataclass(frozen=True)
class Sync:
    """Everything written to the file, or all names of the folder, is on the disk."""

    path: str


@dataclass(frozen=True)
class Send:
    """Bytes left the machine."""

    data: bytes


Deed = Write | Truncate | Create | Rename | Unlink | Sync | Send


def deeds(log: Path, folder: Path) -> list[Deed]:
    """What was done to files in the folder, and what was sent, in order. -shm files are no files, but memory."""
    with log.open() as lines:
        return [deed for deed in _read(_whole(lines)) if isinstance(deed, Send) or _concerns(deed.path, folder)]


def ended(log: Path) -> bool:
    """True once everything the process did is in the log."""
    with log.open("rb") as lines:
        lines.seek(max(0, log.stat().st_size - 4096))
        return b"+++ " in lines.read()


def _concerns(path: str, folder: Path) -> bool:
    return path.startswith(str(folder)) and not path.endswith("-shm")


def _whole(lines: Iterable[str]) -> Iterator[str]:
    """Calls as one line each, at the moment they took effect at the latest: their end, or for what is sent their beginning."""
    begun: dict[str, str] = {}
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        thread, rest = match.groups()
        if rest.endswith("<unfinished ...>"):
            begun[thread] = rest.removesuffix("<unfinished ...>").rstrip()
            if rest.startswith("sendto"):
                yield begun.pop(thread) + ") = 1"
        elif rest.startswith("<... "):
            if thread in begun:
                yield begun.pop(thread) + rest.partition(" resumed>")[2]
        else:
            yield rest


def _read(calls: Iterable[str]) -> Iterator[Deed]:
    offsets: dict[str, int] = {}
    for call in calls:
        match = _CALL.match(call)
        if match is None or int(match[3]) < 0:
            continue
        name, words = match[1], match[2]
        files = [_bytes(one).decode(errors="replace") for one in _FILE.findall(words)]
        texts = [_bytes(one) for one in _TEXT.findall(words)]
        match name:
            case "sendto":
                yield Send(texts[0])
            case "pwrite64":
                yield Write(files[0], int(words.rpartition(", ")[2]), texts[0][: int(match[3])])
            case "write" if files:
                yield Write(files[0], offsets.get(files[0], 0), texts[0])
                offsets[files[0]] = offsets.get(files[0], 0) + len(texts[0])
            case "ftruncate":
                yield Truncate(files[0], int(words.rpartition(", ")[2]))
            case "fsync" | "fdatasync":
                yield Sync(files[0])
            case "openat" if "O_CREAT" in words and texts:
                yield Create(texts[-1].decode(errors="replace"))
            case "rename":
                yield Rename(texts[0].decode(), texts[1].decode())
            case "unlink":
                yield Unlink(texts[0].decode())


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))
