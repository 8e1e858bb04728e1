"""How late an event loop is: a probe for the loop of a gateway, and on its own for a loop with nothing else to do."""

import asyncio
import json
import sys
from array import array
from typing import Any

PROBE_S = 0.005


class Probe:
    """Asks the loop every 5 ms and notes how late the answer is."""

    def __init__(self) -> None:
        self.lags_s = array("d")  # as small as can be: it lives in the process whose memory is measured

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PROBE_S
            await asyncio.sleep(PROBE_S)
            self.lags_s.append(loop.time() - due)

    def take(self) -> dict[str, Any]:
        """The lags since the last time, in ms."""
        lags, self.lags_s = sorted(self.lags_s) or [0.0], array("d")
        p50, p99 = (1e3 * lags[len(lags) * percent // 100] for percent in (50, 99))
        return {"n": len(lags), "p50": p50, "p99": p99, "max": 1e3 * lags[-1]}


async def _idle() -> None:
    probe = Probe()
    running = asyncio.create_task(probe.run())
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(probe.take()), flush=True)
    running.cancel()


if __name__ == "__main__":
    asyncio.run(_idle())
