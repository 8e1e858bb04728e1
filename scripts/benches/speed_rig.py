"""A venue of processes for one measurement: broker, hub, bridge, radio, and a gateway with a probe in it."""

import csv
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from speed_air import GUESTS, GUESTS_FROM  # noqa: E402 - the path is set above
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
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the gateway under measurement has died; its last words are above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def venue(plan: Plan) -> Iterator[Host]:
    """Bring everything up, the gateway last; everything is gone afterwards."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgehub-bench-")))
        port = _broker(stack, home)
        bridge = _json(_start(stack, "speed_lamps.py", str(plan.bridge_delay_s)))
        _configure(home, plan, port, bridge)
        _hub(stack, home, port)
        radio = [str(home / "radio"), str(plan.badges), str(plan.per_s), str(plan.speed), str(plan.arrival_every_s)]
        _json(_start(stack, "speed_air.py", *radio))
        host = Host(_start(stack, "speed_host.py", str(home / "gateway"), str(home / "state")))
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


def _broker(stack: ExitStack, home: Path) -> int:
    broker, port = brokers.choose(home / "mosquitto"), brokers.free_port()
    (home / "broker.conf").write_text(broker.config.format(port=port))
    _spawn(stack, [*broker.command, str(home / "broker.conf")], stderr=subprocess.DEVNULL, env=dict(broker.env) or None)
    time.sleep(0.5)
    return port


def _hub(stack: ExitStack, home: Path, port: int) -> None:
    files = ["--registration", home / "gateway" / "registration.csv", "--zones", home / "gateway" / "zones.yaml"]
    words = ["--site", "bench", "--port", port, "--db", home / "hub.db", *files]
    _spawn(stack, [sys.executable, "-m", "edgehub", "hub", *map(str, words)], stderr=subprocess.DEVNULL)
    time.sleep(1.5)


def _start(stack: ExitStack, script: str, *words: str) -> "subprocess.Popen[str]":
    """Start one of our scripts, which ends when its stdin closes."""
    return _spawn(stack, [sys.executable, str(ROOT / "scripts" / "benches" / script), *words])


def _spawn(stack: ExitStack, words: list[str], **options: Any) -> "subprocess.Popen[str]":
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    process = subprocess.Popen(words, **pipes, **options)
    stack.callback(_end, process)
    return process


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.communicate(timeout=8)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _json(process: "subprocess.Popen[str]") -> dict[str, str]:
    assert process.stdout is not None
    answer: dict[str, str] = json.loads(process.stdout.readline())
    return answer
