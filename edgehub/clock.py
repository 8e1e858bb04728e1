"""The clocks of this machine, and when the wall clock was set."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from edgehub.core.clock import stepped
from edgehub.core.wire import At

LOOK_EVERY_S = 1.0
SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")
"""Made by systemd-timesyncd once the wall clock has been set from the network."""


def boot_id() -> str:
    """Which boot of this machine: monotonic times of one boot can be compared, of two they cannot."""
    with suppress(OSError):  # a hardened unit hides /proc/sys
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return str(uuid.uuid4())


def wall_us() -> int:
    """The wall clock, µs since 1970."""
    return time.time_ns() // 1000


def clock_quality(synchronized: Path = SYNCHRONIZED) -> str:
    """How far the wall clock is to be trusted; "unknown" where systemd-timesyncd does not keep it."""
    if not synchronized.parent.exists():
        return "unknown"
    return "synced" if synchronized.exists() else "unsynced"


class Clock:
    """Tells this moment on both clocks.

    Args:
        boot: of this boot of the machine.
        synchronized: the file that says that the wall clock was set.
    """

    def __init__(self, boot: str, synchronized: Path = SYNCHRONIZED) -> None:
        self._boot = boot
        self._synchronized = synchronized

    def __call__(self) -> At:
        """Now."""
        quality = clock_quality(self._synchronized)
        return At(self._boot, time.monotonic_ns() // 1000, wall_us(), quality)

    async def steps(self, *, every_s: float = LOOK_EVERY_S) -> AsyncIterator[At]:
        """Yield the moment after the wall clock was set, or began to be trusted: an anchor for what came before."""
        before = self()
        while True:
            await asyncio.sleep(every_s)
            after = self()
            if stepped(before, after):
                yield after
            before = after
