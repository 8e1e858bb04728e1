"""The hub's composition root: it alone knows the store, the doors, the folder, the staff's files and the page."""

import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL

from edgehub.clock import Clock, boot_id, wall_us
from edgehub.config import MqttSettings
from edgehub.config.data_layer import DataLayerSettings
from edgehub.core.venue import Venue
from edgehub.core.wire import Stamp
from edgehub.hub.access import AccessFile
from edgehub.hub.belief import Trust
from edgehub.hub.board import LEADERS, Board
from edgehub.hub.claim import IdentityRules
from edgehub.hub.clocks import Clocks
from edgehub.hub.definition import usual
from edgehub.hub.fact import Fact, Taken
from edgehub.hub.facts import Facts
from edgehub.hub.folder import Folder
from edgehub.hub.forgetting import Forgetting
from edgehub.hub.gateways import Gateways
from edgehub.hub.guests import Guests
from edgehub.hub.intake import Intake
from edgehub.hub.ledger import Ledger, Stay
from edgehub.hub.lineage import Arrivals, Lineage, lineage
from edgehub.hub.people import Person
from edgehub.hub.retention import Retention
from edgehub.hub.roster import Roster
from edgehub.hub.staff import Staff
from edgehub.hub.store import HubStore, StoreError
from edgehub.hub.terms import Terms, trust_of
from edgehub.process import settle
from edgehub.web.listen import Listen

if TYPE_CHECKING:
    from edgehub.hub.desk import Desk
    from edgehub.hub.doors.opening import Doors, DoorSettings, Layer
    from edgehub.web.login import Login

PICTURE_EVERY_S = 0.5
LEADERS_EVERY_S = 5.0
ABSENT_US = 600_000_000
"""Of who was in no zone for ten minutes the store alone knows the stays; the board shows them as away after five."""
SWITCH_S = 0.001
"""How long the writer's thread may keep the interpreter while a reader waits: of Python's 5 ms a read would wait several."""


@dataclass(frozen=True, slots=True)
class HubSettings:
    """What a hub needs to know.

    ``database`` is a file or the address of a PostgreSQL database. ``zones`` is the file that ``venue`` was read from,
    to follow its edits. ``page`` is where the page listens, or None; ``speed`` is what the page shows of a simulated
    venue's clock; ``boxes`` is where each zone lies on the floor plan: ``[x, y, width, height]``.
    """

    site: str
    mqtt: MqttSettings
    database: Path | URL
    registration: Path | None = None
    venue: Venue = field(default_factory=Venue)
    zones: Path | None = None
    page: Listen | None = None
    access: Path = Path("access.json")
    """Users and keys; the file need not be there."""
    doors: "DoorSettings | None" = None
    """Doors beside MQTT: HTTP, dropped files, stamps, phones."""
    desk: Path | None = None
    """The socket for `edgehub guest`."""
    speed: float = 1.0
    boxes: Mapping[str, Any] = field(default_factory=dict)


class Hub:
    """A running hub. `load` first, `run` until cancelled; `stop` says goodbye."""

    def __init__(self, settings: HubSettings, store: HubStore, layer: "Layer | None" = None) -> None:
        self._settings = settings
        self._store = store
        self._layer = layer
        self.rules = IdentityRules() if layer is None else layer.rules
        self.generation = secrets.token_hex(8)
        self.doors_url: str | None = None
        """Where the HTTP doors are, when they are open."""

    async def load(self) -> None:
        """Read back what the store holds, and put the parts together."""
        settings, store, layer, privacy = self._settings, self._store, self._layer, self._settings.venue.privacy
        people = [Person.of_row(row) for row in await store.select("people")]
        self.ledger = Ledger(Stay(*row) for row in await store.select("stays_of_present", within_us=ABSENT_US))
        self.roster = Roster(people, need_consent=privacy.need_consent)
        clocks = Clocks((gateway, boot, mono, wall) for gateway, boot, mono, wall in await store.select("anchors"))
        self.intake = Intake(self.generation, clocks, self.ledger, need_consent=privacy.need_consent)
        self.guests = Guests(store, self.roster, self.ledger)
        self.folder = Folder(store, self._terms, self.guests.settle)
        self.facts = Facts(store, self.rules)
        self.board = Board(
            settings.site,
            settings.venue,
            self.ledger,
            self.roster,
            wall_us=wall_us,
            speed=settings.speed,
            boxes=settings.boxes,
        )
        self.forgetting = Forgetting(
            store, self.rules, self.guests, online=self.board.online, poke=self.folder.poke, wall_us=wall_us
        )
        self._staff = Staff(
            venue=settings.venue,
            store=store,
            guests=self.guests,
            folder=self.folder,
            rules=self.rules,
            layer=lambda: None if layer is None else layer.now,
            clean=self.forgetting.clean,
            apply=self._apply,
        )
        [(events, visits, conflicts, quarantined, shed)] = await store.select("counts")
        self.board.totals |= {"guests": self.guests.count, "visits": visits, "events": events, "duplicates": 0}
        self.board.totals |= {"conflicts": conflicts, "quarantined": quarantined, "shed": shed, "lost": 0}
        self._gateways = Gateways(
            site=settings.site,
            mqtt=settings.mqtt,
            generation=self.generation,
            store=store,
            intake=self.intake,
            guests=self.guests,
            ledger=self.ledger,
            board=self.board,
            poke=self.folder.poke,
        )
        self.mqtt = self._gateways.mqtt
        self._retention = Retention(store, self.forgetting, lambda: self.venue, Clock(boot_id()))

    @property
    def venue(self) -> Venue:
        """As zones.yaml says now."""
        return self._staff.venue

    @property
    def failing(self) -> str | None:
        """Why the store fails, if it does."""
        return self._store.failing

    async def take(self, facts: Sequence[Fact]) -> Sequence[Taken]:
        """Where every door but the gateways' ends: a `Take`."""
        taken = await self.facts.take(facts)
        self.folder.poke()
        return taken

    async def lineage(self) -> Lineage:
        """The map of where data comes from and what it is used for, with what came in."""
        settings = DataLayerSettings({}, {}, ()) if self._layer is None else self._layer.now.settings
        records = {source: count for source, count in await self._store.select("records")}  # noqa: C416  # rows are tuples of any length
        unmapped = [(source, name, count) for source, name, _, count in await self._store.select("unmapped")]
        return lineage(settings, Arrivals(records, unmapped))

    async def greet(self, stamp: Stamp) -> None:
        """Tell the gateways of its zone of a stamp that counts."""
        await self._gateways.greet(stamp, self.venue)

    async def run(self) -> None:
        """Take in, fold, read the staff's files again when they change, and redraw."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._gateways.run(), name="hub gateways")
            tasks.create_task(self.forgetting.clean(), name="hub clean")
            tasks.create_task(self.folder.run(), name="hub folder")
            tasks.create_task(self._staff.run(self._settings.zones, self._settings.registration), name="hub staff")
            tasks.create_task(self._retention.run(), name="hub retention")
            tasks.create_task(self._redraw(), name="hub board")
            tasks.create_task(self._lead(), name="hub leaders")

    async def stop(self) -> None:
        """Say that events are not taken any more."""
        await self._gateways.stop()

    def _terms(self) -> Terms:
        trust = Trust() if self._layer is None else trust_of(self._layer.now.settings)
        return Terms(venue=self.venue, rules=self.rules, trust=trust, definitions=usual(self.venue))

    def _apply(self, venue: Venue) -> None:
        """Another zones.yaml is in force."""
        self.board.venue = venue
        self.roster.need_consent = self.intake.need_consent = venue.privacy.need_consent

    async def _lead(self) -> None:
        """Tell the board who was where the longest, also of those who have gone; let go of their stays."""
        while True:
            self.ledger.leave_out(self.board.now_us() - ABSENT_US)
            everybody = int(not self.roster.need_consent)
            leaders = {}
            with suppress(StoreError):  # the board shows what it knows
                for zone in self.venue.zones:
                    rows = await self._store.select("dwell_of", zone=zone, limit=LEADERS, all=everybody)
                    leaders[zone] = [(person, dwell_us / 1e6) for person, dwell_us in rows]
                self.board.take_leaders(leaders)
            await asyncio.sleep(LEADERS_EVERY_S)

    async def _redraw(self) -> None:
        while True:
            broker = "online" if self.mqtt.connected else "no broker"
            why = self.failing or self.mqtt.why or self.mqtt.complaint or ""
            self.board.hub = {"state": "failing" if self.failing else broker, "why": why}
            self.board.totals["guests"] = self.guests.count
            await self.board.touch()
            await asyncio.sleep(PICTURE_EVERY_S)


def _login(path: Path, page: Listen) -> "Login":
    """For the page: as soon as there is a user, or others than this machine may come."""
    from edgehub.web.login import Login

    access = AccessFile(path)
    return Login(access.password_of, needed=lambda: not page.loopback or access.has_users, secure=page.tls)


def _layer(settings: HubSettings) -> "Layer | None":
    """What sources mean, where there are any. Raises ConfigError."""
    if settings.doors is None:
        return None
    from edgehub.hub.doors.opening import Layer

    return Layer(settings.doors.data_layer, settings.venue.badges)


def _doors(settings: "DoorSettings", access: Path, hub: Hub, store: HubStore, layer: "Layer") -> "Doors":
    """The doors that are to be open. Raises ConfigError."""
    from edgehub.hub.doors.opening import Doors

    return Doors(
        settings,
        layer,
        store,
        hub.take,
        AccessFile(access),
        venue=lambda: hub.venue,
        greet=hub.greet,
        wall_us=wall_us,
    )


def _desk(hub: Hub, store: HubStore) -> "Desk":
    """What staff ask and say."""
    from edgehub.hub.desk import Desk

    return Desk(store, hub.take, scheme=lambda: hub.venue.badges, wall_us=wall_us, forgetting=hub.forgetting)


async def run_hub(
    settings: HubSettings, *, stop: asyncio.Event, ready: Callable[[Hub, str | None], Awaitable[None]] | None = None
) -> None:
    """Run a hub until ``stop`` is set.

    ``ready`` is told once, with the address of the page if there is one. Raises StoreError when the database cannot
    be opened, OSError when page or doors cannot listen, ConfigError when a file of the doors has mistakes.
    """
    sys.setswitchinterval(SWITCH_S)
    async with AsyncExitStack() as exits:
        store = await exits.enter_async_context(HubStore(settings.database))
        layer = _layer(settings)
        hub = Hub(settings, store, layer)
        await hub.load()
        address = None
        if settings.page is not None:
            from edgehub.hub.doors.desk import add_desk
            from edgehub.web.page import serve

            login = _login(settings.access, settings.page)
            add = partial(add_desk, desk=_desk(hub, store), lineage=hub.lineage)
            address = await exits.enter_async_context(serve(hub.board, settings.page, login=login, add=add))
        if settings.desk is not None:
            from edgehub.hub.doors.desk import at_socket

            await exits.enter_async_context(at_socket(_desk(hub, store), hub.lineage, settings.desk))
        doors = None
        if settings.doors is not None and layer is not None:
            doors = _doors(settings.doors, settings.access, hub, store, layer)
            hub.forgetting.beside.append(doors.forget)
            hub.doors_url = await exits.enter_async_context(doors.serving())
        await exits.enter_async_context(hub.mqtt)
        tasks = await exits.enter_async_context(asyncio.TaskGroup())
        running = [tasks.create_task(hub.run(), name="hub")]
        if doors is not None:
            running.append(tasks.create_task(doors.run(), name="hub doors"))
        settle()
        if ready is not None:
            await ready(hub, address)
        await stop.wait()
        await hub.stop()
        for task in running:
            task.cancel()
