"""Sync: what a gateway says to the hub and to its neighbours, and what it hears from them.

Events go out while the hub is online and stay in the outbox until the hub acknowledges them after its own commit. A
broker or hub that is absent is a state with a sentence; nothing else here stops for it. A message that cannot be read
is counted and set aside.
"""

import asyncio
import secrets
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, Protocol, Self, assert_never

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
    Epoch,
    HubStatus,
    Mark,
    Occupancy,
    PeerLevels,
    ProfilesPage,
    SiteTopics,
    Status,
    WireError,
    succeed,
)
from edgehub.core.wire.envelope import batch
from edgehub.gateway.pump import Outbox, Pump
from edgehub.mqtt import Connected, Lost, Message, Mqtt, Will

REPORT_EVERY_S = 1.0
"""Status and occupancy are published when they changed, at most this often."""
SILENT_HUB_S = 10.0
"""A hub that says it is online and acknowledges nothing this long is as good as none."""
GOODBYE_S = 0.8
NOT_GATEWAYS = frozenset({"hub", "zones", "audiences"})
"""Names that stand where a gateway's stands in a topic."""
REMEMBERED_COMMANDS = 256
ASK_AGAIN_S = 30.0
"""A question to the hub that had no answer is put again."""


class Keep(Outbox, Protocol):
    """What sync needs of the store."""

    @property
    def epoch(self) -> Epoch:
        """Of this process."""
        ...

    @property
    def backlog(self) -> int:
        """Events that wait for the hub."""
        ...

    @property
    def profiles_revision(self) -> int:
        """The highest revision held."""
        ...

    def marks(self) -> list[Mark]:
        """Up to where each epoch is acknowledged."""
        ...

    def acknowledge(self, ack: Ack) -> None:
        """Mark what the hub has."""
        ...

    def unacknowledge(self, ack: Ack) -> asyncio.Future[bool]:
        """Let wait again what the hub lost."""
        ...

    async def put_profiles(self, profiles: Iterable[Profile]) -> None:
        """Write profiles down."""
        ...


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
        self._details = dict(status or {})
        self._occupancy: dict[str, int] = {}
        self._unsaid: set[str] = set()
        self._said: bytes | None = None
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
        self._pump: Pump
        self._exits = AsyncExitStack()
        self._hub: HubStatus | None = None
        self._peers: dict[str, Status] = {}
        self._asked: set[tuple[str, int]] = set()
        self._unanswered = False
        self._ask_due = asyncio.Event()
        self._obeyed: deque[str] = deque(maxlen=REMEMBERED_COMMANDS)
        self.refused: Counter[str] = Counter()
        """How many commands had no effect, by reason."""
        self.quarantine: deque[tuple[str, str]] = deque(maxlen=100)
        """Topic and reason of the last messages that could not be read."""
        self.poison: Counter[str] = Counter()
        """How many could not be read, by reason."""

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
                    ("questions", self._ask()),
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
        self._details |= details

    def publish_levels(self, levels: PeerLevels) -> bool:
        """Tell the neighbours what our radio heard; at once or not at all."""
        return self.mqtt.publish_now(self._topics.levels, levels.to_json())

    def publish_occupancy(self, zone: str, count: int) -> None:
        """Tell everybody how many are in a zone; the last word is retained."""
        if self._occupancy.get(zone) != count:
            self._occupancy[zone] = count
            self._unsaid.add(zone)

    async def publish_anchor(self, at: At) -> bool:
        """Tell the hub what the wall clock says, now that it can be trusted."""
        return await self.mqtt.publish(self._topics.anchor, Anchor(at).to_json())

    async def _send(self, partition: int, rows: Sequence[OutboxRow]) -> bool:
        payload = batch((row.payload for row in rows), self._gateway)
        return await self.mqtt.publish(self._topics.events(partition), payload)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            await self._say_status()
            await self._say_occupancy()

    async def _say_status(self) -> None:
        details = {
            **self._details,
            "backlog": self._store.backlog,
            "unreadable": sum(self.poison.values()),
            "refused_commands": dict(self.refused),
            "why": self._details.get("why") or self.why,
        }
        epoch = self._store.epoch if self._store.epoch.start else None  # the journal could not be opened yet
        status = Status("online", self.start_id, epoch, details).to_json()
        if status != self._said and await self.mqtt.publish(self._topics.status, status, retain=True):
            self._said = status

    async def _say_occupancy(self) -> None:
        for zone in sorted(self._unsaid):
            count = self._occupancy[zone]
            if await self.mqtt.publish(self._site.zone(zone), Occupancy(zone, count).to_json(), retain=True):
                self._unsaid.discard(zone)

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
        self._said = None
        self._unsaid |= set(self._occupancy)
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
            self.poison[str(error)[:80] if len(self.poison) < 100 else "other"] += 1
            self.quarantine.append((message.topic, str(error)))

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
                self._take_command(Command.read(payload), retained=message.retained)

    def _take_hub(self, hub: HubStatus) -> None:
        before, self._hub = self._hub, hub
        if hub == before:
            return
        if hub.state != "online":
            self._pump.close()
            return
        # A hub that was born again may come from a backup: ask what it has, and send what it lacks.
        self._ask_due.set()
        self._pump.open()

    def _take_peer(self, gateway: str, status: Status) -> None:
        if gateway == self._gateway:
            return
        known = succeed(self._peers.get(gateway), status)
        if known is not self._peers.get(gateway):
            self._peers[gateway] = known
            self._listeners.peer_status(gateway, known)

    async def _ask(self) -> None:
        """Ask on each birth of the hub, and again while there is no answer."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ask_due.wait(), ASK_AGAIN_S)
            if self._ask_due.is_set() or self._unanswered:
                self._ask_due.clear()
                await self._put_question()

    async def _put_question(self) -> None:
        if not self.hub_online:
            return
        self._unanswered = True
        marks = self._store.marks()
        self._asked = {(mark.epoch.nonce, mark.partition) for mark in marks}
        question = Ask(self._store.profiles_revision, tuple(marks))
        await self.mqtt.publish(self._topics.ask, question.to_json())
        if self._clock is not None:
            await self.publish_anchor(self._clock())

    def _take_ack(self, ack: Ack) -> None:
        if self._hub is None or ack.hub_generation != self._hub.generation:
            return  # of an earlier life of the hub, which may have forgotten it since
        self._pump.take(ack)
        if (ack.epoch.nonce, ack.partition) in self._asked:  # the answer: whatever it does not name, the hub has not
            self._asked.discard((ack.epoch.nonce, ack.partition))
            self._store.unacknowledge(ack)
        else:
            self._store.acknowledge(ack)

    async def _take_profiles(self, page: ProfilesPage) -> None:
        if page.since > self._store.profiles_revision:
            self._ask_due.set()  # one before it was lost, and somebody may have withdrawn in it
        await self._store.put_profiles(page.profiles)
        kept = page.upto <= self._store.profiles_revision or not page.profiles
        self._unanswered = (self._unanswered and page.more) or not kept
        if page.profiles:
            self._listeners.profiles(page.profiles)

    def _take_command(self, command: Command, *, retained: bool) -> None:
        """Do what the hub wants, once and in time; what has no effect is counted and told in the status."""
        late = self._clock is not None and self._clock().wall_us > command.not_after_us
        if command.id in self._obeyed:
            return
        if retained or late or command.do != "rebirth":
            self.refused["retained" if retained else "late" if late else "unknown"] += 1
            return
        self._obeyed.append(command.id)
        self._be_reborn()

    def _be_reborn(self) -> None:
        """Say who we are and what we have, as on a first connection."""
        self._said = None
        self._ask_due.set()
        if self.hub_online:
            self._pump.open()
