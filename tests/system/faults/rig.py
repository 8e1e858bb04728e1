"""The rig: a real gateway, hub and broker as processes on a crowded simulated radio, each to be killed at will."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.fakes.air import UUID
from tests.fakes.broker import Broker
from tests.fakes.crowd import FIRST
from tests.system.faults.evidence import Accepted, HubRecord, Identity
from tests.system.faults.verdict import Verdict, judge

ROOT = Path(__file__).parents[3]
SITE, GATEWAY = "judge", "pi-judge"
STARTS_WITHIN_S = 30.0
DRAIN_S = 60.0
"""The design's pass figure of R1."""
ZONES = f"""version: 1
badges: {{ibeacon: "{UUID}/1"}}
zones:
  bacon: {{name: Bacon table, heard_by: [{GATEWAY}], leave_after: 10s}}
"""


class Part:
    """A process of the rig.

    Args:
        log: where it writes.
        command: words after the Python of this environment.
        wrap: words before it: strace, faketime.
        environment: added to ours.
    """

    def __init__(
        self, log: Path, *command: str, wrap: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        self.command = [*wrap, sys.executable, "-m", *command]
        self.environment = {**os.environ, **(environment or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self.starts += 1

    @property
    def alive(self) -> bool:
        """True while it runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self.process is not None
        return self.process.pid

    def send(self, number: signal.Signals) -> None:
        """Signal it."""
        assert self.process is not None
        self.process.send_signal(number)

    def freeze(self) -> None:
        """Stop it where it stands, connections open."""
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        """`kill -9`."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()

    def end(self, within_s: float = 10.0) -> tuple[int | None, float]:
        """SIGTERM: the exit code, None when it had to be killed, and how long it took, s."""
        assert self.process is not None
        began = time.monotonic()
        self.process.terminate()
        code: int | None = None
        with suppress(subprocess.TimeoutExpired):
            code = self.process.wait(within_s)
        took_s = time.monotonic() - began
        self.kill()
        return code, took_s

    def said(self) -> str:
        """All it wrote."""
        return self.log.read_text(errors="replace")


class Rig:
    """One gateway, one hub, one broker, and the judge's eyes. Use as ``with``; `start` starts all of it.

    Args:
        directory: everything is in it.
        guests: of the crowd; 0 for a silent radio.
        gateway_as: a sabotage of `tests.fakes.sabotaged` for the gateway.
        hub_as: the same for the hub.
        broker_lines: more configuration of mosquitto.
        broker: another one than that.
        edgehub_yaml: more of that file.
        state: the gateway's folder, when it is not to be in ``directory``.
        wrap: words before the gateway's command.
        environment: added to the gateway's.
        bus: address of a message bus: the guests are on a fake BlueZ there, and the gateway lives by its own clocks.
    """

    def __init__(
        self,
        directory: Path,
        *,
        guests: int = 40,
        gateway_as: str | None = None,
        hub_as: str | None = None,
        broker_lines: Sequence[str] = (),
        broker: Broker | None = None,
        edgehub_yaml: str = "",
        protocol: str = "5",
        state: Path | None = None,
        wrap: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        bus: str | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.broker = broker or Broker(directory, *broker_lines)
        self.config, self.state = directory / "config", state or directory / "state"
        self.guests = guests
        self.radio = directory / "radio"
        self._write_files(edgehub_yaml, protocol, "bluez" if bus else f"socket:{self.radio}")
        run = (*_product(gateway_as), "run", "--config", str(self.config), "--state", str(self.state))
        environment = {**(environment or {}), **({"DBUS_SYSTEM_BUS_ADDRESS": bus} if bus else {})}
        self.gateway = Part(directory / "gateway.log", *run, wrap=wrap, environment=environment)
        self.hub = Part(directory / "hub.log", *_product(hub_as), *self._hub_words(protocol))
        self.crowd = Part(
            directory / "crowd.log", "tests.fakes.crowd", str(self.radio), str(guests), *(["--bus", bus] if bus else [])
        )
        self.accepted = Accepted(GATEWAY, self.state / "journal.db")
        self.record = HubRecord(directory / "hub.db")
        self.faults = 0

    def _write_files(self, edgehub_yaml: str, protocol: str, source: str) -> None:
        self.config.mkdir(exist_ok=True)
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.config / "edgehub.yaml").write_text(
            f"version: 1\nsite: {SITE}\ngateway: {GATEWAY}\n"
            f'mqtt: {{host: {self.broker.host}, port: {self.broker.port}, protocol: "{protocol}"}}\n'
            f'bluetooth: {{source: "{source}"}}\nlogs: {{level: warning}}\n{edgehub_yaml}\n'
        )
        (self.config / "zones.yaml").write_text(ZONES)
        rows = "".join(f"{FIRST + number},G{number},,,lights;analytics\n" for number in range(max(1, self.guests)))
        (self.config / "registration.csv").write_text(f"badge,first_name,colour,bands,consent\n{rows}")

    def _hub_words(self, protocol: str) -> list[str]:
        words = [
            "hub",
            "--site",
            SITE,
            "--host",
            self.broker.host,
            "--port",
            str(self.broker.port),
            "--db",
            str(self.directory / "hub.db"),
        ]
        files = ["--registration", str(self.config / "registration.csv"), "--zones", str(self.config / "zones.yaml")]
        return [*words, "--protocol", protocol, *files]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for part in (self.gateway, self.hub, self.crowd, self.broker):
            with suppress(ProcessLookupError):
                part.kill()

    def start(self) -> None:
        """Start everything; returns when the gateway writes events down."""
        self.broker.start()
        self.start_hub()
        self.start_crowd()
        self.gateway.start()
        self.wait_for_events()

    def start_hub(self) -> None:
        """Start the hub, with the judge's trigger in its database from before its first event."""
        self.hub.start()
        until(self.record.attach, "the hub makes its tables")

    def start_crowd(self) -> None:
        """Start the simulated radio; returns when it can be connected to."""
        self.crowd.start()
        until(self.radio.exists, "the radio is on the air")

    def wait_for_events(self, more: int = 5) -> None:
        """Wait until the gateway has written down so many events more."""
        self.accepted.look()
        before = len(self.accepted.hashes)
        until(lambda: self.accepted.look() >= 0 and len(self.accepted.hashes) >= before + more, "events are accepted")

    # --- faults

    def strike(self, part: "Part | Broker", chance: random.Random) -> None:
        """Freeze a process for a moment, in which others still believe in it; kill it; start it again."""
        part.freeze()
        time.sleep(chance.uniform(0.0, 0.3))
        part.kill()
        self.accepted.look()
        part.start()
        self.faults += 1

    # --- judging

    def verdict(self, due: set[Identity] | None = None) -> Verdict:
        """How it stands."""
        return judge(self.accepted, self.record, due)

    def settle(self, within_s: float = DRAIN_S) -> tuple[Verdict, float]:
        """Wait until everything accepted by now, fresh events among it, is at the hub; the verdict and the wait, s."""
        self.wait_for_events()
        due = self.accepted.identities()
        began = time.monotonic()
        while True:
            verdict = self.verdict(due)
            took_s = time.monotonic() - began
            if not verdict.lost or took_s > within_s:
                self.accepted.look()
                return verdict, took_s
            time.sleep(0.25)


def _product(sabotage: str | None) -> tuple[str, ...]:
    return ("edgehub",) if sabotage is None else ("tests.fakes.sabotaged", sabotage)


def until(fact: Callable[[], object], what: str, within_s: float = STARTS_WITHIN_S) -> float:
    """Wait until something is so; how long it took, s. Raises TimeoutError when it never is."""
    began = time.monotonic()
    while not fact():
        if time.monotonic() > began + within_s:
            raise TimeoutError(f"not within {within_s:g} s: {what}")
        time.sleep(0.02)
    return time.monotonic() - began
