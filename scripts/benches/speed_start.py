"""SPD9: what starting costs: `edgehub --help`, and importing a gateway beside importing the packages it stands on."""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from table import Row

HELP = ["-m", "edgehub", "--help"]
# structlog loads what is in the developers' environment only.
INSTALLED = "import sys; sys.modules['rich'] = sys.modules['greenlet'] = None; "
# What `edgehub run` has loaded with the real radio, which is imported only where it is used; its page is not.
RUN = "import edgehub.cli, edgehub.tools.run, edgehub.logs, edgehub.process, edgehub.gateway.daemon"
RADIO = "edgehub.gateway.radio_bluez"
NAMES = "bleak phue paho.mqtt.client yaml aiosqlite structlog"
GATEWAY = ["-c", f"{INSTALLED}{RUN}, {RADIO}; assert sys.modules.keys() >= set('{NAMES}'.split())"]
SIX = ["-c", f"{INSTALLED}import {NAMES.replace(' ', ', ')}"]


def start(rounds: int) -> list[Row]:
    """SPD9."""
    with tempfile.TemporaryDirectory(prefix="edgehub-bench-") as cache:
        for words in (HELP, GATEWAY, SIX):
            _cpu_ms(words, cache)  # compiles everything once, as installing does
        table = [tuple(_cpu_ms(words, cache) for words in (HELP, GATEWAY, SIX)) for _ in range(2 * rounds)]
    help_ms, gateway_ms, six_ms = (median(column) for column in zip(*table, strict=True))
    times = median(gateway / six for _, gateway, six in table)
    peer = f"the six packages: {six_ms:.0f} ms"
    asked = "≤ 1.3x the six packages (aim 1.1x)"
    return [
        Row("SPD9", "edgehub --help, CPU", help_ms, "ms", "≤ 150 ms (aim 80)", ok=help_ms <= 150),
        Row("SPD9", "import of a gateway without page, CPU", gateway_ms, "ms", asked, peer, times, ok=times <= 1.3),
    ]


def _cpu_ms(words: list[str], cache: str) -> float:
    """CPU of one Python process, ms, with all bytecode in a cache of the bench's own."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = cache
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, *words], check=True, cwd=root, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
