"""A venue of processes for one measurement: broker, hub, bridge, radio, and a gateway with a probe in it."""

import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from speed_air import GUESTS, GUESTS_FROM  # noqa: E402
from speed_peers import cache  # noqa: E402 - the path is set above
from speed_stream import MAJOR, VENUE_UUID, Badge  # noqa: E402

from edgehub.gateway.hue import KeyFile  # noqa: E402
from edgehub.gateway.hue.keys import Key  # noqa: E402
from edgehub.sim import broker as brokers  # noqa: E402

EDGEHUB_YAML = """\
version: 1
site: bench
gateway: pi-bench
mqtt: {{host: 127.0.0.1, port: {port}, protocol: "5"}}
bluetooth: {{source: "socket:{radio}"}}
hue:
  hall: {{host: "{bridge}"}}
{web}
"""
ZONES_YAML = """\
version: 1
badges: {{ibeacon: "{uuid}/{major}"}}
zones:
  lounge:
    name: Lounge
    heard_by: [pi-bench]
    lights: {{bridge: hall, room: Lounge, idle: Warm, people: favourite colours}}
  coffee: {{name: Coffee stand, heard_by: [pi-2]}}
  bacon:  {{name: Bacon table,  heard_by: [pi-3]}}
  acme:   {{name: Acme booth}}
  birch:  {{name: Birch booth}}
  cobalt: {{name: Cobalt booth}}
  foyer:  {{name: Foyer}}
"""


@dataclass(frozen=True)
class Plan:
    """What the venue of a measurement is like."""

    badges: int
    per_s: float
    """Adverts in a second of decision time, phones' included."""
    speed: float = 1.0
    arrival_every_s: float = 0.0
    """How often a guest who likes light comes in; 0 never."""
    bridge_delay_s: float = 0.0
    page: bool = False


class Host:
    """The gateway under measurement."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def snapshot(self) -> dict[str, Any]:
        """What it has used and done so far."""
        return one_line(self._process, "")


def one_line(process: "subprocess.Popen[str]", question: str) -> dict[str, Any]:
    """Ask a process a line; its answer, a line of JSON."""
    assert process.stdin is not None
    print(question, file=process.stdin, flush=True)
    return _json(process)


@contextmanager
def venue(plan: Plan) -> Iterator[Host]:
    """Bring everything up, the gateway last; everything is gone afterwards."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgehub-bench-")))
        port = broker(stack, home)
        bridge = _json(start(stack, "speed_lamps.py", str(plan.bridge_delay_s)))
        _configure(home, plan, port, bridge)
        hub(
            stack,
            home,
            port,
            (
                "--registration",
                str(home / "gateway" / "registration.csv"),
                "--zones",
                str(home / "gateway" / "zones.yaml"),
            ),
        )
        radio = [str(home / "radio"), str(plan.badges), str(plan.per_s), str(plan.speed), str(plan.arrival_every_s)]
        _json(start(stack, "speed_air.py", *radio))
        host = Host(start(stack, "speed_host.py", str(home / "gateway"), str(home / "state")))
        time.sleep(1.0)
        yield host


def _configure(home: Path, plan: Plan, port: int, bridge: dict[str, str]) -> None:
    web = f'web: {{listen: "127.0.0.1:{brokers.free_port()}"}}' if plan.page else ""
    edgehub_yaml = EDGEHUB_YAML.format(port=port, radio=home / "radio", bridge=bridge["host"], web=web)
    (home / "gateway").mkdir()
    (home / "gateway" / "edgehub.yaml").write_text(edgehub_yaml)
    (home / "gateway" / "zones.yaml").write_text(ZONES_YAML.format(uuid=VENUE_UUID, major=MAJOR))
    _register(home / "gateway" / "registration.csv", plan)
    KeyFile(home / "state" / "hue-keys.json").put("hall", Key(bridge["id"], bridge["key"], "http"))


def _register(path: Path, plan: Plan) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["badge", "first_name", "colour", "bands", "consent"])
        rng = random.Random(1)
        writer.writerows([Badge(n, rng).key, "Ada", "", "", "analytics"] for n in range(1, plan.badges + 1))
        colours = ("#ff0000", "#00ff00", "#0000ff", "#ff8800", "#8800ff")
        for n in range(GUESTS_FROM, GUESTS_FROM + GUESTS):
            writer.writerow([n, "Bo", colours[n % len(colours)], "", "lights;analytics"])


def broker(stack: ExitStack, home: Path) -> int:
    """Start a broker; its port."""
    chosen, port = brokers.choose(home / "mosquitto"), brokers.free_port()
    (home / "broker.conf").write_text(chosen.config.format(port=port))
    _spawn(stack, [*chosen.command, str(home / "broker.conf")], stderr=subprocess.DEVNULL, env=chosen.env)
    time.sleep(0.5)
    return port


def hub(stack: ExitStack, home: Path, port: int, files: Sequence[str]) -> None:
    """Start the reference hub."""
    words = ["--site", "bench", "--port", str(port), "--db", str(home / "hub.db"), *files]
    _spawn(stack, [sys.executable, "-m", "edgehub", "hub", *words], stderr=subprocess.DEVNULL)
    time.sleep(1.5)


def start(stack: ExitStack, script: str, *words: str, interpreter: str = sys.executable) -> "subprocess.Popen[str]":
    """Start one of our scripts, which ends when its stdin closes."""
    return _spawn(stack, [interpreter, str(ROOT / "scripts" / "benches" / script), *words])


def _spawn(
    stack: ExitStack, words: list[str], *, stderr: int | None = None, env: Mapping[str, str] | None = None
) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        cwd=ROOT,
        env={**compiled(), **(env or {})},
    )
    stack.callback(_end, process)
    return process


def compiled() -> dict[str, str]:
    """Our environment, with modules compiled as in an installation: compiling at start costs 5 MiB that stay."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**environment, "PYTHONPYCACHEPREFIX": str(cache() / "bytecode")}


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.communicate(timeout=8)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _json(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"a process under measurement has died; its last words are above: {process.args}")
    answer: dict[str, Any] = json.loads(line)
    return answer
