"""A broker for the demo without root: mosquitto as installed, else from unpacked Debian packages, else amqtt.

Any of them will do, even one without sessions: delivery is acknowledged by the hub, the broker is only a wire.
"""

import asyncio
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgehub.sim.processes import DemoError

# What mosquitto needs and a small Debian may lack; names carry the version of the library, which differs by release.
NEEDED = re.compile(
    r"mosquitto|libmosquitto\d.*|libwebsockets\d+.*|libcjson\d.*|libdlt\d.*|libev\d.*|libuv\d.*|libwrap0"
)
DOWNLOAD_S = 60.0
START_S = 15.0

MOSQUITTO = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
log_dest stderr
""" + ("user root\n" if os.geteuid() == 0 else "")  # one that changes its user is not ended with the demo by the kernel
AMQTT = """\
listeners:
  default: {{type: tcp, bind: "127.0.0.1:{port}"}}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin: {{allow_anonymous: true}}
"""


@dataclass(frozen=True, slots=True)
class Broker:
    """How to start a broker."""

    name: str
    protocol: str
    """The newest MQTT it speaks, as edgehub.yaml writes it."""
    command: Sequence[str]
    """Ends with where the configuration file goes."""
    config: str
    env: Mapping[str, str] = field(default_factory=dict)


def choose(directory: Path) -> Broker:
    """The best broker this machine can start without root; raises DemoError when there is none."""
    broker = installed() or unpacked(directory) or in_python()
    if broker is None:
        raise DemoError("No MQTT broker here. Install one (apt install mosquitto), or name yours: --broker HOST:PORT")
    return broker


def installed() -> Broker | None:
    """Mosquitto, when it is installed; Debian puts it where only root looks."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    return Broker("mosquitto", "5", [found, "-c"], MOSQUITTO) if found else None


def unpacked(directory: Path) -> Broker | None:
    """Mosquitto from Debian's packages, downloaded and unpacked into `directory`; None where that fails."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return None
    directory.mkdir(parents=True, exist_ok=True)
    if not list(directory.glob("usr/sbin/mosquitto")):
        try:
            _unpack(directory)
        except (OSError, subprocess.SubprocessError):
            return None
    libraries = ":".join(str(path) for path in directory.glob("usr/lib/*-linux-gnu*"))
    binary = directory / "usr/sbin/mosquitto"
    if not binary.exists():
        return None
    return Broker("mosquitto, unpacked", "5", [str(binary), "-c"], MOSQUITTO, {"LD_LIBRARY_PATH": libraries})


def _unpack(directory: Path) -> None:
    shallow = ["--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances"]
    listing = _run(directory, "apt-cache", "depends", "--recurse", *shallow, "mosquitto")
    _run(directory, "apt-get", "download", *sorted(set(filter(NEEDED.fullmatch, listing.splitlines()))))
    for package in sorted(directory.glob("*.deb")):
        _run(directory, "dpkg-deb", "-x", str(package), ".")


def _run(directory: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=directory, check=True, timeout=DOWNLOAD_S, capture_output=True, text=True)  # noqa: S603 - our own words only
    return done.stdout


def in_python() -> Broker | None:
    """The amqtt package, which speaks MQTT 3.1.1 only."""
    if importlib.util.find_spec("amqtt") is None:
        return None
    return Broker("amqtt", "3.1.1", [sys.executable, "-m", "amqtt.scripts.broker_script", "-c"], AMQTT)


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def reachable(host: str, port: int, *, within_s: float = START_S) -> None:
    """Wait until something listens there; raises DemoError when nothing does."""
    try:
        async with asyncio.timeout(within_s):
            while not await _connects(host, port):  # noqa: ASYNC110 - another process has no event for us
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise DemoError(f"Nothing answers at {host}:{port}, where a server should be.") from None


async def _connects(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True
