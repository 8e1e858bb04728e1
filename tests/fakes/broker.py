"""A real mosquitto of our own: loopback, a free port, no persistence; killed and started again at will."""

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from edgehub.config import MqttSettings

STARTS_WITHIN_S = 5.0


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """mosquitto as a context manager.

    Args:
        directory: for its configuration and log.
        lines: more lines of configuration.
        anonymous: whether clients without a name may connect.
        host: where it listens.
        wrap: words before its command, such as those that put it into another network.
    """

    def __init__(
        self,
        directory: Path,
        *lines: str,
        anonymous: bool = True,
        host: str = "127.0.0.1",
        wrap: Sequence[str] = (),
    ) -> None:
        self.port = free_port()
        self.host = host
        self._wrap = wrap
        self._log = directory / f"mosquitto-{self.port}.log"
        self._config = directory / f"mosquitto-{self.port}.conf"
        own = [
            f"listener {self.port} {self.host}",
            f"allow_anonymous {str(anonymous).lower()}",
            "persistence false",
            "user root",  # as root it would become a user who may not read the files of a test; else this is ignored
        ]
        self._config.write_text("\n".join([*own, *lines, ""]))
        self._process: subprocess.Popen[bytes] | None = None

    def settings(self, protocol: str = "5") -> MqttSettings:
        """How a client reaches it."""
        return MqttSettings(self.host, self.port, protocol=protocol)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until it listens."""
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        assert program, "these tests need mosquitto: apt install mosquitto (scripts/test does it)"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([*self._wrap, program, "-c", str(self._config)], stdout=log, stderr=log)
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not self._listens():
            assert time.monotonic() < deadline, f"mosquitto does not start: {self._log.read_text()}"
            time.sleep(0.02)

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), 0.5):
            return True
        return False

    def kill(self) -> None:
        """Kill it as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Stop it from answering, with its connections open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
