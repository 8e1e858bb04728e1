"""All doors beside MQTT, composed: HTTP, dropped files, stamps and phones, each ending in the same log of facts."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import structlog

from edgehub.config import ConfigError
from edgehub.config.data_layer import DataLayerSettings, load_data_layer
from edgehub.config.stamps import StampSettings, load_stamps
from edgehub.core.venue import BadgeScheme, Venue
from edgehub.core.wire import Stamp
from edgehub.hub.access import AccessFile
from edgehub.hub.claim import IdentityRules, KindRule
from edgehub.hub.data_layer import DataLayer
from edgehub.hub.desk import SOURCE as STAFF
from edgehub.hub.doors.app import Installations, PhoneApp
from edgehub.hub.doors.collector import Collector
from edgehub.hub.doors.drop import Drop, Report
from edgehub.hub.doors.front import Front, Places
from edgehub.hub.doors.known import StoreGuests, Unmapped, held_stamps
from edgehub.hub.doors.stamps import HELD_FOR_US, Stamps
from edgehub.hub.fact import Take
from edgehub.hub.follow import follow
from edgehub.hub.registration import SOURCE as REGISTRATION
from edgehub.hub.store import HubStore
from edgehub.hub.traces import Traces
from edgehub.web.listen import Listen
from edgehub.web.serving import serving

log = structlog.get_logger("edgehub.hub")


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """Which doors are open."""

    data_layer: Path
    """data_layer.yaml: without it nobody knows what a source means."""
    listen: Listen | None = None
    """Where HTTP is served."""
    drop: Path | None = None
    """The folder with a folder for each source of files."""
    stamps: Path | None = None
    """stamps.yaml."""
    origins: frozenset[str] = frozenset()
    """Web sites whose scripts may write: `https://app.example`."""


class Layer:
    """data_layer.yaml, as it is now; a mistake in an edit keeps what was good.

    Args:
        path: of the file.
        scheme: what counts as a badge here.

    Raises:
        ConfigError: the file has mistakes.
    """

    def __init__(self, path: Path, scheme: BadgeScheme) -> None:
        self._path = path
        self._scheme = scheme
        self.now = DataLayer(load_data_layer(path), scheme)
        self.rules = identity_rules(self.now.settings)
        """As at the start: who is who was found out by these."""

    async def run(self, told: Callable[[DataLayer], None]) -> None:
        """Take up edits, and tell of them. Never returns."""

        async def take(path: Path) -> bool:
            self._take(path)
            told(self.now)
            return True

        await follow(self._path, take)

    def _take(self, path: Path) -> None:
        try:
            read = DataLayer(load_data_layer(path), self._scheme)
        except ConfigError as error:
            log.error("config.refused", why=str(error), keeping="the last good data_layer.yaml")  # noqa: TRY400  # says it all
            return
        if read.settings.kinds != self.now.settings.kinds:
            log.warning("config.restart_needed", file="identity in data_layer.yaml")
        self.now = read


def identity_rules(settings: DataLayerSettings) -> IdentityRules:
    """What data_layer.yaml says of the kinds of identifiers; lists and the staff hand out badges, an app does not."""
    kinds = (KindRule(one.kind, one.most, one.shared, tuple(one.blocked)) for one in settings.kinds)
    lists = (source.id for source in settings.sources.values() if source.door == "file")
    return IdentityRules(*kinds, desks={REGISTRATION, STAFF, *lists})


class Doors:
    """The open doors. `run` until cancelled.

    Args:
        settings: which ones.
        layer: what sources mean.
        store: of the hub; the doors read it, and `take` writes.
        take: keeps facts.
        access: who may come.
        venue: as it is now.
        greet: tells gateways of a stamp that counts.
        wall_us: the wall clock, µs since 1970.

    Raises:
        ConfigError: stamps.yaml has mistakes.
    """

    def __init__(
        self,
        settings: DoorSettings,
        layer: Layer,
        store: HubStore,
        take: Take,
        access: AccessFile,
        *,
        venue: Callable[[], Venue],
        greet: Callable[[Stamp], Awaitable[None]],
        wall_us: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._layer = layer
        self._store = store
        self._wall_us = wall_us
        self._unmapped = Unmapped(store)
        guests = StoreGuests(store, layer.rules)
        self._stamps = Stamps(
            _stamps(settings, venue()), lambda: layer.now, take, guests, confirmed=greet, wall_us=wall_us
        )
        self._drop = (
            None if settings.drop is None else Drop(settings.drop, layer.now, take, wall_us=wall_us, told=self._told)
        )
        collector = Collector(lambda: layer.now, take, unmapped=self._unmapped.note)
        installations = Installations(access)
        app = PhoneApp(venue, take, installations)
        behind = {**collector.doors(), **self._stamps.doors(), **app.doors()}
        self._front = Front(Places(access, behind, installations.holder, settings.origins), wall_us=wall_us)

    def serving(self) -> AbstractAsyncContextManager[str | None]:
        """Serve HTTP while the context lasts; gives its URL, None when it is not to be served. Raises OSError."""
        if self._settings.listen is None:
            return nullcontext()
        return serving(self._front.application(), self._settings.listen)

    async def run(self) -> None:
        """Everything that goes on behind the doors."""
        self._stamps.resume(await held_stamps(self._store, self._wall_us() - HELD_FOR_US))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._layer.run(self._mean), name="hub data layer")
            tasks.create_task(self._stamps.run(), name="hub stamps")
            tasks.create_task(self._unmapped.run(), name="hub unmapped fields")
            if self._drop is not None:
                tasks.create_task(self._drop.run(), name="hub file drop")

    async def forget(self, traces: Traces) -> None:
        """Leave nothing of a guest in files and in what waits here. Raises OSError."""
        self._stamps.forget(traces)
        if self._drop is not None:
            await asyncio.to_thread(self._drop.forget, traces)

    def _mean(self, layer: DataLayer) -> None:
        if self._drop is not None:
            self._drop.layer = layer

    def _told(self, report: Report) -> None:
        self._unmapped.note(report.source, dict.fromkeys(report.unmapped, "text"))


def _stamps(settings: DoorSettings, venue: Venue) -> StampSettings:
    if settings.stamps is None:
        return StampSettings()
    return load_stamps(settings.stamps, {zone.id for zone in venue.zones.values() if zone.sponsor})
