"""The door of the gateways: events in over MQTT, committed before they are acknowledged; profiles and commands out.

Messages that wait together are committed together, so that a busy hub pays for one sync however many gateways speak.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import structlog

from edgehub.clock import wall_us
from edgehub.config import MqttSettings
from edgehub.core.speaker import gateway_of
from edgehub.core.venue import Venue
from edgehub.core.wire import Anchor, Ask, Command, HubStatus, Occupancy, SiteTopics, Stamp, Status, WireError, pages
from edgehub.hub.births import Births
from edgehub.hub.board import Board
from edgehub.hub.delivery import Delivery
from edgehub.hub.guests import Guests
from edgehub.hub.intake import Intake
from edgehub.hub.ledger import Ledger
from edgehub.hub.store import HubStore, StoreError, Transaction
from edgehub.hub.work import Work
from edgehub.mqtt import Connected, Lost, Message, Mqtt, Will

log = structlog.get_logger("edgehub.hub")

MOST_WAITING = 100
"""Messages of one commit; more wait outside."""
Unread = Callable[[], Delivery]
"""A message that came, still to be read."""
GOODBYE_S = 1.0
DOUBTS_EVERY_S = 5.0
COMMAND_WITHIN_US = 60_000_000
"""A command that arrives later has no effect."""
DOUBLE = "two gateways use this name, so each is heard half of the time; was a card copied? Rename one"
PROFILE_EXPIRY_S = 60
"""Profiles are personal: a broker keeps them no longer for a gateway that is slow."""


class Gateways:
    """Listens and answers; `mqtt` is entered by whoever runs it.

    Args:
        site: name of the site.
        mqtt: where the broker is.
        generation: of this life of the hub.
        store: of the hub.
        intake: what events do.
        guests: whom gateways are told of.
        ledger: of stays.
        board: what is seen of it all.
        poke: called after a commit, for who follows the log.
    """

    def __init__(
        self,
        *,
        site: str,
        mqtt: MqttSettings,
        generation: str,
        store: HubStore,
        intake: Intake,
        guests: Guests,
        ledger: Ledger,
        board: Board,
        poke: Callable[[], None],
    ) -> None:
        self._site = site
        self._generation = generation
        self._store = store
        self._intake = intake
        self._guests = guests
        self._ledger = ledger
        self._board = board
        self._poke = poke
        self._topics = SiteTopics(site)
        every = self._topics.every
        topics = [every.events("+"), every.ask, every.anchor, every.status, self._topics.zone("+")]
        will = Will(self._topics.hub_status, HubStatus("offline", generation).to_json())
        self.mqtt = Mqtt(mqtt, f"{site}-hub", subscriptions=[(topic, 1) for topic in topics], will=will)
        self._unread: asyncio.Queue[Unread] = asyncio.Queue(MOST_WAITING)
        self._births = Births()

    async def run(self) -> None:
        """Take in and answer. Never returns."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="hub intake")
            tasks.create_task(self._keep(), name="hub commits")
            tasks.create_task(self._doubt(), name="hub doubts")
            tasks.create_task(self._send_news(), name="hub news")

    async def stop(self) -> None:
        """Say that events are not taken any more."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                offline = HubStatus("offline", self._generation).to_json()
                await self.mqtt.publish(self._topics.hub_status, offline, retain=True)
                await self.mqtt.flush(GOODBYE_S)

    async def greet(self, stamp: Stamp, venue: Venue) -> None:
        """Tell the gateways of its zone of a stamp that counts."""
        zone = venue.zones.get(stamp.zone)
        for gateway in sorted({gateway_of(receiver) for receiver in zone.heard_by}) if zone else ():
            topic = self._topics.gateway(gateway).stamp
            await self.mqtt.publish(topic, stamp.to_json(), expiry_s=PROFILE_EXPIRY_S)

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

    async def _say_online(self) -> None:
        log.info("hub.online", site=self._site, broker=self.mqtt.broker)
        await self.mqtt.publish(self._topics.hub_status, HubStatus("online", self._generation).to_json(), retain=True)

    async def _read(self, message: Message) -> None:
        try:
            gateway, rest = self._topics.read(message.topic)
            match rest.split("/"):
                case ["up", "events", _]:
                    await self._unread.put(partial(Delivery.read, gateway, message.payload))
                case ["up", "anchor"]:
                    await self._unread.put(partial(Delivery, gateway, anchor=Anchor.read(message.payload).at))
                case ["up", "ask"]:
                    await self._answer(gateway, Ask.read(message.payload))
                case ["status"] if gateway != "hub":
                    self._take_status(gateway, Status.read(message.payload))
                case [zone] if gateway == "zones":
                    self._board.take_count(zone, Occupancy.read(message.payload).count)
        except WireError as error:
            log.warning("hub.unreadable", topic=message.topic, why=str(error))

    def _take_status(self, gateway: str, status: Status) -> None:
        known = self._board.take_status(gateway, status)
        if self._births.take(gateway, known, asyncio.get_running_loop().time()):
            log.error("gateway.double", gateway=gateway, why=DOUBLE)

    # --- events -----------------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Commit what was read, all of it at once."""
        while True:
            unread = [await self._unread.get()]
            while not self._unread.empty():
                unread.append(self._unread.get_nowait())
            with suppress(StoreError):  # nothing is acknowledged, so everything comes again
                await self._commit(unread)

    async def _commit(self, unread: Sequence[Unread]) -> None:
        work = await self._store.change(partial(take_all, intake=self._intake, unread=unread))
        for stay in (*work.history, *work.stays.values()):
            self._ledger.put(stay)
        self._board.count(_totals(work))
        self._board.take_lights(work.lights, work.latest_us)
        self._poke()
        now = asyncio.get_running_loop().time()
        for gateway, nonce, partition in work.touched:
            epoch, got = work.received[gateway, nonce, partition]
            self._births.see(gateway, epoch, partition, got, now)
        for gateway, ack in self._intake.acks(work):
            await self.mqtt.publish(self._topics.gateway(gateway).ack, ack.to_json())

    async def _doubt(self) -> None:
        """Ask gateways whose words do not fit together to be born again."""
        while True:
            await asyncio.sleep(DOUBTS_EVERY_S)
            for gateway in self._births.due(asyncio.get_running_loop().time()):
                log.warning("hub.rebirth_asked", gateway=gateway)
                command = Command(secrets.token_hex(8), wall_us() + COMMAND_WITHIN_US, "rebirth")
                await self.mqtt.publish(self._topics.gateway(gateway).command, command.to_json())

    # --- questions --------------------------------------------------------------------------------------------------

    async def _answer(self, gateway: str, ask: Ask) -> None:
        with suppress(StoreError):  # it asks again
            for mark in ask.marks:
                ack = await self._intake.ack(self._store, gateway, mark.epoch, mark.partition)
                await self.mqtt.publish(self._topics.gateway(gateway).ack, ack.to_json())
            await self._forget_epochs(gateway, ask)
        since, known = ask.profiles_since, self._guests.roster.revision
        if since > known > 0:
            async with self._guests.changing:
                await self._guests.restamp(since)
        await self._send_profiles(gateway, since)

    async def _forget_epochs(self, gateway: str, ask: Ask) -> None:
        """What has arrived of epochs that the gateway has nothing of any more is not kept for ever."""
        work = partial(self._intake.forget, gateway=gateway, marks=ask.marks, now_us=wall_us())
        if lost := await self._store.change(work):
            self._board.count({"lost": lost})
            log.error("hub.events_lost", gateway=gateway, events=lost)

    async def _send_news(self) -> None:
        while True:
            since = await self._guests.news()
            for gateway in self._board.online():
                await self._send_profiles(gateway, since)

    async def _send_profiles(self, gateway: str, since: int) -> None:
        for page in pages(self._guests.roster.since(since), since=since):
            topic = self._topics.gateway(gateway).profiles
            await self.mqtt.publish(topic, page.to_json(), expiry_s=PROFILE_EXPIRY_S)


def take_all(transaction: Transaction, intake: Intake, unread: Sequence[Unread]) -> Work:
    """Read messages and take them in, all in the writer's thread.

    Reading is the dear part. Beside the writer, in the loop's thread, it would take the interpreter from it at every row
    that SQLite writes, and give it back a millisecond later.
    """
    return intake.take(transaction, [read() for read in unread], wall_us())


def _totals(work: Work) -> dict[str, int]:
    return {
        "events": len(work.events),
        "visits": work.visits,
        "duplicates": len(work.again),
        "quarantined": len(work.quarantine),
        "shed": sum(row["count"] for row in work.shed),
    }
