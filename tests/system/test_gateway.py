"""The gateway as its own process, on a simulated radio, a bridge that answers, a real broker and the real hub."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from edgehub.gateway.hue import Key, KeyFile
from edgehub.sim.bridge import BridgeEmulator
from tests.fakes.air import UUID, Air
from tests.fakes.bluez import FakeBluez, private_bus
from tests.fakes.broker import Broker

ROOT = Path(__file__).parents[2]
ADA, ADAS_COLOUR = 1042, "#ff0000"
BOB, BOBS_COLOUR = 1043, "#0000ff"
REGISTRATION = f"""badge,first_name,colour,bands,consent
{ADA},Ada,{ADAS_COLOUR},,lights;offers
{BOB},Bob,{BOBS_COLOUR},,lights
"""
ZONES = f"""
version: 1
badges: {{ibeacon: "{UUID}/1"}}
zones:
  bacon:
    name: Bacon table
    heard_by: [pi-bacon]
    lights: {{bridge: hall, room: Snacks, idle: Amber, people: favourite colours}}
"""


class Site:
    """A venue of one gateway, on the disk and as processes."""

    def __init__(self, directory: Path, air: Air, bridge: BridgeEmulator, broker: Broker) -> None:
        self.config, self.state = directory / "config", directory / "state"
        self.air, self.bridge, self.broker = air, bridge, broker
        self.database = directory / "hub.db"
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.config.mkdir()
        self.state.mkdir(mode=0o700)
        self.write("edgehub.yaml", self._installation())
        self.write("zones.yaml", ZONES)
        self.write("registration.csv", REGISTRATION)
        KeyFile(self.state / "hue-keys.json").put("hall", Key(bridge.bridge_id, bridge.add_user()))

    def _installation(self) -> str:
        return (
            f"version: 1\nsite: test\ngateway: pi-bacon\nmqtt: {{host: 127.0.0.1, port: {self.broker.port}}}\n"
            f'bluetooth: {{source: "socket:{self.air.path}"}}\nhue:\n  hall: {{host: "{self.bridge.host}"}}\n'
        )

    def write(self, name: str, text: str) -> None:
        (self.config / name).write_text(text)

    async def start(self, name: str, *words: str, **environment: str) -> None:
        self.processes[name] = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "edgehub", *words),
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )

    async def start_gateway(self) -> None:
        self.air.listening.clear()
        await self.start("gateway", "run", "--config", str(self.config), "--state", str(self.state))
        async with asyncio.timeout(20):
            await self.air.listening.wait()

    async def start_hub(self) -> None:
        registration, zones = self.config / "registration.csv", self.config / "zones.yaml"
        words = ("hub", "--site", "test", "--port", str(self.broker.port), "--db", str(self.database))
        await self.start("hub", *words, "--registration", str(registration), "--zones", str(zones))

    async def end(self, name: str, number: signal.Signals = signal.SIGTERM) -> tuple[int, float, str]:
        """Exit code, seconds it took, and what was said on stderr."""
        process, began = self.processes.pop(name), time.monotonic()
        if process.returncode is None:
            process.send_signal(number)
        _, said = await process.communicate()
        return process.returncode or 0, time.monotonic() - began, said.decode()

    async def end_all(self) -> None:
        for name in list(self.processes):
            await self.end(name, signal.SIGKILL)

    def query(self, sql: str) -> list[Any]:
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(sql).fetchall()

    def stay_at_hub(self) -> dict[str, Any]:
        """The one stay the hub knows of."""
        (row,) = self.query("select visit, zone, entered_us, left_us from stays")
        return dict(zip(("visit", "zone", "entered_us", "left_us"), row, strict=True))

    def lit(self) -> str:
        return self.bridge.lamp("Snacks 1").rgb


async def until(true: Callable[[], object], within_s: float, what: str) -> float:
    """Wait until something is so; how long it took."""
    began = time.monotonic()
    while time.monotonic() < began + within_s:
        try:
            if true():
                return time.monotonic() - began
        except sqlite3.OperationalError:
            pass  # the hub has not made its tables yet
        await asyncio.sleep(0.02)
    pytest.fail(f"not within {within_s} s: {what}")


@asynccontextmanager
async def venue(directory: Path, *, speed: float = 1.0) -> AsyncIterator[Site]:
    """A site with air and bridge; broker, hub and gateway are started by the test."""
    broker = Broker(directory)
    rooms, scenes = {"Snacks": ["Snacks 1"]}, {"Amber": ("Snacks", "#332200")}
    async with (
        Air(directory / "air", speed=speed).open() as air,
        BridgeEmulator(rooms, scenes=scenes) as bridge,
        AsyncExitStack() as stack,
    ):
        site = Site(directory, air, bridge, broker)
        stack.callback(broker.kill)
        stack.push_async_callback(site.end_all)
        yield site


def count(site: Site, event: str) -> int:
    """How many events of a type are at the hub."""
    return int(site.query(f"select count(*) from events where type = '{event}'")[0][0])


@pytest.mark.asyncio
async def test_lights_need_neither_hub_nor_broker_and_the_hub_gets_everything_later(tmp_path: Path) -> None:
    """Unplugged: the guest's colour within 3 s; plugged in again: the visit is at the hub, with its person."""
    async with venue(tmp_path, speed=8.0) as site:
        await site.start_gateway()
        await until(lambda: site.bridge.log, 10, "the bridge is asked for its rooms")
        before = site.lit()
        walk = asyncio.create_task(site.air.stay(ADA, 480))
        await until(lambda: site.lit() != before and site.lit().startswith("#ff"), 8, "the lamp shows Ada's colour")
        site.broker.start()
        await site.start_hub()
        await until(lambda: count(site, "visit.entered") == 1, 30, "the visit is at the hub")
        walk.cancel()
        await until(lambda: count(site, "visit.left") == 1, 30, "the visit's end is at the hub")
        stay = site.stay_at_hub()
        assert stay["zone"] == "bacon"
        assert stay["left_us"] - stay["entered_us"] > 10_000_000
        _, _, said = await site.end("gateway")
        assert said.count("broker.lost") == 1  # however often it was tried
        assert said.index("nothing listens there") < said.index("broker.found")


@pytest.mark.asyncio
async def test_a_gateway_killed_in_the_middle_of_a_visit_continues_it(tmp_path: Path) -> None:
    """After `kill -9` the same visit goes on after the restart, entered once and left once, with its whole dwell."""
    async with venue(tmp_path, speed=8.0) as site:
        site.broker.start()
        await site.start_hub()
        await site.start_gateway()
        walk = asyncio.create_task(site.air.stay(ADA, 1200))
        await until(lambda: count(site, "visit.entered") == 1, 30, "the visit is at the hub")
        entered = site.stay_at_hub()
        await until(lambda: count(site, "dwell.progress") >= 1, 20, "progress is at the hub")
        await site.end("gateway", signal.SIGKILL)
        await site.start_gateway()
        await until(lambda: count(site, "dwell.progress") >= 3, 30, "the visit goes on")
        walk.cancel()
        await until(lambda: count(site, "visit.left") == 1, 30, "the visit ends")
        stay = site.stay_at_hub()
        assert (stay["visit"], stay["entered_us"]) == (entered["visit"], pytest.approx(entered["entered_us"], abs=1e6))
        assert count(site, "visit.entered") == 1
        assert stay["left_us"] - stay["entered_us"] > 120_000_000


@pytest.mark.asyncio
async def test_a_broken_file_keeps_it_from_starting_and_says_every_mistake(tmp_path: Path) -> None:
    """Exit 2, one message per mistake, with file, line and column."""
    async with venue(tmp_path) as site:
        site.write("zones.yaml", ZONES.replace("heard_by", "herd_by") + "  coffee: {name: Coffee, leave_after: 90}\n")
        site.write("rules.yaml", "version: 1\n")
        await site.start("gateway", "run", "--config", str(site.config), "--state", str(site.state))
        code, _, said = await site.end("gateway", signal.SIGCONT)
        assert code == 2
        assert 'zones.yaml:7:5: "herd_by"' in said
        assert "zones.yaml:9:" in said
        assert "not in this version" in said


@pytest.mark.asyncio
async def test_a_bad_edit_keeps_the_last_good_and_a_good_one_is_taken_up(tmp_path: Path) -> None:
    """Staff may save a mistake in the middle of the party."""
    async with venue(tmp_path, speed=8.0) as site:
        site.broker.start()
        await site.start_hub()
        await site.start_gateway()
        await until(lambda: site.query("select count(*) from people")[0][0] > 0, 20, "the hub has read its files")
        site.write("zones.yaml", ZONES.replace("heard_by", "herd_by"))
        await until(lambda: count(site, "config.refused") == 1, 10, "the mistake is reported")
        walk = asyncio.create_task(site.air.stay(ADA, 600))
        await until(lambda: count(site, "visit.entered") == 1, 30, "the last good one is in force")
        site.write("zones.yaml", ZONES.replace("Bacon table", "Grill"))
        await until(lambda: count(site, "config.applied") == 1, 10, "the mended file is applied")
        walk.cancel()
        await until(lambda: count(site, "visit.left") == 1, 30, "the open visit survived the edit")
        assert count(site, "visit.entered") == 1


@pytest.mark.asyncio
async def test_a_corrupt_journal_is_set_aside_and_reported(tmp_path: Path) -> None:
    """A damaged card is no reason not to light the lamps."""
    async with venue(tmp_path, speed=8.0) as site:
        (site.state / "journal.db").write_bytes(os.urandom(64 * 1024))
        site.broker.start()
        await site.start_hub()
        await site.start_gateway()
        await until(lambda: count(site, "store.corrupt") == 1, 20, "the hub is told")
        assert (site.state / "journal.db.corrupt").exists()
        await site.air.stay(ADA, 30)
        await until(lambda: count(site, "visit.entered") == 1, 20, "the gateway works")


@pytest.mark.asyncio
async def test_an_unknown_badge_leaves_no_trace(tmp_path: Path) -> None:
    """Somebody else's beacon is nowhere in our files, whatever byte one looks at."""
    async with venue(tmp_path, speed=8.0) as site:
        await site.start_gateway()
        await site.air.stay(31337, 30)
        await site.end("gateway")
        for path in site.state.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert b"31337" not in content
                assert (31337).to_bytes(6, "big").hex().encode() not in content


@pytest.mark.asyncio
async def test_an_advert_on_the_bus_becomes_light(tmp_path: Path) -> None:
    """The whole path on real parts: bluetoothd's signals, bleak, the engine, phue, a bridge; and a restart of bluetoothd."""
    with private_bus() as address:
        async with venue(tmp_path) as site, FakeBluez(address) as bluez:
            edgehub_yaml = (site.config / "edgehub.yaml").read_text()
            site.write("edgehub.yaml", edgehub_yaml.replace(f"socket:{site.air.path}", "bluez"))
            words = ("run", "--config", str(site.config), "--state", str(site.state))
            await site.start("gateway", *words, DBUS_SYSTEM_BUS_ADDRESS=address)
            await until(bluez.scanning, 15, "the gateway scans")
            ada = asyncio.create_task(_keep_hearing(bluez, ADA))
            await until(lambda: site.lit() == ADAS_COLOUR, 10, "the lamp shows Ada's colour")
            await bluez.restart()
            await until(bluez.scanning, 15, "it scans again after bluetoothd came back")
            bob = asyncio.create_task(_keep_hearing(bluez, BOB))
            await until(lambda: site.lit().endswith("ff"), 15, "Bob gets his moment")  # as blue as the lamp can
            ada.cancel()
            bob.cancel()


async def _keep_hearing(bluez: FakeBluez, minor: int) -> None:
    payload = bytes.fromhex("0215" + UUID.replace("-", "") + "0001") + minor.to_bytes(2, "big") + b"\xc5"
    while True:
        bluez.hear(f"C0:AD:00:00:{minor >> 8:02X}:{minor & 0xFF:02X}", -50, manufacturer={0x004C: payload})
        await asyncio.sleep(0.5)


@pytest.mark.parametrize(("state", "why"), [("file", "File exists"), ("file/below", "Not a directory")])
def test_a_state_folder_that_cannot_be_is_said_in_a_sentence(tmp_path: Path, state: str, why: str) -> None:
    """What staff can mend has no traceback: one line, exit code 1."""
    (tmp_path / "file").touch()
    (tmp_path / "edgehub.yaml").write_text("version: 1\nsite: test\ngateway: pi-bacon\nlogs: {style: sentence}\n")
    (tmp_path / "zones.yaml").write_text("version: 1\nzones:\n  bacon: {name: Bacon table, heard_by: [pi-bacon]}\n")
    command = [sys.executable, "-m", "edgehub", "run", "--config", str(tmp_path), "--state", str(tmp_path / state)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 1
    assert f"cannot start: the state folder {tmp_path / state} cannot be used ({why})." in done.stderr
    assert len(done.stderr.splitlines()) == 1
