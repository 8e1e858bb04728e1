"""What systemd hears, on a real datagram socket."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgehub.gateway.service import Service


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket such as systemd's, bound to a path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(2)
        yield listener


def told(manager: socket.socket) -> str:
    """The next message, as text."""
    return manager.recv(4096).decode()


def test_each_method_sends_its_message(manager: socket.socket) -> None:
    """READY, STATUS on one line, WATCHDOG and STOPPING are the words of sd_notify(3)."""
    service = Service({"NOTIFY_SOCKET": manager.getsockname()})

    service.ready()
    service.status("6 zones,\n2 guests")
    service.watchdog()
    service.stopping()

    assert [told(manager) for _ in range(4)] == ["READY=1", "STATUS=6 zones, 2 guests", "WATCHDOG=1", "STOPPING=1"]


def test_a_reload_carries_the_monotonic_time(manager: socket.socket) -> None:
    """The manager tells this reload from an older one by the clock in the message, in microseconds."""
    before = time.monotonic_ns() // 1000
    Service({"NOTIFY_SOCKET": manager.getsockname()}).reloading()

    first, second = told(manager).split("\n")

    assert first == "RELOADING=1"
    assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000


def test_an_abstract_socket_works_too() -> None:
    """Containers hand out names that begin with @."""
    name = f"edgehub-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name)
        listener.settimeout(2)
        Service({"NOTIFY_SOCKET": "@" + name}).ready()
        assert told(listener) == "READY=1"


def test_nobody_listening_is_no_error(tmp_path: Path) -> None:
    """On a terminal, with a socket that is gone, or with a full one, the daemon goes on."""
    Service({}).ready()
    Service({"NOTIFY_SOCKET": str(tmp_path / "gone")}).watchdog()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        service = Service({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        began = time.monotonic()
        for _ in range(2000):
            service.status("x" * 2000)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("environ", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_at_half_its_time(environ: dict[str, str], watchdog_s: float | None) -> None:
    """Half of WatchdogSec, and only by the process it is meant for."""
    assert Service(environ).watchdog_s == watchdog_s
