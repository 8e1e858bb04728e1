"""The HTTP doors on loopback, with the shipped data layer, a fact log in memory, and a key for every door."""

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgehub.config.data_layer import load_data_layer
from edgehub.config.stamps import StampPlace, StampSettings
from edgehub.core.venue import BadgeScheme, Marker, Venue, Zone
from edgehub.core.wire import Stamp
from edgehub.hub.access import DOORS, Access, AccessFile, write_access
from edgehub.hub.data_layer import DataLayer
from edgehub.hub.doors.app import Installations, PhoneApp
from edgehub.hub.doors.collector import Collector
from edgehub.hub.doors.front import Front, Places
from edgehub.hub.doors.stamping import Collected
from edgehub.hub.doors.stamps import Stamps
from edgehub.hub.fact import PERSON, Identifier
from edgehub.hub.ledger import Interval
from edgehub.web.listen import Listen
from edgehub.web.serving import serving
from tests.fakes.facts import FactLog

SHIPPED = Path(__file__).parents[2] / "config" / "data_layer.yaml"
NOON_US = 1_795_435_200_000_000
"""2026-11-23T12:00:00Z."""


VENUE = Venue(
    badges=BadgeScheme("f7826da6-4fa2-4e98-8024-bc5b71e0893e", 1),
    zones={name: Zone(name, name.title(), sponsor=True) for name in ("acme", "birch", "cobalt")},
    markers={
        f"{name}-marker": Marker(f"{name}-marker", str(9001 + number), name)
        for number, name in enumerate(("acme", "birch", "cobalt"))
    },
)
STAMPS_OF = {
    "acme-1": StampPlace("acme-1", "acme", serial="DEVSTAMP-1"),
    "birch-1": StampPlace("birch-1", "birch", serial="DEVSTAMP-2"),
    "cobalt-1": StampPlace("cobalt-1", "cobalt", secret="a secret of the cobalt booth"),
}
STAMPS = StampSettings(STAMPS_OF)


@dataclass
class Clock:
    """Both clocks, by hand: wall time in µs since 1970, monotonic in s."""

    wall_us: int = NOON_US
    mono_s: float = 100.0

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self.wall_us += round(seconds * 1e6)
        self.mono_s += seconds


class FakeGuests:
    """What the hub would know: told by a test, and the stamps from the log."""

    def __init__(self, log: FactLog) -> None:
        self._log = log
        self.people: dict[Identifier, str] = {}
        self.stays: dict[str, list[Interval]] = {}

    async def person(self, ids: Sequence[Identifier]) -> str | None:
        """The first that is known."""
        return next((self.people[one] for one in ids if one in self.people), None)

    async def visits(self, person: str, since_us: int) -> Sequence[Interval]:
        """All there are."""
        return [one for one in self.stays.get(person, []) if one.end_us >= since_us]

    async def collected(self, person: str) -> Sequence[Collected]:
        """From the log."""
        mine = Identifier(PERSON, person)
        return [Collected(fact.values["zone"], fact.at_us) for fact in self._log.of("stamp") if mine in fact.ids]


@dataclass
class Lobby:
    """What a test can look at and turn."""

    url: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    """Door → a key that opens it, of the source `app`."""
    log: FactLog = field(default_factory=FactLog)
    clock: Clock = field(default_factory=Clock)
    unmapped: list[tuple[str, str]] = field(default_factory=list)
    greeted: list[Stamp] = field(default_factory=list)
    """What would go to the gateways."""
    guests: FakeGuests = field(init=False)
    stamps: Stamps = field(init=False)

    def __post_init__(self) -> None:
        self.guests = FakeGuests(self.log)

    def note(self, source: str, names: Iterable[str]) -> None:
        """Fields that nobody mapped."""
        self.unmapped.extend((source, name) for name in names)

    async def greet(self, stamp: Stamp) -> None:
        """A stamp that counts."""
        self.greeted.append(stamp)


@contextlib.asynccontextmanager
async def lobby(folder: Path, *, origins: frozenset[str] = frozenset()) -> AsyncIterator[Lobby]:
    """The doors, open."""
    made, access = Lobby(), Access()
    for door in DOORS:
        access, made.keys[door] = access.with_key("app", door)
    write_access(folder / "access.json", access)
    layer = DataLayer(load_data_layer(SHIPPED), BadgeScheme())
    accesses = AccessFile(folder / "access.json")
    collector = Collector(lambda: layer, made.log.take, unmapped=made.note)
    made.stamps = Stamps(STAMPS, lambda: layer, made.log.take, made.guests, confirmed=made.greet, wall_us=lambda: made.clock.wall_us)  # fmt: skip
    installations = Installations(accesses)
    app = PhoneApp(lambda: VENUE, made.log.take, installations)
    doors = {**collector.doors(), **made.stamps.doors(), **app.doors()}
    places = Places(accesses, doors, installations.holder, origins)
    front = Front(places, wall_us=lambda: made.clock.wall_us, clock=lambda: made.clock.mono_s)
    async with serving(front.application(), Listen()) as url:
        made.url = url.rstrip("/")
        yield made
