"""Processes of the demo: started in groups of their own, watched, ended by their ids, with a log file each."""

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE_S = 8.0
"""A gateway stops within 5 s whatever hangs; whoever needs longer is killed."""
LAST_LINES = 12
_PR_SET_PDEATHSIG = 1


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


class ProcessDied(DemoError):  # noqa: N818 - it says what happened
    """A process of the demo ended by itself."""

    def __init__(self, name: str, code: int, log: Path) -> None:
        lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        tail = "\n".join(f"    {line}" for line in lines) or "    (it said nothing)"
        super().__init__(f"{name} ended by itself (exit {code}). Its last lines, from {log}:\n{tail}")


class Processes:
    """An async context that ends every process started in it, the last one first."""

    def __init__(self, logs: Path, *, patience_s: float = PATIENCE_S) -> None:
        self._logs = logs
        self._patience_s = patience_s
        self._started: dict[str, tuple[asyncio.subprocess.Process, Path]] = {}
        self._libc = ctypes.CDLL(None)

    async def start(self, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> int:
        """Start a process whose output goes to a log file; gives its id."""
        log = self._logs / f"{name}.log"
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *map(str, command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(env or {})},
                start_new_session=True,
                preexec_fn=self._die_with_parent,  # nothing is left behind, even when the demo itself is killed
            )
        self._started[name] = (process, log)
        return process.pid

    def _die_with_parent(self) -> None:
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    async def watch(self) -> None:
        """Wait until a process ends by itself, which is never well; raises ProcessDied. Cancel it to stop watching."""
        ends = {asyncio.create_task(process.wait()): name for name, (process, _) in self._started.items()}
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            name = ends[done.pop()]
            process, log = self._started[name]
            raise ProcessDied(name, process.returncode or 0, log)
        finally:
            for task in ends:
                task.cancel()

    async def stop(self, names: Sequence[str]) -> None:
        """End these processes together: politely, then not."""
        chosen = [self._started.pop(name)[0] for name in names if name in self._started]
        await asyncio.gather(*(_end(process, self._patience_s) for process in chosen))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._started:
            await asyncio.shield(self.stop([next(reversed(self._started))]))


async def _end(process: asyncio.subprocess.Process, patience_s: float) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), patience_s)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
