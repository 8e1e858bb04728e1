"""R7: a broker that is frozen, and a network whose other end is gone without a word."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from edgehub.mqtt import KEEPALIVE_S
from tests.fakes.broker import Broker
from tests.system.faults.rig import Rig, until
from tests.system.faults.verdict import Finding

SEEN_WITHIN_S = 2 * KEEPALIVE_S + 1.0
DELIVERS_WITHIN_S = 5.0
MOST_GROWTH_KB = 1024
PASSES = f"noticed ≤ {SEEN_WITHIN_S:.0f} s, RSS +≤ 1 MB, LOST 0, delivering ≤ {DELIVERS_WITHIN_S:.0f} s after"
ABLE = os.geteuid() == 0
NOBODY = "02:00:00:00:de:ad"


def half_open(directory: Path, _times: int = 1) -> list[Finding]:
    """R7: both at once, for most of it is waiting."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda case: case(directory), (_frozen, _unplugged)))


def _frozen(directory: Path) -> Finding:
    with Rig(directory / "frozen", guests=10) as rig:
        return _silenced(rig, "broker frozen, connections open", rig.broker.freeze, rig.broker.thaw)


def _unplugged(directory: Path) -> Finding:
    name = "other end of the network gone (half-open TCP)"
    if not ABLE:
        return Finding.skipped("R7", name, "making networks needs root")
    place = directory / "unplugged"
    place.mkdir(parents=True)
    with network() as (link, host, inside), Rig(place, guests=10, broker=Broker(place, host=host, wrap=inside)) as rig:
        entry = (host, "lladdr", NOBODY, "dev", link, "nud", "permanent")
        return _silenced(
            rig, name, lambda: _ip("neigh", "replace", *entry), lambda: _ip("neigh", "del", host, "dev", link)
        )


@contextmanager
def network() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """A network of two machines: our link, the other's address, and the words that start a program over there."""
    name = f"judge{os.getpid()}"
    here, there = f"10.213.{os.getpid() % 250}.1", f"10.213.{os.getpid() % 250}.2"
    inside = ("ip", "netns", "exec", name)
    _ip("netns", "add", name)
    try:
        _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("addr", "add", f"{here}/30", "dev", name)
        _ip("link", "set", name, "up")
        for words in (("addr", "add", f"{there}/30", "dev", "eth0"), ("link", "set", "eth0", "up")):
            subprocess.run([*inside, "ip", *words], check=True)
        yield name, there, inside
    finally:
        _ip("netns", "del", name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def _silenced(rig: Rig, name: str, silence: Callable[[], None], heal: Callable[[], None]) -> Finding:
    rig.start()
    rig.settle()
    sockets, before_kb = _connections(rig), _rss_kb(rig.gateway.pid)
    silence()
    noticed_s = until(lambda: not sockets & _sockets(rig.gateway.pid), "the gateway gives the connection up", 60)
    grown_kb = _rss_kb(rig.gateway.pid) - before_kb
    heal()
    began = time.monotonic()
    verdict, _ = rig.settle()
    delivered_s = time.monotonic() - began
    value = f"noticed after {noticed_s:.1f} s, RSS {grown_kb:+} kB, delivered {delivered_s:.1f} s after; {verdict}"
    ok = noticed_s <= SEEN_WITHIN_S and delivered_s <= DELIVERS_WITHIN_S and grown_kb <= MOST_GROWTH_KB
    return Finding("R7", name, 1, value, PASSES, ok and verdict.clean)


def _sockets(pid: int) -> set[str]:
    """Inodes of the sockets a process has."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            found.add(str(entry.readlink()))
    return {one[8:-1] for one in found if one.startswith("socket:[")}


def _connections(rig: Rig) -> set[str]:
    """Inodes of the gateway's connections to the broker."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    port = f":{rig.broker.port:04X}"
    return {row[9] for row in rows if row[2].endswith(port)} & _sockets(rig.gateway.pid)


def _rss_kb(pid: int) -> int:
    rows = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(rows["VmRSS"].split()[0])
