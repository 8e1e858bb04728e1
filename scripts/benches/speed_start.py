"""SPD9: what starting costs: `edgehub --help`, and importing a gateway beside importing the packages it stands on."""

import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

from table import Row

HELP = ["-m", "edgehub", "--help"]
# The gateway with the real radio, which is imported only where it is used; its page is not.
GATEWAY = ["-c", "import edgehub.gateway.daemon, edgehub.gateway.radio_bluez"]
SIX = ["-c", "import bleak, phue, paho.mqtt.client, yaml, aiosqlite, structlog"]


def start(rounds: int) -> list[Row]:
    """SPD9."""
    _cpu_ms(GATEWAY)  # compiles what was never imported
    table = [(_cpu_ms(HELP), _cpu_ms(GATEWAY), _cpu_ms(SIX)) for _ in range(rounds)]
    help_ms, gateway_ms, six_ms = (median(column) for column in zip(*table, strict=True))
    times = median(gateway / six for _, gateway, six in table)
    peer = f"the six packages: {six_ms:.0f} ms"
    return [
        Row("SPD9", "edgehub --help, CPU", help_ms, "ms", "≤ 150 ms (aim 80)", ok=help_ms <= 150),
        Row(
            "SPD9",
            "import of a gateway without page, CPU",
            gateway_ms,
            "ms",
            "≤ 1.3x the six packages (aim 1.1x)",
            peer,
            times,
            ok=times <= 1.3,
        ),
    ]


def _cpu_ms(words: list[str]) -> float:
    """CPU of one Python process, ms."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, *words], check=True, cwd=root, stdout=subprocess.DEVNULL, env=os.environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
