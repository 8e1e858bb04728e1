"""R14: SIGTERM while everything hangs: bridge, broker, hub and radio accept what they are told and answer nothing."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgehub.gateway.hue import Key, KeyFile
from tests.fakes.broker import free_port
from tests.system.faults.line import STATUS, Line
from tests.system.faults.rig import ZONES, Rig, until
from tests.system.faults.verdict import Finding

STOPS_WITHIN_S = 5.0


@contextmanager
def silent(family: socket.AddressFamily, address: tuple[str, int] | str) -> Iterator[None]:
    """Somebody who lets everybody connect, and says nothing."""
    with socket.socket(family) as listener:
        listener.bind(address)
        listener.listen(100)
        yield


def told_to_stop(directory: Path, times: int) -> list[Finding]:
    """R14: half of the times with a simulated radio that hangs, half with a message bus that does."""
    directory.mkdir(exist_ok=True)
    bridge, bus = free_port(), str(directory / "bus")
    took, codes = [], set()
    environment = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus}"}
    with (
        silent(socket.AF_INET, ("127.0.0.1", bridge)),
        silent(socket.AF_UNIX, bus),
        Rig(directory, edgehub_yaml=f'hue: {{hall: {{host: "127.0.0.1:{bridge}"}}}}', environment=environment) as rig,
    ):
        KeyFile(rig.state / "hue-keys.json").put("hall", Key("0011223344556677", "u" * 40))
        lit = ZONES.replace("leave_after: 10s}", "leave_after: 10s, lights: {bridge: hall, room: Snacks}}")
        (rig.config / "zones.yaml").write_text(lit)
        rig.start()
        for number in range(times):
            code, took_s = _stop(rig, on_bus=number % 2 == 1)
            took.append(took_s)
            codes.add(code)
        verdict, _ = rig.settle()
    value = f"slowest {max(took):.1f} s, exit codes {sorted(codes, key=str)}, {verdict}"
    ok = max(took) <= STOPS_WITHIN_S and None not in codes and verdict.clean
    passes = f"exit ≤ {STOPS_WITHIN_S:.0f} s each time, LOST 0"
    return [Finding("R14", "SIGTERM with bridge, broker, hub, radio or bus hanging", times, value, passes, ok)]


def _stop(rig: Rig, *, on_bus: bool) -> tuple[int | None, float]:
    """Let everything hang, stop the gateway, let everything go on, and start it again."""
    if on_bus:
        rig.gateway.kill()
        written = (rig.config / "edgehub.yaml").read_text()
        (rig.config / "edgehub.yaml").write_text(written.replace(f'"socket:{rig.radio}"', "bluez"))
        with Line(rig.broker.port, STATUS) as line:
            rig.gateway.start()
            until(lambda: line.status().get("radio", {}).get("state") not in (None, "ok"), "it waits for the bus")
        (rig.config / "edgehub.yaml").write_text(written)
    parts = (rig.broker, rig.hub, rig.crowd)
    for part in parts:
        part.freeze()
    code, took_s = rig.gateway.end(2 * STOPS_WITHIN_S)
    for part in parts:
        part.thaw()
    rig.gateway.start()
    rig.wait_for_events()
    return code, took_s
