"""The HTTP doors on loopback, with the shipped data layer, a fact log in memory, and a key for every door."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from edgehub.config.data_layer import load_data_layer
from edgehub.core.venue import BadgeScheme
from edgehub.hub.access import DOORS, Access, AccessFile, write_access
from edgehub.hub.data_layer import DataLayer
from edgehub.hub.doors.collector import Collector
from edgehub.hub.doors.front import Front, Places
from edgehub.web.listen import Listen
from edgehub.web.serving import serving
from tests.fakes.facts import FactLog

SHIPPED = Path(__file__).parents[2] / "config" / "data_layer.yaml"
NOON_US = 1_795_435_200_000_000
"""2026-11-23T12:00:00Z."""


@dataclass
class Clock:
    """Both clocks, by hand: wall time in µs since 1970, monotonic in s."""

    wall_us: int = NOON_US
    mono_s: float = 100.0

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self.wall_us += round(seconds * 1e6)
        self.mono_s += seconds


@dataclass
class Lobby:
    """What a test can look at and turn."""

    url: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    """Door → a key that opens it, of the source `app`."""
    log: FactLog = field(default_factory=FactLog)
    clock: Clock = field(default_factory=Clock)
    unmapped: list[tuple[str, str]] = field(default_factory=list)


@contextlib.asynccontextmanager
async def lobby(folder: Path, *, origins: frozenset[str] = frozenset()) -> AsyncIterator[Lobby]:
    """The doors, open."""
    made, access = Lobby(), Access()
    for door in DOORS:
        access, made.keys[door] = access.with_key("app", door)
    write_access(folder / "access.json", access)
    layer = DataLayer(load_data_layer(SHIPPED), BadgeScheme())
    collector = Collector(
        lambda: layer,
        made.log.take,
        unmapped=lambda source, names: made.unmapped.extend((source, name) for name in names),
    )
    places = Places(AccessFile(folder / "access.json"), collector.doors(), origins=origins)
    front = Front(places, wall_us=lambda: made.clock.wall_us, clock=lambda: made.clock.mono_s)
    async with serving(front.application(), Listen()) as url:
        made.url = url.rstrip("/")
        yield made
