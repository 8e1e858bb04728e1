"""How late an event loop is: a probe for the loop of a gateway, and on its own for a loop with nothing else to do."""

import asyncio
import json
import sys
from array import array
from typing import Any

PROBE_S = 0.005
BIN_S, BINS = 50e-6, 10_000
"""Lags are counted in bins of 50 µs up to half a second: the probe lives in the process whose memory is measured, so it is
small, and does not grow."""


class Probe:
    """Asks the loop every 5 ms and notes how late the answer is."""

    def __init__(self) -> None:
        self._counts = array("L", bytes(8 * BINS))
        self._most_s = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PROBE_S
            await asyncio.sleep(PROBE_S)
            self._note(loop.time() - due)

    def take(self) -> dict[str, Any]:
        """The lags since the last time, in ms."""
        n = sum(self._counts)
        taken = {"n": n, "p50": self._cut_ms(n * 0.50), "p99": self._cut_ms(n * 0.99), "max": 1e3 * self._most_s}
        self._counts[:] = array("L", bytes(8 * BINS))
        self._most_s = 0.0
        return taken

    def _note(self, lag_s: float) -> None:
        self._counts[min(BINS - 1, int(lag_s / BIN_S))] += 1
        self._most_s = max(self._most_s, lag_s)

    def _cut_ms(self, rank: float) -> float:
        """The upper end of the bin in which this rank lies."""
        below = 0
        for bin_, count in enumerate(self._counts, 1):
            below += count
            if below > rank:
                return 1e3 * bin_ * BIN_S
        return 0.0


async def _idle() -> None:
    probe = Probe()
    running = asyncio.create_task(probe.run())
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(probe.take()), flush=True)
    running.cancel()


if __name__ == "__main__":
    asyncio.run(_idle())
