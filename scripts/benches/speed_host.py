"""A real gateway with a probe beside it: `speed_host.py CONFIG STATE`; each line of stdin is answered with a snapshot."""

import asyncio
import json
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]
for _name in ("rich", "greenlet"):  # structlog would load them, and only the developers' environment has them
    sys.modules[_name] = None  # type: ignore[assignment]

from speed_probe import Probe  # noqa: E402 - the path is set above

import edgehub.process  # noqa: E402 - the path is set above
import edgehub.tools.run  # noqa: E402, F401 - a gateway that was started by its command has loaded these too
from edgehub import cli, logs  # noqa: E402, F401
from edgehub.config import fingerprint, load  # noqa: E402
from edgehub.gateway.daemon import Gateway  # noqa: E402


def snapshot(gateway: Gateway, probe: Probe) -> dict[str, Any]:
    """What the gateway has used and done so far."""
    stats = gateway.store.stats()
    return {
        "at_s": time.monotonic(),
        "cpu_s": time.process_time(),
        "rss_mib": _rss_mib(),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "lag_ms": probe.take(),
        "latency_ms": gateway.latencies.summary_ms(),
        "heard": gateway.engine.sightings.heard,
        "dropped": gateway.inbox.dropped + sum(state.dropped for state in gateway.radio.states.values()),
        "people": len(gateway.engine.greeter.where),
        "commits": stats.commits,
        "committed": stats.committed,
        "acknowledged": stats.acknowledged,
        "backlog": stats.backlog,
    }


def _rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


async def host(config: str, state: str) -> None:
    loaded = load(Path(config), Path(state))
    logs.setup("sentence", "warning")
    gateway, probe = Gateway(loaded, fingerprint(Path(config), Path(state))), Probe()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running = [asyncio.create_task(gateway.run()), asyncio.create_task(probe.run())]
    while await reader.readline():
        while not (hasattr(gateway, "engine") or running[0].done()):  # noqa: ASYNC110 - it is still coming up
            await asyncio.sleep(0.05)
        if running[0].done():
            running[0].result()
        print(json.dumps(snapshot(gateway, probe)), flush=True)
    for task in running:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


if __name__ == "__main__":
    asyncio.run(host(sys.argv[1], sys.argv[2]))
