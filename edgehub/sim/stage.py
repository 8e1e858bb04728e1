"""The stage of the demo: brings up a whole venue on one machine, in the order in which a venue would, and takes it down.

People, packets and lamps are simulated, in this process; broker, hub and gateways are processes of their own.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from edgehub.config import Learned, load_learned, save_learned
from edgehub.gateway.hue import KeyFile
from edgehub.gateway.hue.driver import Driver
from edgehub.sim import broker as brokers
from edgehub.sim.bridge import BridgeEmulator
from edgehub.sim.files import BRIDGE, LAMPS, SCENES, SITE, Wiring, edgehub_yaml, write_registration, zones_yaml
from edgehub.sim.guests import invite
from edgehub.sim.offices import Offices
from edgehub.sim.processes import DemoError, Processes
from edgehub.sim.radio import SimulatedClock, SimulatedRadio
from edgehub.sim.recording import record_survey
from edgehub.sim.venue import CONFERENCE
from edgehub.sim.witness import Witness
from edgehub.sim.world import populate

GATEWAYS = tuple(CONFERENCE.receivers)
UP_WITHIN_S = 60.0
MAX_SOCKET_PATH = 100
"""Unix sockets have short names: 108 bytes with the final zero."""
EDGEHUB = (sys.executable, "-m", "edgehub")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the demo is asked for."""

    directory: Path
    people: int = 40
    speed: float = 1.0
    seed: int = 7
    minutes: float | None = None
    """Of the venue's time; None: until somebody ends it."""
    broker: tuple[str, int] | None = None
    port: int = 8080
    """Of the page."""


class Stage:
    """Everything that stands while the demo runs; an async context that is entered once the doors are open.

    Raises:
        DemoError: on entering, when something does not come up.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self.settings = settings
        self.url = f"http://localhost:{settings.port}/"
        self.guests = invite(settings.people, list(CONFERENCE.rooms), settings.seed)
        self._say = say
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with self._stack:  # whatever fails on the way up, takes down what stands
            await self._build()
            self.wiring = await self._wire()
            self._write_files()
            await self._calibrate()
            await self._pair()
            await self._start()
            await self.while_all_live(self._wait_until_up())
            self.radio.open_doors()
            self.offices.deliver()
            self._stack = self._stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def while_all_live(self, doing: Coroutine[Any, Any, None]) -> None:
        """Do this, unless a process or the simulation fails meanwhile; then raise what failed."""
        tasks = {asyncio.ensure_future(doing), asyncio.ensure_future(self.processes.watch())}
        try:
            done, _ = await asyncio.wait({*tasks, self.radio.running}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def state(self, machine: str) -> Path:
        """Where a machine of the venue keeps what it writes."""
        return self.settings.directory / machine / "state"

    async def _build(self) -> None:
        """The venue itself: people, air, lamps."""
        loop = asyncio.get_running_loop()
        world = populate(CONFERENCE, self.guests, seed=self.settings.seed)
        self.truth = world.truth
        self.clock = SimulatedClock(loop.time(), time.time_ns() // 1000, self.settings.speed)
        self.radio = SimulatedRadio(world, self.clock)
        self.bridge = BridgeEmulator(LAMPS, scenes=SCENES)
        self.witness = Witness(LAMPS, [colour for _, colour in SCENES.values()], loop.time)
        self.bridge.listeners.append(self.witness.note)
        logs = self.settings.directory / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        await self._stack.enter_async_context(self.bridge)
        self._socket = self._short(self.settings.directory / "radio.sock")
        await self._stack.enter_async_context(self.radio.serve(self._socket))
        self.processes = await self._stack.enter_async_context(Processes(logs))

    def _short(self, path: Path) -> Path:
        """This path, or where it is too long for a socket, one in a folder of its own."""
        if len(bytes(path)) <= MAX_SOCKET_PATH:
            return path
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="edgehub-"))) / path.name

    async def _wire(self) -> Wiring:
        """The broker, and with it every address that edgehub.yaml needs."""
        if self.settings.broker is not None:
            host, port = self.settings.broker
            await brokers.reachable(host, port)
            self._say(f"Broker: {host}:{port}, as you said.")
            return Wiring(host, port, "5", self._socket, self.bridge.host)
        broker = await asyncio.to_thread(brokers.choose, self.settings.directory / "mosquitto")
        port = brokers.free_port()
        config = self.settings.directory / "broker.conf"
        config.write_text(broker.config.format(port=port))
        await self.processes.start("broker", [*broker.command, config], broker.env)
        await self.while_all_live(brokers.reachable("127.0.0.1", port))
        self._say(f"Broker: {broker.name}, MQTT {broker.protocol}, port {port}.")
        return Wiring("127.0.0.1", port, broker.protocol, self._socket, self.bridge.host)

    def _write_files(self) -> None:
        """The staff's files: a folder for every machine, as installed on a Pi."""
        zones = zones_yaml(datetime.now().astimezone().date(), _timezone())
        for machine in ("hub", *GATEWAYS):
            config = self.settings.directory / machine / "config"
            config.mkdir(parents=True, exist_ok=True)
            self.state(machine).mkdir(exist_ok=True)
            (config / "zones.yaml").write_text(zones)
            if machine != "hub":
                (config / "edgehub.yaml").write_text(edgehub_yaml(machine, self.wiring))
        write_registration(self.settings.directory / "hub" / "config" / "registration.csv", self.guests)
        hub = self.settings.directory / "hub"
        self.offices = Offices(hub, brokers.free_port(), self._short(hub / "desk.sock"))
        self.offices.write(self.guests)

    async def _calibrate(self) -> None:
        """One walk through every zone, read by the real `edgehub calibrate`; every machine gets what it learned."""
        directory = self.settings.directory
        recording, walks = record_survey(CONFERENCE, directory, seed=self.settings.seed)
        learned = directory / "learned.yaml"
        zones = directory / "hub" / "config" / "zones.yaml"
        await _command("calibrate", "--recording", recording, "--walks", walks, "--zones", zones, "--out", learned)
        survey = load_learned(learned).survey
        for machine in ("hub", *GATEWAYS):
            save_learned(self.state(machine), Learned(survey=survey, plan=CONFERENCE.plan()))
        self._say("Calibrated from one simulated walk through every zone.")

    async def _pair(self) -> None:
        """Press the link button and pair with the real code; every gateway gets the key, as staff would copy it."""
        self.bridge.press_link_button()
        key = await asyncio.to_thread(Driver(self.bridge.host).pair, "edgehub#demo")
        for gateway in GATEWAYS:
            KeyFile(self.state(gateway) / "hue-keys.json").put(BRIDGE, key)
        self._say(f"Hue bridge: emulated at {self.bridge.host}; link button pressed, paired.")

    async def _start(self) -> None:
        await self.processes.start("hub", [*EDGEHUB, *self._hub()])
        for gateway in GATEWAYS:
            folder = self.settings.directory / gateway
            await self.processes.start(
                gateway, [*EDGEHUB, "run", "--config", folder / "config", "--state", folder / "state"]
            )
        self._say(f"Started one hub and {len(GATEWAYS)} gateways, each a process of its own …")

    def _hub(self) -> list[str | Path]:
        wiring, config = self.wiring, self.settings.directory / "hub" / "config"
        return [
            "hub",
            *("--site", SITE),
            *("--host", wiring.broker_host, "--port", str(wiring.broker_port), "--protocol", wiring.protocol),
            *("--db", self.state("hub") / "hub.db"),
            *("--registration", config / "registration.csv", "--zones", config / "zones.yaml"),
            *("--learned", self.state("hub") / "learned.yaml"),
            *("--page", f"127.0.0.1:{self.settings.port}", "--speed", str(self.settings.speed)),
            *self.offices.options(),
        ]

    async def _wait_until_up(self) -> None:
        """Wait until every gateway hears the radio and the page answers."""
        try:
            async with asyncio.timeout(UP_WITHIN_S):
                while self.radio.connected != frozenset(GATEWAYS):  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(0.05)
                await brokers.reachable("127.0.0.1", self.settings.port)
        except TimeoutError:
            missing = ", ".join(sorted(set(GATEWAYS) - self.radio.connected)) or "the page"
            raise DemoError(f"Not up after {UP_WITHIN_S:.0f} s: {missing}.") from None


def _timezone() -> str:
    """The name of this machine's time zone; UTC when it has none."""
    return str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2] or "UTC"


async def _command(*words: str | Path) -> None:
    """Run a command of edgehub to its end."""
    process = await asyncio.create_subprocess_exec(
        *EDGEHUB, *map(str, words), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise DemoError(f"edgehub {words[0]} failed:\n{output.decode(errors='replace')}")
