"""How late an event loop is: a probe for the loop of a gateway, and on its own for a loop with nothing else to do."""

import asyncio
import json
import sys
from statistics import quantiles
from typing import Any

PROBE_S = 0.005


class Probe:
    """Asks the loop every 5 ms and notes how late the answer is."""

    def __init__(self) -> None:
        self.lags_s: list[float] = []

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PROBE_S
            await asyncio.sleep(PROBE_S)
            self.lags_s.append(loop.time() - due)

    def take(self) -> dict[str, Any]:
        """The lags since the last time, in ms."""
        lags, self.lags_s = self.lags_s, []
        cuts = quantiles(lags, n=100) if len(lags) > 1 else [0.0] * 99
        return {"n": len(lags), "p50": 1e3 * cuts[49], "p99": 1e3 * cuts[98], "max": 1e3 * max(lags, default=0.0)}


async def _idle() -> None:
    probe = Probe()
    running = asyncio.create_task(probe.run())
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(probe.take()), flush=True)
    running.cancel()


if __name__ == "__main__":
    asyncio.run(_idle())
