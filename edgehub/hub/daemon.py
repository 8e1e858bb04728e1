"""The hub's composition root: broker, store, registration and page; commits before it acknowledges.

Messages that wait together are committed together, so that a busy hub pays for one sync however many gateways speak;
while the disk syncs, the next ones are read.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from sqlalchemy import URL

from edgehub.config import ConfigError, MqttSettings, Registration, load_venue, read_registration
from edgehub.core.venue import Venue
from edgehub.core.wire import Anchor, Ask, Command, HubStatus, Occupancy, SiteTopics, Stamp, Status, WireError, pages
from edgehub.hub.access import AccessFile
from edgehub.hub.births import Births
from edgehub.hub.board import Board
from edgehub.hub.clocks import Clocks
from edgehub.hub.fact import PERSON
from edgehub.hub.follow import follow
from edgehub.hub.intake import Delivery, Intake, Work
from edgehub.hub.ledger import Ledger, Stay
from edgehub.hub.roster import Person, Roster
from edgehub.hub.store import HubStore, StoreError, Transaction
from edgehub.mqtt import Connected, Lost, Message, Mqtt, Will
from edgehub.process import settle
from edgehub.web.listen import Listen

if TYPE_CHECKING:
    from edgehub.hub.doors.opening import Doors, DoorSettings
    from edgehub.web.login import Login

log = structlog.get_logger("edgehub.hub")
T = TypeVar("T")

PICTURE_EVERY_S = 0.5
MOST_READ = 100
"""Messages read ahead of the commit; more wait unread."""
GOODBYE_S = 1.0
DOUBTS_EVERY_S = 5.0
COMMAND_WITHIN_US = 60_000_000
"""A command that arrives later has no effect."""
DOUBLE = "two gateways use this name, so each is heard half of the time; was a card copied? Rename one"
PROFILE_EXPIRY_S = 60
"""Profiles are personal: a broker keeps them no longer for a gateway that is slow."""


@dataclass(frozen=True, slots=True)
class HubSettings:
    """What a hub needs to know.

    ``database`` is a file or the address of a PostgreSQL database. ``zones`` is the file that ``venue`` was read from, to follow its edits. ``page`` is where the page listens, or None; ``speed`` is what the page shows of a simulated venue's clock; ``boxes``
    is where each zone lies on the floor plan: ``[x, y, width, height]``.
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
    speed: float = 1.0
    boxes: Mapping[str, Any] = field(default_factory=dict)


def wall_us() -> int:
    """The wall clock, µs since 1970."""
    return time.time_ns() // 1000


class Hub:
    """A running hub. `run` until cancelled; `stop` says goodbye first."""

    def __init__(self, settings: HubSettings, store: HubStore) -> None:
        self._settings = settings
        self._store = store
        self._topics = SiteTopics(settings.site)
        self.venue = settings.venue
        """As zones.yaml says now; what counts as a badge is as it said at the start."""
        self.generation = secrets.token_hex(8)
        every = self._topics.every
        self.mqtt = Mqtt(
            settings.mqtt,
            f"{settings.site}-hub",
            subscriptions=[
                (every.events("+"), 1),
                (every.ask, 1),
                (every.anchor, 1),
                (every.status, 1),
                (self._topics.zone("+"), 1),
            ],
            will=Will(self._topics.hub_status, HubStatus("offline", self.generation).to_json()),
        )
        self._deliveries: asyncio.Queue[Delivery] = asyncio.Queue(MOST_READ)
        self._changing = asyncio.Lock()
        """Held from reading the roster to changing it: of two changes at once the later would undo the first."""
        self._births = Births()
        self.failing: str | None = None
        self.doors_url: str | None = None
        """Where the HTTP doors are, when they are open."""

    async def load(self) -> None:
        """Read back what the store holds."""
        settings = self._settings
        stays = [Stay(*row) for row in await self._store.select("stays")]
        people = [Person.of_row(row) for row in await self._store.select("people")]
        self.ledger = Ledger(stays)
        self.roster = Roster(people, need_consent=self.venue.privacy.need_consent)
        clocks = Clocks(
            (gateway, boot, mono, wall) for gateway, boot, mono, wall in await self._store.select("anchors")
        )
        self.intake = Intake(self.generation, clocks, need_consent=self.venue.privacy.need_consent)
        self.board = Board(
            settings.site,
            self.venue,
            self.ledger,
            self.roster,
            wall_us=wall_us,
            speed=settings.speed,
            boxes=settings.boxes,
        )
        [(events, visits, conflicts, quarantined, shed)] = await self._store.select("counts")
        self.board.totals = {
            "guests": len(list(self.roster)),
            "visits": visits,
            "events": events,
            "duplicates": 0,
            "conflicts": conflicts,
            "quarantined": quarantined,
            "shed": shed,
            "lost": 0,
        }

    async def run(self) -> None:
        """Take in, read the staff's files again when they change, and redraw."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="hub intake")
            tasks.create_task(self._keep(), name="hub commits")
            tasks.create_task(self._doubt(), name="hub doubts")
            if self._settings.zones is not None:
                tasks.create_task(follow(self._settings.zones, self._read_zones), name="hub zones")
            if self._settings.registration is not None:
                tasks.create_task(follow(self._settings.registration, self._read_registration), name="hub registration")
            tasks.create_task(self._redraw(), name="hub board")

    async def stop(self) -> None:
        """Say that events are not taken any more."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                offline = HubStatus("offline", self.generation).to_json()
                await self.mqtt.publish(self._topics.hub_status, offline, retain=True)
                await self.mqtt.flush(GOODBYE_S)

    # --- messages ---------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        while True:
            for happening in await self.mqtt.take():
                match happening:
                    case Connected():
                        await self._say_online()
                    case Lost(why):
                        log.warning("hub.broker_lost", why=why)
                    case Message():
                        await self._read(happening)

    async def _keep(self) -> None:
        """Commit what was read, all of it at once."""
        while True:
            deliveries = [await self._deliveries.get()]
            while not self._deliveries.empty():
                deliveries.append(self._deliveries.get_nowait())
            await self._commit(deliveries)

    async def _say_online(self) -> None:
        log.info("hub.online", site=self._settings.site, broker=self.mqtt.broker)
        await self.mqtt.publish(self._topics.hub_status, HubStatus("online", self.generation).to_json(), retain=True)

    async def _read(self, message: Message) -> None:
        try:
            gateway, rest = self._topics.read(message.topic)
            match rest.split("/"):
                case ["up", "events", _]:
                    await self._deliveries.put(Delivery.read(gateway, message.payload))
                    await asyncio.sleep(0)  # a commit that has returned is acknowledged before the next is read
                case ["up", "anchor"]:
                    await self._deliveries.put(Delivery(gateway, anchor=Anchor.read(message.payload).at))
                case ["up", "ask"]:
                    await self._answer(gateway, Ask.read(message.payload))
                case ["status"] if gateway != "hub":
                    self._take_status(gateway, Status.read(message.payload))
                case [zone] if gateway == "zones":
                    self.board.take_count(zone, Occupancy.read(message.payload).count)
        except WireError as error:
            log.warning("hub.unreadable", topic=message.topic, why=str(error))

    def _take_status(self, gateway: str, status: Status) -> None:
        known = self.board.take_status(gateway, status)
        if self._births.take(gateway, known, asyncio.get_running_loop().time()):
            log.error("gateway.double", gateway=gateway, why=DOUBLE)

    async def _commit(self, deliveries: Sequence[Delivery]) -> None:
        work = await self._change(lambda transaction: self.intake.take(transaction, deliveries, wall_us()))
        if work is None:
            return  # nothing is acknowledged, so everything comes again
        for stay in work.stays.values():
            self.ledger.put(stay)
        self._count(work)
        self.board.take_lights(work.lights, work.latest_us)
        now = asyncio.get_running_loop().time()
        for gateway, nonce, partition in work.touched:
            epoch, got = work.received[gateway, nonce, partition]
            self._births.see(gateway, epoch, partition, got, now)
        for gateway, ack in self.intake.acks(work):
            await self.mqtt.publish(self._topics.gateway(gateway).ack, ack.to_json())

    def _count(self, work: Work) -> None:
        totals = self.board.totals
        totals["events"] += len(work.events)
        totals["visits"] += work.visits
        totals["duplicates"] += len(work.again)
        totals["quarantined"] += len(work.quarantine)
        totals["shed"] += sum(row["count"] for row in work.shed)

    async def _change(self, work: Callable[[Transaction], T]) -> T | None:
        """What it returned; None while the store fails."""
        try:
            done = await self._store.change(work)
        except StoreError as error:
            self._fail(error)
            return None
        self.failing = None
        return done

    def _fail(self, error: Exception) -> None:
        if self.failing is None:
            log.error("hub.store_failing", why=str(error))
        self.failing = str(error)

    async def _doubt(self) -> None:
        """Ask gateways whose words do not fit together to be born again."""
        while True:
            await asyncio.sleep(DOUBTS_EVERY_S)
            for gateway in self._births.due(asyncio.get_running_loop().time()):
                log.warning("hub.rebirth_asked", gateway=gateway)
                command = Command(secrets.token_hex(8), wall_us() + COMMAND_WITHIN_US, "rebirth")
                await self.mqtt.publish(self._topics.gateway(gateway).command, command.to_json())

    async def _forget_epochs(self, gateway: str, ask: Ask) -> None:
        """What has arrived of epochs that the gateway has nothing of any more is not kept for ever."""
        lost = await self._change(lambda transaction: self.intake.forget(transaction, gateway, ask.marks, wall_us()))
        if lost:
            self.board.totals["lost"] += lost
            log.error("hub.events_lost", gateway=gateway, events=lost)

    async def _answer(self, gateway: str, ask: Ask) -> None:
        topics = self._topics.gateway(gateway)
        for mark in ask.marks:
            ack = await self.intake.ack(self._store, gateway, mark.epoch, mark.partition)
            await self.mqtt.publish(topics.ack, ack.to_json())
        await self._forget_epochs(gateway, ask)
        since = ask.profiles_since
        async with self._changing:
            if since > self.roster.revision and self.roster.revision:
                await self._put(self.roster.restamp(since))
        await self._send_profiles(gateway, since)

    async def _send_profiles(self, gateway: str, since: int) -> None:
        for page in pages(self.roster.since(since), since=since):
            topic = self._topics.gateway(gateway).profiles
            await self.mqtt.publish(topic, page.to_json(), expiry_s=PROFILE_EXPIRY_S)

    async def greet(self, stamp: Stamp) -> None:
        """Tell the gateways of its zone of a stamp that counts."""
        zone = self.venue.zones.get(stamp.zone)
        for gateway in sorted({receiver.partition("/")[0] for receiver in zone.heard_by}) if zone else ():
            topic = self._topics.gateway(gateway).stamp
            await self.mqtt.publish(topic, stamp.to_json(), expiry_s=PROFILE_EXPIRY_S)

    # --- files of the staff -----------------------------------------------------------------------------------------------

    async def _read_zones(self, path: Path) -> bool:
        """Take what it says, but not what counts as a badge; False when what follows could not be stored."""
        try:
            read = load_venue(path)
        except ConfigError as error:
            log.error("config.refused", why=str(error), keeping="the last good zones.yaml")  # noqa: TRY400  # says it all
            return True
        if read.badges != self.venue.badges:  # all guests would be forgotten, and be others
            log.warning("config.restart_needed", file="what counts as a badge in zones.yaml")
        venue = replace(read, badges=self.venue.badges)
        if venue == self.venue:
            return True
        if not await self._need_consent(venue.privacy.need_consent):
            return False
        self.venue = self.board.venue = venue
        log.info("config.applied", zones=len(venue.zones))
        return True

    async def _need_consent(self, need: bool) -> bool:
        """Other profiles travel, and others are remembered; False when that could not be stored."""
        if need == self.venue.privacy.need_consent:
            return True
        self.roster.need_consent = self.intake.need_consent = need
        async with self._changing:
            before = self.roster.revision
            if not await self._put(self.roster.restamp(before)):
                return False
        await self._send_news(before)
        return True

    async def _send_news(self, since: int) -> None:
        for gateway in self.board.online():
            await self._send_profiles(gateway, since)

    async def _read_registration(self, path: Path) -> bool:
        """Take what it says; False when that could not be stored."""
        try:
            registration = read_registration(path, self.venue.badges)
        except ConfigError as error:
            log.error("registration.refused", why=str(error), guests_kept=len(list(self.roster)))  # noqa: TRY400  # says it all
            return True
        guests = len(list(self.roster))
        if guests and not len(registration):
            log.error(
                "registration.refused",
                why="it lists nobody; to forget a guest, take out their line",
                guests_kept=guests,
            )
            return True
        async with self._changing:
            before = self.roster.revision
            # While a badge cannot be read, whoever seems to be missing may be the guest of that line: nobody is forgotten.
            changed = self.roster.compare(registration, wall_us(), complete=not registration.unread)
            if changed and not await self._put(changed):
                return False
        self._tell_registration(registration, len(changed))
        if changed:
            await self._send_news(before)
        return True

    def _tell_registration(self, registration: Registration, changed: int) -> None:
        """To the log, without anything of a guest."""
        for problem in registration.problems:
            log.warning("registration.line", problem=problem.for_log)
        kept = self.roster.missing(registration)  # the others are forgotten by now
        if kept:
            log.warning("registration.kept", kept=len(kept), lines=registration.unread)
        log.info("registration.read", guests=len(registration), changed=changed)

    async def _put(self, people: list[Person]) -> bool:
        """Store persons; whoever may not be remembered any more is forgotten in the same transaction."""
        trial = Roster(people, need_consent=self.roster.need_consent)
        forgotten = [one.profile.person for one in people if not trial.remembered(one.profile.person)]

        def put(transaction: Transaction) -> bool:
            transaction.run("put_person", [Person(None, one.profile).row() for one in people])  # frees badges that move
            transaction.run("put_person", [one.row() for one in people])
            transaction.run("forget_stays", [{"person": person} for person in forgotten])
            transaction.run("forget_events", [{"subject": f"{PERSON}:{person}"} for person in forgotten])
            return True

        if not await self._change(put):
            return False
        self.roster.settle(people)
        for person in forgotten:
            self.ledger.forget(person)
        self.board.totals["guests"] = len(list(self.roster))
        return True

    # --- picture ----------------------------------------------------------------------------------------------------

    async def _redraw(self) -> None:
        while True:
            broker = "online" if self.mqtt.connected else "no broker"
            why = self.failing or self.mqtt.why or self.mqtt.complaint or ""
            self.board.hub = {"state": "failing" if self.failing else broker, "why": why}
            await self.board.touch()
            await asyncio.sleep(PICTURE_EVERY_S)


def _login(path: Path, page: Listen) -> "Login":
    """For the page: as soon as there is a user, or others than this machine may come."""
    from edgehub.web.login import Login

    access = AccessFile(path)
    return Login(access.password_of, needed=lambda: not page.loopback or access.has_users, secure=page.tls)


def _doors(settings: "DoorSettings", access: Path, hub: Hub, store: HubStore) -> "Doors":
    """The doors that are to be open. Raises ConfigError."""
    from edgehub.hub.doors.opening import Doors, Layer
    from edgehub.hub.facts import Facts

    layer = Layer(settings.data_layer, hub.venue.badges)
    take = Facts(store, layer.rules).take
    return Doors(
        settings, layer, store, take, AccessFile(access), venue=lambda: hub.venue, greet=hub.greet, wall_us=wall_us
    )


async def run_hub(
    settings: HubSettings, *, stop: asyncio.Event, ready: Callable[[Hub, str | None], Awaitable[None]] | None = None
) -> None:
    """Run a hub until ``stop`` is set.

    ``ready`` is told once, with the address of the page if there is one. Raises StoreError when the database cannot
    be opened, OSError when page or doors cannot listen, ConfigError when a file of the doors has mistakes.
    """
    async with AsyncExitStack() as exits:
        store = await exits.enter_async_context(HubStore(settings.database))
        hub = Hub(settings, store)
        await hub.load()
        address = None
        if settings.page is not None:
            from edgehub.web.page import serve

            login = _login(settings.access, settings.page)
            address = await exits.enter_async_context(serve(hub.board, settings.page, login=login))
        doors = None if settings.doors is None else _doors(settings.doors, settings.access, hub, store)
        if doors is not None:
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
