"""Sync: what a gateway says to the hub and to its neighbours, and what it hears from them.

Events go out while the hub is online and stay in the outbox until the hub acknowledges them after its own commit. A
broker or hub that is absent is a state with a sentence; nothing else here stops for it. A message that cannot be read
is counted and set aside.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, Self, assert_never

from edgehub.config import MqttSettings
from edgehub.core.data import dataclass
from edgehub.core.profile import Profile
from edgehub.core.record import OutboxRow
from edgehub.core.wire import (
    Ack,
    Anchor,
    Ask,
    At,
    Command,
    HubStatus,
    PeerLevels,
    ProfilesPage,
    SiteTopics,
    Status,
    WireError,
    succeed,
)
from edgehub.core.wire.envelope import batch
from edgehub.gateway.sync.keep import Keep
from edgehub.gateway.sync.notices import EVERY_S, Notices
from edgehub.gateway.sync.orders import Orders
from edgehub.gateway.sync.pump import Pump
from edgehub.gateway.sync.quarantine import Quarantine
from edgehub.gateway.sync.questions import Questions
from edgehub.mqtt import Connected, Lost, Message, Mqtt, Will

SILENT_HUB_S = 10.0
"""A hub that says it is online and acknowledges nothing this long is as good as none."""
GOODBYE_S = 0.8
NOT_GATEWAYS = frozenset({"hub", "zones", "audiences"})
"""Names that stand where a gateway's stands in a topic."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Whom to tell; called on the loop, and expected to return at once."""

    link: Callable[[bool], None] = lambda _connected: None
    profiles: Callable[[Sequence[Profile]], None] = lambda _profiles: None
    peer_levels: Callable[[str, PeerLevels], None] = lambda _gateway, _levels: None
    peer_status: Callable[[str, Status], None] = lambda _gateway, _status: None


class Sync:
    """The gateway's end of the wire. Use as ``async with``, inside the store's.

    Args:
        settings: of the broker.
        store: outbox and profile cache.
        site: of the venue.
        gateway: our name; with client certificates, the certificate's common name.
        listeners: whom to tell of what is heard.
        status: first details of our status (see `Status.details`).
        clock: this moment on the clocks of this machine.
    """

    def __init__(
        self,
        settings: MqttSettings,
        store: Keep,
        *,
        site: str,
        gateway: str,
        listeners: Listeners | None = None,
        status: Mapping[str, Any] | None = None,
        clock: Callable[[], At] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._site = SiteTopics(site)
        self._topics = self._site.gateway(gateway)
        self._gateway = gateway
        self._listeners = listeners or Listeners()
        self.start_id = secrets.token_hex(8)
        every = self._site.every
        subscriptions = [
            (every.status, 1),  # neighbours and the hub
            (every.levels, 0),
            (self._topics.ack, 1),
            (self._topics.profiles, 1),
            (self._topics.command, 1),
        ]
        will = Will(self._topics.status, Status("offline", self.start_id).to_json())
        self.mqtt = Mqtt(settings, gateway, subscriptions=subscriptions, will=will)
        self._notices = Notices(self._site, gateway, self.start_id, status or {}, self._publish_retained)
        self._questions = Questions(store, lambda: self.hub_online, self._put_question)
        self._pump: Pump
        self._exits = AsyncExitStack()
        self._hub: HubStatus | None = None
        self._peers: dict[str, Status] = {}
        self.orders = Orders(clock)
        self.quarantine = Quarantine()

    async def __aenter__(self) -> Self:
        self._pump = Pump(self._store, self._send, asyncio.get_running_loop().time)
        async with AsyncExitStack() as exits:
            await exits.enter_async_context(self.mqtt)
            tasks = await exits.enter_async_context(asyncio.TaskGroup())
            running = [
                tasks.create_task(work, name=f"sync {name}")
                for name, work in (
                    ("intake", self._listen()),
                    ("pump", self._pump.run()),
                    ("reports", self._report()),
                    ("questions", self._questions.run()),
                )
            ]
            for task in running:
                exits.callback(task.cancel)
            self._exits = exits.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Say that we go, unless the broker does not listen; within 2.5 s whatever hangs."""
        self._pump.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                offline = Status("offline", self.start_id, details={"why": "stopped"})
                await self.mqtt.publish(self._topics.status, offline.to_json(), retain=True)
                await self.mqtt.flush(GOODBYE_S)
        await self._exits.aclose()

    # --- what we say ------------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """True while the broker has us."""
        return self.mqtt.connected

    @property
    def hub_online(self) -> bool:
        """True while events go out."""
        return self.connected and self._hub is not None and self._hub.state == "online"

    @property
    def why(self) -> str | None:
        """Why events do not reach the hub, in a sentence; None when they do."""
        if not self.connected:
            return self.mqtt.why
        if self.mqtt.complaint is not None:
            return self.mqtt.complaint
        if not self.hub_online:
            return "no hub is online; events wait here"
        if "/up/events/" in (self.mqtt.unheard or ""):
            return "no hub listens, though one says it is online; events wait here"
        return self._silence()

    def _silence(self) -> str | None:
        since = self._pump.acknowledged_at
        if not self._pump.in_flight or since is None:
            return None
        silent = asyncio.get_running_loop().time() - since
        return f"the hub has acknowledged nothing for {silent:.0f} s" if silent > SILENT_HUB_S else None

    def set_status(self, **details: Any) -> None:
        """Change details of our status; what changed is published within a second."""
        self._notices.set_status(details)

    def publish_levels(self, levels: PeerLevels) -> bool:
        """Tell the neighbours what our radio heard; at once or not at all."""
        return self.mqtt.publish_now(self._topics.levels, levels.to_json())

    def publish_occupancy(self, zone: str, count: int) -> None:
        """Tell everybody how many are in a zone; the last word is retained."""
        self._notices.set_occupancy(zone, count)

    async def publish_anchor(self, at: At) -> bool:
        """Tell the hub what the wall clock says, now that it can be trusted."""
        return await self.mqtt.publish(self._topics.anchor, Anchor(at).to_json())

    async def _send(self, partition: int, rows: Sequence[OutboxRow]) -> bool:
        payload = batch((row.payload for row in rows), self._gateway)
        return await self.mqtt.publish(self._topics.events(partition), payload)

    async def _publish_retained(self, topic: str, payload: bytes) -> bool:
        return await self.mqtt.publish(topic, payload, retain=True)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            await self._say_status()
            await self._notices.say_occupancy()

    async def _say_status(self) -> None:
        epoch = self._store.epoch if self._store.epoch.start else None  # the journal could not be opened yet
        now = {
            "backlog": self._store.backlog,
            "unreadable": self.quarantine.count,
            "refused_commands": dict(self.orders.refused),
            "why": self.why,
        }
        await self._notices.say_status(epoch, now)

    async def _put_question(self, question: Ask) -> None:
        await self.mqtt.publish(self._topics.ask, question.to_json())
        if self._clock is not None:
            await self.publish_anchor(self._clock())

    # --- what we hear -----------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        while True:
            for happening in await self.mqtt.take():
                match happening:
                    case Connected():
                        await self._connect()
                    case Lost():
                        self._disconnect()
                    case Message():
                        await self._read(happening)
                    case _:
                        assert_never(happening)

    async def _connect(self) -> None:
        self._notices.repeat()
        self._listeners.link(True)
        await self._say_status()

    def _disconnect(self) -> None:
        self._hub = None
        self._peers.clear()
        self._pump.close()
        self._listeners.link(False)

    async def _read(self, message: Message) -> None:
        try:
            gateway, rest = self._site.read(message.topic)
            await self._take(gateway, rest, message)
        except WireError as error:
            self.quarantine.add(message.topic, str(error))

    async def _take(self, gateway: str, rest: str, message: Message) -> None:
        payload = message.payload
        match rest:
            case "status" if gateway == "hub":
                self._take_hub(HubStatus.read(payload))
            case "status" if gateway not in NOT_GATEWAYS:
                self._take_peer(gateway, Status.read(payload))
            case "peers/levels" if gateway != self._gateway:
                self._listeners.peer_levels(gateway, PeerLevels.read(payload))
            case "down/ack":
                self._take_ack(Ack.read(payload))
            case "down/profiles":
                await self._take_profiles(ProfilesPage.read(payload))
            case "down/command":
                if self.orders.take(Command.read(payload), retained=message.retained):
                    self._be_reborn()

    def _take_hub(self, hub: HubStatus) -> None:
        before, self._hub = self._hub, hub
        if hub == before:
            return
        if hub.state != "online":
            self._pump.close()
            return
        # A hub that was born again may come from a backup: ask what it has, and send what it lacks.
        self._questions.ask()
        self._pump.open()

    def _take_peer(self, gateway: str, status: Status) -> None:
        if gateway == self._gateway:
            return
        known = succeed(self._peers.get(gateway), status)
        if known is not self._peers.get(gateway):
            self._peers[gateway] = known
            self._listeners.peer_status(gateway, known)

    def _take_ack(self, ack: Ack) -> None:
        if self._hub is None or ack.hub_generation != self._hub.generation:
            return  # of an earlier life of the hub, which may have forgotten it since
        self._pump.take(ack)
        if self._questions.is_answer(ack):
            self._store.unacknowledge(ack)
        else:
            self._store.acknowledge(ack)

    async def _take_profiles(self, page: ProfilesPage) -> None:
        await self._questions.take(page)
        if page.profiles:
            self._listeners.profiles(page.profiles)

    def _be_reborn(self) -> None:
        """Say who we are and what we have, as on a first connection."""
        self._notices.repeat_status()
        self._questions.ask()
        if self.hub_online:
            self._pump.open()
