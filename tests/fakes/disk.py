"""A small disk of our own, to be filled, closed to writing, and given back."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


class Disk:
    """A tmpfs of a few MiB."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "somebody-else"

    def fill(self) -> None:
        """Let a neighbour take all that is left."""
        with self._filler.open("ab", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 65536):
                pass
        with self._filler.open("ab", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 4096):
                pass

    def empty(self) -> None:
        """Let the neighbour give it back."""
        self._filler.unlink()

    def remount(self, how: str) -> None:
        """Make it "ro" or "rw"."""
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.path)], check=True)


@contextmanager
def small_disk(path: Path, size: str = "8m") -> Iterator[Disk]:
    """Mount one there; the test is skipped where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    mounted = subprocess.run(command, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)
