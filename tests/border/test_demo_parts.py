"""What the demo is made of, each part on the real thing: brokers, processes, the staff's files."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from edgehub.config import load, save_learned
from edgehub.config.learned import Learned
from edgehub.sim import broker as brokers
from edgehub.sim.files import Wiring, edgehub_yaml, write_registration, zones_yaml
from edgehub.sim.guests import invite
from edgehub.sim.processes import DemoError, ProcessDied, Processes
from edgehub.sim.venue import CONFERENCE

WIRING = Wiring("127.0.0.1", 1883, "5", Path("radio.sock"), "127.0.0.1:8001")


async def until(happens: Callable[[], bool]) -> None:
    """Wait until another process has done it."""
    async with asyncio.timeout(5):
        while not happens():  # noqa: ASYNC110 - there is no event from another process
            await asyncio.sleep(0.02)


def gone(pid: int) -> bool:
    """Ended, even if nobody has asked for its exit code yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


def test_the_staffs_files_of_the_demo_are_without_a_mistake(tmp_path: Path) -> None:
    """What the demo writes loads as a venue's own files would, plan included; every guest is registered."""
    (tmp_path / "zones.yaml").write_text(zones_yaml(date(2026, 11, 23), "Europe/Berlin"))
    (tmp_path / "edgehub.yaml").write_text(edgehub_yaml("pi-bar", WIRING))
    write_registration(tmp_path / "registration.csv", invite(50, list(CONFERENCE.rooms), 1))
    save_learned(tmp_path / "learned.yaml", Learned(plan=CONFERENCE.plan()))
    config = load(tmp_path, tmp_path)
    assert config.warnings == ()
    assert set(config.venue.zones) == set(CONFERENCE.rooms)
    assert {receiver for zone in config.venue.zones.values() for receiver in zone.heard_by} == set(CONFERENCE.receivers)
    assert set(config.venue.markers) == set(CONFERENCE.markers)
    assert config.registration is not None
    assert len(config.registration.rows) == 50
    assert config.registration.problems == ()


@pytest.mark.asyncio
@pytest.mark.parametrize("choose", [brokers.installed, brokers.in_python])
async def test_each_broker_starts_and_listens(choose, tmp_path: Path) -> None:
    """The installed mosquitto and amqtt take connections with the configuration the demo writes."""
    broker = choose()
    assert broker is not None
    port, config = brokers.free_port(), tmp_path / "broker.conf"
    config.write_text(broker.config.format(port=port))
    async with Processes(tmp_path) as processes:
        await processes.start("broker", [*broker.command, config], broker.env)
        await brokers.reachable("127.0.0.1", port)


@pytest.mark.long
def test_mosquitto_is_unpacked_where_it_is_not_installed(tmp_path: Path) -> None:
    """Debian's packages, downloaded and unpacked without root, hold a broker that runs. Needs a Debian mirror."""
    broker = brokers.unpacked(tmp_path)
    assert broker is not None
    assert broker.protocol == "5"


@pytest.mark.asyncio
async def test_no_process_outlives_the_demo(tmp_path: Path) -> None:
    """Polite or stubborn, whatever was started is gone afterwards."""
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    async with Processes(tmp_path, patience_s=0.5) as processes:
        first = await processes.start("polite", [sys.executable, "-c", "import time; time.sleep(60)"])
        second = await processes.start("stubborn", [sys.executable, "-c", stubborn])
        await until(lambda: "up" in (tmp_path / "stubborn.log").read_text())
    for pid in (first, second):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.asyncio
async def test_a_process_that_dies_is_told_with_its_last_words(tmp_path: Path) -> None:
    """Whoever starts the demo reads which process died, and the end of its log."""
    async with Processes(tmp_path) as processes:
        await processes.start("pi-bar", [sys.executable, "-c", "print('no radio here'); raise SystemExit(2)"])
        with pytest.raises(ProcessDied, match=r"pi-bar ended by itself \(exit 2\)[\s\S]*no radio here"):
            await processes.watch()


@pytest.mark.asyncio
async def test_children_go_when_the_demo_is_killed(tmp_path: Path) -> None:
    """Even kill -9 of the demo leaves no gateway and no broker behind, not even one that root started."""
    broker = brokers.installed()
    assert broker is not None
    port, config = brokers.free_port(), tmp_path / "broker.conf"
    config.write_text(broker.config.format(port=port))
    script = (
        "import asyncio, sys, pathlib\n"
        "from edgehub.sim.processes import Processes\n"
        "async def main():\n"
        "    async with Processes(pathlib.Path(sys.argv[1])) as processes:\n"
        "        print(await processes.start('gateway', ['sleep', '60']), flush=True)\n"
        "        print(await processes.start('broker', sys.argv[2:]), flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, str(tmp_path), *broker.command, str(config)), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    children = [int(await parent.stdout.readline()) for _ in range(2)]
    await brokers.reachable("127.0.0.1", port)
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    await until(lambda: all(map(gone, children)))


@pytest.mark.asyncio
async def test_a_broker_that_does_not_answer_is_named() -> None:
    """A wrong --broker is said with its address."""
    port = brokers.free_port()
    with pytest.raises(DemoError, match=f"127.0.0.1:{port}"):
        await brokers.reachable("127.0.0.1", port, within_s=0.2)
