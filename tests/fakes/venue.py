"""The broker as shipped: a real mosquitto with `config/mosquitto.conf`, its access list, and certificates of `edgehub pki`."""

import contextlib
import getpass
import shutil
import signal
import socket
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from edgehub.config import MqttSettings
from edgehub.tools.authority import Authority
from tests.fakes.broker import free_port

CONFIG = Path(__file__).parents[2] / "config"
SITE = "dv-conference"
STARTS_WITHIN_S = 5.0


class Venue:
    """Authority, broker and machines of a venue. Use as a context manager.

    Args:
        folder: for all its files.
        names: of the machines to issue certificates to, beside the hub.
        without: a line of the configuration to leave out, for negative controls.
    """

    def __init__(self, folder: Path, *names: str, without: str | None = None) -> None:
        self.folder = folder
        self.authority = Authority(folder / "pki", datetime.now(UTC))
        self.authority.create()
        self.certs = self.authority.issue_broker(["localhost"])
        for name in ("hub", *names):
            self.authority.issue(name)
        self.port = free_port()
        self._without = without
        self.log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def settings(self, name: str, *, certified: str | None = None) -> MqttSettings:
        """How a machine reaches the broker, as its edgehub.yaml would say; ``certified``: with whose certificate."""
        own = self.authority.folder / "machines" / (certified or name)
        ca, cert, key = (str(own / file) for file in ("ca.crt", f"{own.name}.crt", f"{own.name}.key"))
        return MqttSettings("localhost", self.port, ca, cert, key)

    def start(self) -> None:
        """Start the broker; only paths, port and the place of the log are not as shipped."""
        shutil.copy(CONFIG / "mosquitto.acl", self.folder / "edgehub.acl")
        text = (CONFIG / "mosquitto.conf").read_text().replace("/etc/mosquitto/certs", str(self.certs))
        text = text.replace("/etc/mosquitto/edgehub.acl", str(self.folder / "edgehub.acl"))
        text = text.replace("listener 8883", f"listener {self.port} 127.0.0.1").replace(
            "log_dest syslog", "log_dest stderr"
        )
        if self._without is not None:
            text = "\n".join(line for line in text.splitlines() if not line.startswith(self._without)) + "\n"
        # Its own user could not read the folder of a test that runs as root.
        (self.folder / "mosquitto.conf").write_text(f"user {getpass.getuser()}\n{text}")
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        assert program, "these tests need mosquitto: apt install mosquitto (scripts/test does it)"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([program, "-c", str(self.folder / "mosquitto.conf")], stderr=log)
        until = time.monotonic() + STARTS_WITHIN_S
        while not self._listens():
            assert time.monotonic() < until, f"mosquitto does not start as shipped: {self.log.read_text()}"
            time.sleep(0.02)

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.5):
            return True
        return False

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """As after an edit."""
        self.stop()
        self.log.write_bytes(b"")
        self.start()
