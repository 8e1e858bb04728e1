"""Sync over a real mosquitto: a hand-made hub and neighbour see what a gateway says, and when it must not."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edgehub.core.profile import BadgeBinding, Profile
from edgehub.core.sequence import Received
from edgehub.core.wire import (
    Ack,
    Anchor,
    Ask,
    At,
    Command,
    Envelope,
    Epoch,
    HubStatus,
    PeerLevels,
    ProfilesPage,
    SiteTopics,
    Status,
    read_batch,
)
from edgehub.gateway.store import Store
from edgehub.gateway.sync import Listeners, Sync
from edgehub.mqtt import Message, Mqtt
from tests.fakes.broker import Broker
from tests.fakes.event import event
from tests.fakes.waiting import until

TOPICS = SiteTopics("expo")
PI = TOPICS.gateway("pi")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("mosquitto")) as made:
        yield made


class Hub:
    """A hub made by hand: it sees everything, and acknowledges when the test says so."""

    def __init__(self, client: Mqtt) -> None:
        self.client = client
        self.batches: list[list[int]] = []
        self.received = Received()
        self.epoch: Epoch | None = None
        self.asks: list[Ask] = []
        self.anchors: list[Anchor] = []
        self.statuses: list[tuple[str, Status]] = []
        self.other: list[Message] = []
        self.generation = "g1"
        self.answers = True

    @property
    def seqs(self) -> list[int]:
        return [seq for batch in self.batches for seq in batch]

    async def listen(self) -> None:
        """Take what comes."""
        while True:
            for happening in await self.client.take():
                if isinstance(happening, Message):
                    await self._take(happening)

    async def _take(self, message: Message) -> None:
        gateway, rest = TOPICS.read(message.topic)
        match rest:
            case "up/events/0":
                events = [one for one in read_batch(message.payload) if isinstance(one, Envelope)]
                self.batches.append([one.identity.seq for one in events])
                self.epoch = events[0].identity.epoch
                for one in events:
                    self.received.add(one.identity.seq)
                if self.answers:
                    await self.acknowledge()
            case "up/ask":
                self.asks.append(Ask.read(message.payload))
            case "up/anchor":
                self.anchors.append(Anchor.read(message.payload))
            case "status" if gateway != "hub":
                self.statuses.append((gateway, Status.read(message.payload)))
            case _:
                self.other.append(message)

    async def acknowledge(self, watermark: int | None = None) -> None:
        """Say what is here."""
        assert self.epoch is not None
        mark, also = (self.received.watermark, self.received.ranges) if watermark is None else (watermark, ())
        await self.client.publish(PI.ack, Ack(self.epoch, 0, mark, also, self.generation).to_json())

    async def say(self, state: str = "online") -> None:
        """Say how it is."""
        await self.client.publish(TOPICS.hub_status, HubStatus(state, self.generation).to_json(), retain=True)


@dataclass
class Heard:
    """What the gateway told its listeners."""

    links: list[bool] = field(default_factory=list)
    profiles: list[Profile] = field(default_factory=list)
    levels: list[tuple[str, PeerLevels]] = field(default_factory=list)
    peers: list[tuple[str, Status]] = field(default_factory=list)

    def listeners(self) -> Listeners:
        return Listeners(
            link=self.links.append,
            profiles=self.profiles.extend,
            peer_levels=lambda gateway, levels: self.levels.append((gateway, levels)),
            peer_status=lambda gateway, status: self.peers.append((gateway, status)),
        )


def now() -> At:
    """This moment, on a clock that is set."""
    return At("boot", time.monotonic_ns() // 1000, time.time_ns() // 1000, "synced")


@asynccontextmanager
async def hub_at(broker: Broker) -> AsyncIterator[Hub]:
    async with Mqtt(broker.settings(), "hub", subscriptions=[("edgehub/v1/expo/#", 1)]) as client:
        await until(lambda: client.connected)
        async with asyncio.TaskGroup() as tasks:
            hub = Hub(client)
            listening = tasks.create_task(hub.listen())
            yield hub
            listening.cancel()
            # Retained words would be heard by the next test.
            for topic in (TOPICS.hub_status, PI.status, TOPICS.gateway("pi-two").status):
                await client.publish(topic, b"", retain=True)
            await client.flush(2.0)


@asynccontextmanager
async def gateway_at(broker: Broker, directory: Path, heard: Heard | None = None) -> AsyncIterator[tuple[Store, Sync]]:
    async with AsyncExitStack() as exits:
        store = await exits.enter_async_context(Store(directory, boot_id="boot"))
        listeners = (heard or Heard()).listeners()
        sync = Sync(broker.settings(), store, site="expo", gateway="pi", listeners=listeners, clock=now)
        await exits.enter_async_context(sync)
        yield store, sync


@pytest.mark.asyncio
async def test_events_wait_for_the_hub_and_then_go_once_in_order(broker: Broker, tmp_path: Path) -> None:
    """Nothing is sent while no hub is online; then everything, in batches, and the outbox is empty."""
    async with hub_at(broker) as hub, gateway_at(broker, tmp_path) as (store, sync):
        await store.record([event(n) for n in range(120)])
        await until(lambda: sync.connected)
        await asyncio.sleep(0.3)
        assert hub.batches == []
        assert sync.why == "no hub is online; events wait here"
        await hub.say()
        await until(lambda: store.backlog == 0)
        assert hub.seqs == list(range(1, 121))
        assert max(len(batch) for batch in hub.batches) == 50
        assert sync.why is None


@pytest.mark.asyncio
async def test_what_is_not_acknowledged_is_sent_again(broker: Broker, tmp_path: Path) -> None:
    """A hub that commits nothing gets the same events again after 2 to 5 s, however often the broker says PUBACK."""
    async with hub_at(broker) as hub, gateway_at(broker, tmp_path) as (store, _):
        hub.answers = False
        await hub.say()
        await store.record([event(1), event(2)])
        await until(lambda: hub.seqs == [1, 2])
        await asyncio.sleep(1.8)
        assert store.backlog == 2
        assert len(hub.batches) == 1
        await until(lambda: hub.seqs == [1, 2, 1, 2])
        await hub.acknowledge()
        await until(lambda: store.backlog == 0)


@pytest.mark.asyncio
async def test_ranges_above_the_watermark_are_not_sent_again(broker: Broker, tmp_path: Path) -> None:
    """Of a batch with a gap in what the hub has, only the gap goes again."""
    async with hub_at(broker) as hub, gateway_at(broker, tmp_path) as (store, _):
        hub.answers = False
        await hub.say()
        await store.record([event(n) for n in range(4)])
        await until(lambda: hub.seqs == [1, 2, 3, 4])
        assert hub.epoch is not None
        ack = Ack(hub.epoch, 0, 1, ((3, 4),), hub.generation)
        await hub.client.publish(PI.ack, ack.to_json())
        await until(lambda: hub.seqs == [1, 2, 3, 4, 2])


@pytest.mark.asyncio
async def test_at_most_twenty_batches_are_in_flight(broker: Broker, tmp_path: Path) -> None:
    """A hub that is slow is not buried."""
    async with hub_at(broker) as hub, gateway_at(broker, tmp_path) as (store, _):
        hub.answers = False
        await store.record([event(n) for n in range(1500)])
        await hub.say()
        await until(lambda: len(hub.batches) == 20)
        await asyncio.sleep(0.5)
        assert len(hub.batches) == 20
        hub.answers = True
        await hub.acknowledge()
        await until(lambda: store.backlog == 0, 12.0)
        assert sorted(set(hub.seqs)) == list(range(1, 1501))


@pytest.mark.asyncio
async def test_a_hub_restored_from_a_backup_gets_what_it_lacks(broker: Broker, tmp_path: Path) -> None:
    """A hub born again is asked what it has; what it lost is sent from the replay window."""
    async with hub_at(broker) as hub, gateway_at(broker, tmp_path) as (store, _):
        await hub.say()
        await store.record([event(n) for n in range(10)])
        await until(lambda: store.backlog == 0)
        hub.generation, hub.received = "g2", Received(6)
        hub.batches.clear()
        await hub.say()
        await until(lambda: len(hub.asks) == 2)
        assert [mark.watermark for mark in hub.asks[1].marks] == [10]
        await hub.acknowledge()
        await until(lambda: hub.seqs == [7, 8, 9, 10])
        await until(lambda: store.backlog == 0)


@pytest.mark.asyncio
async def test_a_restored_hub_gets_what_it_once_had_above_a_gap(broker: Broker, tmp_path: Path) -> None:
    """Its watermark is the one the gateway believes in, and yet it lacks what was acknowledged above it."""
    async with hub_at(broker) as hub, gateway_at(broker, tmp_path) as (store, _):
        hub.answers = False
        await hub.say()
        await store.record([event(n) for n in range(10)])
        await until(lambda: len(hub.seqs) == 10)
        assert hub.epoch is not None
        ack = Ack(hub.epoch, 0, 4, ((6, 10),), hub.generation)
        await hub.client.publish(PI.ack, ack.to_json())
        await until(lambda: store.backlog == 1)
        hub.generation, hub.received, hub.answers = "g2", Received(4), True
        hub.batches.clear()
        await hub.say()
        await until(lambda: len(hub.asks) == 2)
        await hub.acknowledge()
        await until(lambda: hub.received.watermark == 10)
        await until(lambda: store.backlog == 0)


@pytest.mark.asyncio
async def test_a_hub_restored_while_the_gateway_was_away_gets_what_it_lacks(broker: Broker, tmp_path: Path) -> None:
    """Both were started again: what it lacks of each earlier process is sent again, and nothing else."""
    async with hub_at(broker) as hub:
        await hub.say()
        first: list[int] = []
        for start in range(2):
            async with gateway_at(broker, tmp_path) as (store, _):
                await store.record([event(start * 100 + n) for n in range(30)])
                await until(lambda store=store: store.backlog == 0)
                first += hub.seqs
                hub.batches.clear()
                hub.received = Received()
        assert sorted(first) == sorted([*range(1, 31)] * 2)
        hub.generation, hub.answers = "g2", False
        await hub.say()
        async with gateway_at(broker, tmp_path) as (store, _):
            await until(lambda: hub.asks and len(hub.asks[-1].marks) == 2)
            for mark in hub.asks[-1].marks:
                await hub.client.publish(PI.ack, Ack(mark.epoch, 0, 20, (), "g2").to_json())
            await until(lambda: all(hub.seqs.count(seq) >= 2 for seq in range(21, 31)))
            assert set(hub.seqs) == set(range(21, 31))
            assert store.backlog == 20


@pytest.mark.asyncio
async def test_a_rebirth_is_a_birth_and_everything_that_waits(broker: Broker, tmp_path: Path) -> None:
    """On command the gateway says who it is, asks, sends its anchor and what waits; once per command."""
    async with hub_at(broker) as hub, gateway_at(broker, tmp_path) as (store, sync):
        hub.answers = False
        await hub.say()
        await store.record([event(1)])
        await until(lambda: hub.seqs == [1] and hub.statuses and hub.anchors)
        births, asks, anchors = len(hub.statuses), len(hub.asks), len(hub.anchors)
        command = Command("c1", now().wall_us + 60_000_000, "rebirth").to_json()
        await hub.client.publish(PI.command, command)
        await hub.client.publish(PI.command, command)
        await until(lambda: len(hub.statuses) > births and len(hub.asks) > asks and len(hub.anchors) > anchors)
        assert hub.seqs == [1, 1]
        assert len(hub.asks) == asks + 1
        assert hub.anchors[-1].at.quality == "synced"
        assert hub.statuses[-1][1].start_id == sync.start_id
        assert sync.orders.refused == {}


@pytest.mark.asyncio
async def test_commands_that_are_late_retained_or_unknown_have_no_effect(broker: Broker, tmp_path: Path) -> None:
    """They are counted in the status, where the hub sees them (S2)."""
    async with hub_at(broker) as hub:
        soon, past = now().wall_us + 60_000_000, now().wall_us - 1
        await hub.say()
        await hub.client.publish(PI.command, Command("c0", soon, "rebirth").to_json(), retain=True)
        await hub.client.flush(2.0)
        async with gateway_at(broker, tmp_path) as (_, sync):
            await until(lambda: sync.orders.refused["retained"])
            await until(lambda: hub.asks)
            asks = len(hub.asks)
            await hub.client.publish(PI.command, Command("c1", past, "rebirth").to_json())
            await hub.client.publish(PI.command, Command("c2", soon, "dance").to_json())
            refused = {"retained": 1, "late": 1, "unknown": 1}
            await until(lambda: hub.statuses[-1][1].details.get("refused_commands") == refused)
            assert len(hub.asks) == asks
        await hub.client.publish(PI.command, b"", retain=True)


@pytest.mark.asyncio
async def test_a_page_that_was_lost_is_asked_for(broker: Broker, tmp_path: Path) -> None:
    """Somebody may have withdrawn in it: the gap in the revisions is seen at once, not at the next connection."""
    async with hub_at(broker) as hub, gateway_at(broker, tmp_path):
        await hub.say()
        await until(lambda: hub.asks)
        await hub.client.publish(PI.profiles, ProfilesPage(7, 8, False, (Profile("p", 8),)).to_json())
        await until(lambda: len(hub.asks) == 2)


@pytest.mark.asyncio
async def test_an_acknowledgement_of_an_earlier_life_of_the_hub_is_ignored(broker: Broker, tmp_path: Path) -> None:
    """It may have been given before the hub forgot."""
    async with hub_at(broker) as hub, gateway_at(broker, tmp_path) as (store, _):
        hub.answers = False
        await hub.say()
        await store.record([event(1)])
        await until(lambda: hub.seqs == [1])
        hub.generation = "g0"
        await hub.acknowledge()
        await asyncio.sleep(0.4)
        await store.record([])
        assert store.backlog == 1


@pytest.mark.asyncio
async def test_status_is_born_kept_and_closed(broker: Broker, tmp_path: Path) -> None:
    """The birth is retained with start id and epoch; changes follow; a stop says offline itself."""
    async with hub_at(broker) as hub:
        async with gateway_at(broker, tmp_path) as (store, sync):
            await until(lambda: hub.statuses)
            name, birth = hub.statuses[0]
            assert (name, birth.state, birth.start_id, birth.epoch) == ("pi", "online", sync.start_id, store.epoch)
            sync.set_status(radio={"state": "deaf", "why": "no adverts for 90 s"})
            await until(lambda: hub.statuses[-1][1].detail("radio").get("state") == "deaf")
            said = len(hub.statuses)
            await asyncio.sleep(1.3)
            assert len(hub.statuses) == said
        await until(lambda: hub.statuses[-1][1].state == "offline")
        assert hub.statuses[-1][1].start_id == birth.start_id


@pytest.mark.asyncio
async def test_neighbours_are_heard(broker: Broker, tmp_path: Path) -> None:
    """Levels and states of other gateways reach the listeners; our own do not; a death of an earlier life is ignored."""
    heard, two = Heard(), TOPICS.gateway("pi-two")
    levels = PeerLevels(1.0, "ok", (("1042", -60.0, 2),))
    async with hub_at(broker) as hub, gateway_at(broker, tmp_path, heard) as (_, sync):
        await until(lambda: sync.connected)
        await hub.client.publish(two.status, Status("online", "s2").to_json(), retain=True)
        await hub.client.publish(two.levels, levels.to_json(), qos=0)
        assert sync.publish_levels(levels)
        await until(lambda: heard.levels and any(one.topic == PI.levels for one in hub.other))
        await hub.client.publish(two.status, Status("offline", "s1").to_json(), retain=True)
        await hub.client.publish(two.status, Status("offline", "s2").to_json(), retain=True)
        await until(lambda: len(heard.peers) == 2)
    assert heard.levels == [("pi-two", levels)]
    assert [status.state for _, status in heard.peers] == ["online", "offline"]
    assert heard.links == [True]


@pytest.mark.asyncio
async def test_profiles_are_written_down_before_they_are_told(broker: Broker, tmp_path: Path) -> None:
    """A page reaches store and listener; the next question begins after it."""
    heard, guest = Heard(), Profile("p1", 4, (BadgeBinding("1042", 1),), "Kim", consent=frozenset({"screen"}))
    async with hub_at(broker) as hub:
        async with gateway_at(broker, tmp_path, heard) as (store, _):
            await hub.say()
            await until(lambda: hub.asks)
            assert hub.asks[0].profiles_since == 0
            await hub.client.publish(PI.profiles, ProfilesPage(0, 4, False, (guest,)).to_json())
            await until(lambda: heard.profiles == [guest])
            assert await store.profiles() == [guest]
        async with gateway_at(broker, tmp_path, heard):
            await until(lambda: len(hub.asks) == 2)
            assert hub.asks[1].profiles_since == 4


@pytest.mark.asyncio
async def test_messages_that_cannot_be_read_are_counted_and_change_nothing(broker: Broker, tmp_path: Path) -> None:
    """Garbage on every topic we read, then a good message: it is heard."""
    heard = Heard()
    async with hub_at(broker) as hub, gateway_at(broker, tmp_path, heard) as (_, sync):
        await until(lambda: sync.connected)
        for topic in (PI.ack, PI.profiles, TOPICS.gateway("pi-two").levels, TOPICS.hub_status):
            for payload in (b"", b"{", b"[[[[[[[[[[[[]]]]]]]]]]]]", b'{"v":9}', b"\xff\xfe"):
                await hub.client.publish(topic, payload)
        await hub.client.publish(PI.profiles, ProfilesPage(0, 1, False, (Profile("p", 1),)).to_json())
        await until(lambda: heard.profiles)
        assert sum(sync.quarantine.reasons.values()) >= 20
        assert len(sync.quarantine.last) <= 100


@pytest.mark.asyncio
async def test_occupancy_is_retained_and_said_when_it_changes(broker: Broker, tmp_path: Path) -> None:
    """The count of a zone, and nothing about who."""
    async with hub_at(broker) as hub, gateway_at(broker, tmp_path) as (_, sync):
        sync.publish_occupancy("bar", 3)
        await until(lambda: any(one.topic == TOPICS.zone("bar") for one in hub.other))
        [said] = [one for one in hub.other if one.topic == TOPICS.zone("bar")]
        assert json.loads(said.payload) == {"zone": "bar", "count": 3}


@pytest.mark.asyncio
async def test_an_event_nobody_can_take_holds_up_no_other(broker: Broker, tmp_path: Path) -> None:
    """One event in a full outbox is never acknowledged: all others get through, its batch mates at once."""
    async with hub_at(broker) as hub, gateway_at(broker, tmp_path) as (store, _):
        await store.record([event(n) for n in range(200)])
        hub.answers = False
        await hub.say()
        await until(lambda: len(hub.batches) >= 4)
        assert hub.epoch is not None
        await hub.client.publish(PI.ack, Ack(hub.epoch, 0, 4, ((6, 200),), hub.generation).to_json())
        await until(lambda: store.backlog == 1)
        await store.record([event(201)])
        await until(lambda: 201 in hub.seqs)
