"""What systemd is told: READY, STATUS, WATCHDOG, RELOADING, STOPPING (sd_notify(3), without a library)."""

import os
import socket
import time
from collections.abc import Mapping


class Service:
    """The wire to the service manager; without one (a terminal, a test) every method does nothing.

    Each message is one datagram. A manager that does not listen right now is no reason to stop: errors are ignored,
    because a missing ``WATCHDOG=1`` already says everything there is to say.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address  # "@" is the abstract namespace
        self._watchdog_s = _half(environ)

    @property
    def watchdog_s(self) -> float | None:
        """How often to call `watchdog`, in s: half of what the unit allows. None: nobody waits for it."""
        return self._watchdog_s

    def ready(self) -> None:
        """The daemon does its work: after start, and again after each `reloading`."""
        self._tell("READY=1")

    def status(self, text: str) -> None:
        """One sentence for ``systemctl status``."""
        self._tell("STATUS=" + " ".join(text.split()))

    def watchdog(self) -> None:
        """The daemon is alive. To be called only by the loop whose life it proves, never by a thread beside it."""
        self._tell("WATCHDOG=1")

    def reloading(self) -> None:
        """A new configuration is being applied; `ready` ends it."""
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={now_us}")

    def stopping(self) -> None:
        """The daemon is on its way out, in order."""
        self._tell("STOPPING=1")

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as sender:
            try:
                sender.sendto(message.encode(), self._address)
            except OSError:
                return


def _half(environ: Mapping[str, str]) -> float | None:
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):  # meant for another process of the unit
        return None
    allowed_us = environ.get("WATCHDOG_USEC", "")
    return int(allowed_us) / 2e6 if allowed_us.isdecimal() and int(allowed_us) > 0 else None
