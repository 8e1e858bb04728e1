"""Files that commands write: whole or not at all, and never in the place of what was read."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import TextIO


def refuse_inputs(out: Path, inputs: Iterable[Path]) -> None:
    """Raise ValueError when `out` is one of the inputs, by whatever name."""
    for path in inputs:
        if out.exists() and path.exists() and out.samefile(path):
            raise ValueError(f"--out {out} is a file that is read here ({path}), and would be lost; name another file")


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """Give a text file that takes the place of `path` once the block has ended well; else `path` stays as it was.

    Raises:
        OSError: it cannot be written there.
    """
    if path.exists() and not path.is_file():  # /dev/stdout and pipes have no place to take
        with TemporaryFile("w+", encoding="utf-8") as file, path.open("w", encoding="utf-8") as out:
            yield file
            file.seek(0)
            copyfileobj(file, out)
        return
    path = path.resolve()  # a link goes on pointing to where it points
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _made(beside, path) as file:
            yield file
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _made(beside: Path, path: Path) -> TextIO:
    try:
        return beside.open("w", encoding="utf-8")
    except OSError as error:  # name the file that was asked for
        raise OSError(error.errno, error.strerror, str(path)) from error
