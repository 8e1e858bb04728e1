"""`edgehub learn badge` as a process of its own, listening to a simulated radio or failing to."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from edgehub.config import read_registration
from edgehub.core import airwave
from edgehub.core.advert import APPLE, ESTIMOTE_SERVICE
from edgehub.core.airwave import Hello
from edgehub.core.venue import BadgeScheme
from tests.fakes.bluez import FakeBluez, private_bus

UUID = bytes.fromhex("b9407f30f5f8466eaff925556b57fe6d")
SPEED = 10.0
SCHEME = BadgeScheme("b9407f30-f5f8-466e-aff9-25556b57fe6d", 7)


def write_config(folder: Path, source: str, registration: str = "") -> Path:
    """Write the smallest configuration that listens to `source`."""
    folder.joinpath("edgehub.yaml").write_text(
        f"version: 1\nsite: fair\ngateway: pi-bar\nbluetooth:\n  adapters: [hci0]\n  source: {source}\n"
    )
    folder.joinpath("zones.yaml").write_text(
        "version: 1\nbadges:\n  ibeacon: b9407f30-f5f8-466e-aff9-25556b57fe6d/7\n"
        "zones:\n  bar:\n    name: Bar\n    heard_by: [pi-bar]\n"
    )
    if registration:
        folder.joinpath("registration.csv").write_text("badge,first_name,colour,bands,consent\n" + registration)
    return folder


def minor(number: int) -> bytes:
    """Return the advertising payload of badge `number`."""
    body = b"\x02\x15" + UUID + (7).to_bytes(2, "big") + number.to_bytes(2, "big") + b"\xc5"
    return airwave.advertising_data(((APPLE, body),))


TELEMETRY = airwave.advertising_data(((ESTIMOTE_SERVICE, bytes.fromhex("2247a038d5eb032640000001414447faffffffff")),))
Sender = tuple[int, bytes, int, int]
"""Address, payload, level away from the Pi, level from second 11 on."""


@asynccontextmanager
async def air(path: Path, *senders: Sender) -> AsyncIterator[None]:
    """Simulate a radio in which every sender speaks four times a second."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        name, start = airwave.parse_request(await reader.readline()), loop.time()
        writer.write(airwave.pack_hello(Hello(500.0, SPEED, 0, name)))
        with suppress(ConnectionError):
            while not reader.at_eof():
                passed = (loop.time() - start) * SPEED
                for address, payload, away, held in senders:
                    level = held if passed > 11.0 else away
                    writer.write(airwave.pack_record(500.0 + passed, level, address.to_bytes(6, "big"), payload))
                await writer.drain()
                await asyncio.sleep(0.25 / SPEED)
        writer.close()

    async with await asyncio.start_unix_server(serve, path):
        yield


async def learn(config: Path, environment: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Run the command; returns exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "edgehub", "learn", "badge", "--config", str(config)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, out.decode(), err.decode()


@pytest.mark.asyncio
async def test_the_held_badge_is_named_with_a_line_that_registers_it(tmp_path):
    """Badge key, all its names, and a line that the registration reader takes as it is."""
    config = write_config(tmp_path, f"socket:{tmp_path}/air")
    async with air(tmp_path / "air", (1, minor(1042), -70, -38), (1, TELEMETRY, -70, -38), (2, minor(1043), -45, -45)):
        code, out, err = await learn(config)
    assert (code, err) == (0, "")
    assert "Badge 1042 (rose by 32 dB to -38 dBm)." in out
    assert "It also calls itself estimote:47a038d5eb032640." in out
    registration = tmp_path / "registration.csv"
    registration.write_text("badge,first_name,colour,bands,consent\n" + out.splitlines()[-1] + "\n")
    assert [guest.badge for guest in read_registration(registration, SCHEME)] == ["1042"]


@pytest.mark.asyncio
async def test_a_badge_with_an_owner_is_told_without_a_name(tmp_path):
    """Staff learn that the badge is taken and where it says so, not whose it is."""
    config = write_config(tmp_path, f"socket:{tmp_path}/air", "1041,Ann,,,\n1042,Kim,teal,,lights\n")
    async with air(tmp_path / "air", (1, minor(1042), -70, -38)):
        code, out, _ = await learn(config)
    assert code == 0
    assert "in registration.csv already, line 3" in out
    assert "Kim" not in out


@pytest.mark.asyncio
async def test_two_badges_together_are_sent_back(tmp_path):
    """Ambiguous: says so, shows both, asks to step back, and the exit code tells a script."""
    config = write_config(tmp_path, f"socket:{tmp_path}/air")
    async with air(tmp_path / "air", (1, minor(1042), -70, -38), (2, minor(1043), -70, -40)):
        code, out, _ = await learn(config)
    assert code == 1
    assert "2 badges came near together" in out
    assert "1042" in out
    assert "1043" in out
    assert "Step back" in out


@pytest.mark.asyncio
async def test_no_badge_near_is_said_with_a_remedy(tmp_path):
    """Nothing rose: how many were heard, and what to look at."""
    config = write_config(tmp_path, f"socket:{tmp_path}/air")
    async with air(tmp_path / "air", (1, minor(1042), -60, -60)):
        code, out, _ = await learn(config)
    assert code == 1
    assert "No badge came near (1 heard)" in out


@pytest.mark.asyncio
async def test_without_a_radio_the_reason_is_one_sentence(tmp_path):
    """No simulated radio: one sentence, exit code 3, no traceback."""
    code, out, err = await learn(write_config(tmp_path, f"socket:{tmp_path}/nobody"))
    assert (code, out) == (3, "")
    assert err.startswith("No radio: no simulated radio at")
    assert "Traceback" not in err


@pytest.mark.asyncio
async def test_a_refusal_of_bluez_is_said_in_plain_words(tmp_path):
    """Another program holds the adapter: said as such, exit code 3."""
    with private_bus() as address:
        async with FakeBluez(address) as bluez:
            bluez.refuse("StartDiscovery", "InProgress")
            config = write_config(tmp_path, "bluez")
            code, out, err = await learn(config, environment={"DBUS_SYSTEM_BUS_ADDRESS": address})
    assert (code, out) == (3, "")
    assert "another program is using hci0" in err


@pytest.mark.asyncio
async def test_a_broken_configuration_is_told_as_elsewhere(tmp_path):
    """Mistakes of the files are printed with file and line, exit code 2."""
    config = write_config(tmp_path, "socket:/nowhere")
    config.joinpath("zones.yaml").write_text("version: 1\nzoens: {}\n")
    code, _, err = await learn(config)
    assert code == 2
    assert "zones.yaml:2" in err
