"""The reference hub over a real mosquitto and a real file: what it acknowledges it has, and of whom it may."""

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
import structlog

from edgehub.config import load_venue
from edgehub.core.profile import Profile
from edgehub.core.venue import BadgeScheme, Privacy, Venue, Zone
from edgehub.core.wire import (
    Ack,
    Anchor,
    Ask,
    At,
    Epoch,
    HubStatus,
    Identity,
    Mark,
    ProfilesPage,
    SiteTopics,
    Status,
    shed_class,
)
from edgehub.core.wire.envelope import batch, draft, place
from edgehub.hub.daemon import Hub, HubSettings, run_hub
from edgehub.mqtt import Message, Mqtt
from tests.fakes.broker import Broker
from tests.fakes.waiting import until

TOPICS = SiteTopics("expo")
PI = TOPICS.gateway("pi")
EPOCH = Epoch(1, "0123456789abcdef")
NOW_US = time.time_ns() // 1000
BUILD_US = 1_700_000_000_000_000
VENUE = Venue(
    zones={"bar": Zone("bar", "Bar"), "stage": Zone("stage", "Stage")},
    badges=BadgeScheme("f7826da6-4fa2-4e98-8024-bc5b71e0893e", 1),
    privacy=Privacy(screens_show="first names"),
)
REGISTRATION = """badge,first_name,colour,bands,consent
1042,Kim,teal,abba;queen,lights;music;screen;analytics
1043,Jo,#ff0000,,lights
1044,Al,red,,
"""

ZONES = """version: 1
badges: {ibeacon: f7826da6-4fa2-4e98-8024-bc5b71e0893e/1}
zones: {bar: {name: Bar}}
privacy: {need_consent: true, screens_show: first names}
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("mosquitto")) as made:
        yield made


class Gateway:
    """A gateway made by hand: it says what the test tells it to."""

    def __init__(self, client: Mqtt) -> None:
        self.client = client
        self.acks: list[Ack] = []
        self.pages: list[ProfilesPage] = []
        self.hubs: list[HubStatus] = []

    @property
    def profiles(self) -> dict[str, Profile]:
        """The newest of each person."""
        return {one.person: one for page in self.pages for one in page.profiles}

    async def listen(self) -> None:
        """Take what comes."""
        while True:
            for happening in await self.client.take():
                match happening:
                    case Message(topic, payload) if topic == PI.ack:
                        self.acks.append(Ack.read(payload))
                    case Message(topic, payload) if topic == PI.profiles:
                        self.pages.append(ProfilesPage.read(payload))
                    case Message(topic, payload) if topic == TOPICS.hub_status:
                        self.hubs.append(HubStatus.read(payload))

    async def send(self, *payloads: bytes, name: str = "pi") -> None:
        """Send events."""
        await self.client.publish(PI.events(0), batch(payloads, name))

    async def ask(self, since: int, *marks: Mark) -> None:
        """Ask."""
        await self.client.publish(PI.ask, Ask(since, marks).to_json())


def stored(seq: int, event_type: str = "badge.unknown_count", **body: Any) -> bytes:
    """An event as an outbox keeps it."""
    at = At("boot", seq, NOW_US + seq, "synced")
    return place(draft(event_type, shed_class(event_type), at, body or {"count": seq}), Identity(EPOCH, 0, seq))


def stay(seq: int, event_type: str, person: str, zone: str = "bar", **body: Any) -> bytes:
    return stored(seq, event_type, visit="v1", person=person, zone=zone, **body)


@asynccontextmanager
async def hub_at(
    broker: Broker, directory: Path, *, registration: bool = True, zones: Path | None = None
) -> AsyncIterator[Hub]:
    """A running hub."""
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def tell(hub: Hub, _page: str | None) -> None:
        ready.set_result(hub)

    path = directory / "registration.csv"
    if registration and not path.exists():
        path.write_text(REGISTRATION)
    settings = HubSettings(
        "expo",
        broker.settings(),
        directory / "hub.db",
        path if registration else None,
        VENUE if zones is None else load_venue(zones),
        zones,
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run_hub(settings, stop=stop, ready=tell))
        hub = await ready
        await until(lambda: hub.mqtt.connected)
        yield hub
        stop.set()
        await running


@asynccontextmanager
async def gateway_at(broker: Broker) -> AsyncIterator[Gateway]:
    topics = [(PI.ack, 1), (PI.profiles, 1), (TOPICS.hub_status, 1)]
    async with Mqtt(broker.settings(), "pi", subscriptions=topics) as client:
        await until(lambda: client.connected)
        async with asyncio.TaskGroup() as tasks:
            gateway = Gateway(client)
            listening = tasks.create_task(gateway.listen())
            await client.publish(PI.status, Status("online", "s1", EPOCH).to_json(), retain=True)
            yield gateway
            listening.cancel()
            await client.publish(PI.status, b"", retain=True)
            await client.flush(2.0)


def rows(directory: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(directory / "hub.db")) as connection:
        return connection.execute(query).fetchall()


def sequence(directory: Path, table: str = "events", where: str = "") -> list[int]:
    """Sequence numbers of the events of gateways."""
    query = f"select key from {table} where source = 'gateway/pi' {where}"
    return sorted(int(key.rsplit("/", 1)[1]) for (key,) in rows(directory, query))


def modes(directory: Path) -> dict[str, str]:
    """Who may read and write each file of the store."""
    return {path.name: f"{path.stat().st_mode & 0o777:o}" for path in directory.glob("hub.db*")}


async def kim(gateway: Gateway) -> str:
    """The id of the guest who agreed to everything."""
    await gateway.ask(0)
    await until(lambda: any(one.first_name == "Kim" for one in gateway.profiles.values()))
    return next(one.person for one in gateway.profiles.values() if one.first_name == "Kim")


@pytest.mark.asyncio
async def test_what_is_acknowledged_is_committed_and_counted_once(broker: Broker, tmp_path: Path) -> None:
    """Duplicates, gaps and reordering: each event is kept once, and the acknowledgement says exactly what is here."""
    async with hub_at(broker, tmp_path) as hub, gateway_at(broker) as gateway:
        await gateway.send(stored(1), stored(2), stored(5))
        await until(lambda: gateway.acks)
        assert (gateway.acks[-1].watermark, gateway.acks[-1].also) == (2, ((5, 5),))
        assert sequence(tmp_path) == [1, 2, 5]
        await gateway.send(stored(2), stored(4), stored(3), stored(3), stored(1))
        await until(lambda: gateway.acks[-1].watermark == 5)
        assert sequence(tmp_path) == [1, 2, 3, 4, 5]
        assert hub.board.totals["duplicates"] == 3
        assert gateway.acks[-1].hub_generation == hub.generation == gateway.hubs[-1].generation
        assert hub.board.totals["conflicts"] == 0


@pytest.mark.asyncio
async def test_a_hub_that_is_started_again_remembers_and_is_another_generation(broker: Broker, tmp_path: Path) -> None:
    """After a restart duplicates are duplicates; a question is answered with what is here; goodbye was said."""
    async with gateway_at(broker) as gateway:
        async with hub_at(broker, tmp_path) as first:
            await gateway.send(stored(1), stored(2))
            await until(lambda: gateway.acks)
        await until(lambda: gateway.hubs[-1].state == "offline")
        async with hub_at(broker, tmp_path) as second:
            await gateway.send(stored(2), stored(3))
            await until(lambda: gateway.acks[-1].watermark == 3)
            assert second.generation != first.generation
            unknown = Epoch(2, "f" * 16)
            await gateway.ask(0, Mark(EPOCH, 0, 3), Mark(unknown, 0, 9))
            await until(lambda: gateway.acks[-1].epoch == unknown)
            assert [ack.watermark for ack in gateway.acks[-2:]] == [3, 0]
    assert sequence(tmp_path) == [1, 2, 3]


@pytest.mark.asyncio
async def test_poison_is_set_aside_and_acknowledged(broker: Broker, tmp_path: Path) -> None:
    """A later version, a wrong body, another gateway's name: kept apart, acknowledged, and the rest is taken."""
    later = stored(2).replace(b'{"v":1', b'{"v":2')
    async with hub_at(broker, tmp_path), gateway_at(broker) as gateway:
        await gateway.send(stored(1), later, stored(3, "visit.left", visit=7), stored(4))
        await until(lambda: gateway.acks)
        assert gateway.acks[-1].watermark == 4
        await gateway.send(stored(5), name="pi-two")
        await until(lambda: gateway.acks[-1].watermark == 5)
        await gateway.client.publish(PI.events(0), b"[not json")
        await gateway.send(stored(6))
        await until(lambda: gateway.acks[-1].watermark == 6)
    assert len(rows(tmp_path, "select why from quarantine")) == 4
    assert sequence(tmp_path, where="and type = 'badge.unknown_count'") == [1, 4, 6]


@pytest.mark.asyncio
async def test_a_lone_event_that_cannot_be_read_is_acknowledged(broker: Broker, tmp_path: Path) -> None:
    """A batch that is not JSON is not acknowledged; sent alone, poison that still says who it is, is: and once."""
    poison = stored(2).replace(b'"count":2', b'"count":NaN')
    async with hub_at(broker, tmp_path), gateway_at(broker) as gateway:
        await gateway.send(stored(1), poison)
        await gateway.send(poison)
        await until(lambda: gateway.acks)
        assert (gateway.acks[-1].watermark, gateway.acks[-1].also) == (0, ((2, 2),))
        await gateway.send(stored(1))
        await gateway.send(poison)
        await until(lambda: gateway.acks[-1].watermark == 2)
    assert [why[:20] for (why,) in rows(tmp_path, "select why from quarantine")] == ["NaN is not a number "] * 2
    assert sequence(tmp_path, where="and type = 'badge.unknown_count'") == [1]
    assert sequence(tmp_path, where="and type = 'unreadable'") == [2]


def early(seq: int, event_type: str, monotonic_us: int, **body: Any) -> bytes:
    """An event of a Pi whose clock stands at its build date, in 2023."""
    at = At("boot", monotonic_us, BUILD_US + monotonic_us, "unsynced")
    return place(draft(event_type, shed_class(event_type), at, body), Identity(EPOCH, 0, seq))


@pytest.mark.asyncio
@pytest.mark.parametrize("how", ["topic", "event"])
async def test_events_of_an_unset_clock_are_corrected_by_an_anchor(broker: Broker, tmp_path: Path, how: str) -> None:
    """Flagged until then; afterwards events and stays are right, those that came before it and those after (T2)."""
    second, base_us = 1_000_000, NOW_US - 600_000_000
    async with hub_at(broker, tmp_path) as hub, gateway_at(broker) as gateway:
        person = await kim(gateway)
        visit = {"visit": "v1", "person": person, "zone": "bar"}
        await gateway.send(
            early(1, "visit.entered", 10 * second, **visit, entered_at=BUILD_US + 5 * second, evidence={}),
            early(2, "dwell.progress", 65 * second, **visit, dwell_s=60.0),
        )
        await until(lambda: gateway.acks)
        assert rows(tmp_path, "select count(*) from events where source = 'gateway/pi' and at_us <> told_us") == [(0,)]
        assert rows(tmp_path, "select count(*) from unanchored") == [(2,)]
        anchor = At("boot", 100 * second, base_us + 100 * second, "synced")
        if how == "topic":
            await gateway.client.publish(PI.anchor, Anchor(anchor).to_json())
            await until(lambda: rows(tmp_path, "select count(*) from unanchored") == [(0,)])
        else:
            at = At("boot", 101 * second, base_us + 101 * second, "synced")
            identity = Identity(EPOCH, 0, 3)
            await gateway.send(place(draft("clock.anchor", "vital", at, anchor.to_json()), identity))
            await until(lambda: gateway.acks[-1].watermark == 3)
        assert rows(tmp_path, "select entered_us, seen_us from stays") == [
            (base_us + 5 * second, base_us + 65 * second)
        ]
        bounds = {"entered_at": BUILD_US + 5 * second, "left_at": BUILD_US + 80 * second, "dwell_s": 75.0}
        await gateway.send(early(4, "visit.left", 90 * second, **visit, **bounds))
        await until(lambda: 4 in {high for ack in gateway.acks for _, high in (*ack.also, (0, ack.watermark))})
        assert rows(tmp_path, "select told_us from events where source = 'gateway/pi' and key like '%/4'") == [
            (BUILD_US + 90 * second,)
        ]
        corrected = rows(
            tmp_path, "select at_us from events where source = 'gateway/pi' and key not like '%/3' order by key"
        )
        assert corrected == [(base_us + at * second,) for at in (10, 65, 90)]
        assert hub.ledger.dwell_s(person, NOW_US) == {"bar": 75.0}
        assert rows(tmp_path, "select left_us from stays") == [(base_us + 80 * second,)]


@pytest.mark.asyncio
async def test_nothing_happened_later_than_the_hub_heard_of_it(broker: Broker, tmp_path: Path) -> None:
    """A clock ten years ahead that is never set: its stays end by the time they were received."""
    ahead_us = NOW_US + 3650 * 24 * 3600 * 1_000_000
    async with hub_at(broker, tmp_path), gateway_at(broker) as gateway:
        person = await kim(gateway)
        at = At("boot", 1, ahead_us, "unsynced")
        body = {"visit": "v1", "person": person, "zone": "bar", "entered_at": ahead_us - 5_000_000, "evidence": {}}
        await gateway.send(place(draft("visit.entered", "visit", at, body), Identity(EPOCH, 0, 1)))
        await until(lambda: gateway.acks)
        [(entered_us,)] = rows(tmp_path, "select entered_us from stays")
        assert NOW_US - 5_000_000 <= entered_us <= time.time_ns() // 1000 - 5_000_000


@pytest.mark.asyncio
async def test_receipts_of_erasures_are_kept(broker: Broker, tmp_path: Path) -> None:
    """Up to which revision a gateway has confirmed; an older one takes nothing back."""
    async with hub_at(broker, tmp_path), gateway_at(broker) as gateway:
        await gateway.send(stored(1, "erasure.receipt", revision=8), stored(2, "erasure.receipt", revision=5))
        await until(lambda: gateway.acks)
    assert rows(tmp_path, "select gateway, revision from receipts") == [("pi", 8)]


@pytest.mark.asyncio
async def test_an_event_erased_after_it_was_sent_is_no_conflict(broker: Broker, tmp_path: Path) -> None:
    """The gateway did not know that the hub had it; what the hub has stays until its own erasure."""
    async with hub_at(broker, tmp_path), gateway_at(broker) as gateway:
        await gateway.send(stored(1))
        await gateway.send(stored(1, "event.erased", note=""), stored(2, "event.erased", note=""))
        await until(lambda: gateway.acks and gateway.acks[-1].watermark == 2)
    assert rows(tmp_path, "select count(*) from conflicts") == [(0,)]
    assert rows(tmp_path, "select type from events where source = 'gateway/pi'") == [
        ("badge.unknown_count",),
        ("event.erased",),
    ]


@pytest.mark.asyncio
async def test_epochs_a_gateway_has_nothing_of_are_forgotten(broker: Broker, tmp_path: Path) -> None:
    """A day after it was last heard of, unless the gateway still names it; what never arrived of it is told as lost."""
    old, named = Epoch(1, "a" * 16), Epoch(2, "b" * 16)
    async with hub_at(broker, tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "hub.db")) as store, store:
        insert = "insert into received (gateway, nonce, partition, start, watermark, ranges, heard_us) values "
        long_ago = NOW_US - 25 * 3600 * 1_000_000
        for nonce, ranges, heard_us in (
            (old.nonce, "[[10, 12]]", long_ago),
            (named.nonce, "[]", long_ago),
            (EPOCH.nonce, "[]", NOW_US),
        ):
            store.execute(f"{insert} ('pi', '{nonce}', 0, 1, 7, '{ranges}', {heard_us})")
        store.execute(f"{insert} ('pi-two', '{old.nonce}', 0, 1, 7, '[]', {long_ago})")
    async with hub_at(broker, tmp_path) as hub, gateway_at(broker) as gateway:
        await gateway.ask(0, Mark(named, 0, 7))
        await until(lambda: gateway.pages)
        kept = rows(tmp_path, "select gateway, nonce from received order by gateway, nonce")
        assert kept == [("pi", EPOCH.nonce), ("pi", named.nonce), ("pi-two", old.nonce)]
        assert hub.board.totals["lost"] == 2
        await gateway.send(stored(8))
        await until(lambda: any(ack.watermark == 8 for ack in gateway.acks))


@pytest.mark.asyncio
async def test_a_death_of_an_earlier_life_is_ignored(broker: Broker, tmp_path: Path) -> None:
    """The will of a session that was taken over comes after the new birth, and changes nothing."""
    async with hub_at(broker, tmp_path) as hub, gateway_at(broker) as gateway:
        await until(lambda: hub.board.online() == ["pi"])
        await gateway.client.publish(PI.status, Status("offline", "s0").to_json(), retain=True)
        await gateway.client.publish(TOPICS.zone("bar"), b'{"zone":"bar","count":3}')
        await until(lambda: hub.board.snapshot()["zones"][0]["count"] == 3)
        assert hub.board.online() == ["pi"]
        await gateway.client.publish(PI.status, Status("offline", "s1").to_json(), retain=True)
        await until(lambda: hub.board.online() == [])


@pytest.mark.asyncio
async def test_the_same_identity_with_other_content_is_a_conflict(broker: Broker, tmp_path: Path) -> None:
    """A cloned or forged outbox is noted, and does not replace what is here."""
    async with hub_at(broker, tmp_path), gateway_at(broker) as gateway:
        await gateway.send(stored(1))
        await gateway.send(stored(1, count=666), stored(2))
        await until(lambda: gateway.acks and gateway.acks[-1].watermark == 2)
    assert sequence(tmp_path, "conflicts") == [1]
    assert json.loads(
        rows(tmp_path, "select body from events where source = 'gateway/pi' and key like '%/1'")[0][0]
    ) == {"count": 1}


@pytest.mark.asyncio
async def test_shed_events_do_not_hold_the_watermark(broker: Broker, tmp_path: Path) -> None:
    """What a gateway had to give up is passed over and counted as lost."""
    report = stored(
        9, "store.shed", epoch=EPOCH.nonce, partition=0, shed_class="sample", count=7, ranges=[[2, 4], [5, 8]]
    )
    async with hub_at(broker, tmp_path) as hub, gateway_at(broker) as gateway:
        await gateway.send(stored(1), report)
        await until(lambda: gateway.acks)
        assert gateway.acks[-1].watermark == 9
        assert hub.board.totals["shed"] == 7


@pytest.mark.asyncio
async def test_only_what_a_guest_agreed_to_travels(broker: Broker, tmp_path: Path) -> None:
    """Name, colour and bands go with their purpose; who agreed to nothing is a bare tombstone."""
    async with hub_at(broker, tmp_path), gateway_at(broker) as gateway:
        await kim(gateway)
        by_colour = {one.colour: one for one in gateway.profiles.values()}
    full, lights_only, nothing = by_colour["#008080"], by_colour["#ff0000"], by_colour[None]
    assert (full.first_name, full.bands, full.badges[0].badge) == ("Kim", ("abba", "queen"), "1042")
    assert (lights_only.first_name, lights_only.consent) == (None, {"lights"})
    assert nothing == Profile(nothing.person, nothing.revision, erased=True)


@pytest.mark.asyncio
async def test_visits_are_kept_only_of_guests_who_agreed(broker: Broker, tmp_path: Path) -> None:
    """Of others the event is counted and acknowledged, and nothing of the person is in the file."""
    async with hub_at(broker, tmp_path) as hub, gateway_at(broker) as gateway:
        person = await kim(gateway)
        jo = next(one.person for one in gateway.profiles.values() if one.colour == "#ff0000")
        await gateway.send(
            stay(1, "visit.entered", person, entered_at=NOW_US - 5_000_000, evidence={}),
            stored(2, "visit.entered", visit="v2", person=jo, zone="bar", entered_at=NOW_US, evidence={"secret": 1}),
            stored(3, "visit.entered", visit="v3", person="nobody", zone="bar", entered_at=NOW_US, evidence={}),
        )
        await until(lambda: gateway.acks and gateway.acks[-1].watermark == 3)
        board = hub.board.snapshot()
        assert [(one["label"], one["zone"]) for one in board["people"]] == [("Kim", "bar")]
        assert [one["label"] for one in board["leaders"]["bar"]] == ["Kim"]
    assert rows(tmp_path, "select subject, body is null from events where source = 'gateway/pi' order by id") == [
        (f"person:{person}", 0),
        (None, 1),
        (None, 1),
    ]
    assert rows(tmp_path, "select person from stays") == [(person,)]


@pytest.mark.asyncio
async def test_the_later_report_of_a_visit_counts(broker: Broker, tmp_path: Path) -> None:
    """Back-dated bounds replace live ones by their place in the sequence, whatever the order of arrival."""
    async with hub_at(broker, tmp_path) as hub, gateway_at(broker) as gateway:
        person = await kim(gateway)
        minute = 60_000_000
        begin = NOW_US - 10 * minute
        bounds = {"entered_at": begin, "left_at": begin + 3 * minute, "dwell_s": 180.0}
        await gateway.send(
            stay(4, "visit.corrected", person, **bounds | {"left_at": begin + 2 * minute, "dwell_s": 120.0})
        )
        await gateway.send(
            stay(1, "visit.entered", person, entered_at=begin + minute, evidence={}),
            stay(2, "dwell.progress", person, dwell_s=60.0),
            stay(3, "visit.left", person, **bounds),
        )
        await until(lambda: gateway.acks and gateway.acks[-1].watermark == 4)
        assert hub.ledger.dwell_s(person, NOW_US) == {"bar": 120.0}


@pytest.mark.asyncio
async def test_an_edited_registration_reaches_the_gateways(broker: Broker, tmp_path: Path) -> None:
    """A changed row is a new revision of the same person, a removed one a tombstone, and nothing else is sent."""
    async with hub_at(broker, tmp_path) as hub, gateway_at(broker) as gateway:
        person = await kim(gateway)
        now = NOW_US
        await gateway.send(stay(1, "visit.entered", person, entered_at=now, evidence={}))
        await until(lambda: gateway.acks)
        before, known = hub.roster.revision, len(gateway.pages)
        path = tmp_path / "registration.csv"
        path.write_text(REGISTRATION.replace("1043,Jo,#ff0000", "1043,Jo,#00ff00").replace("1042,Kim", "1049,Kim"))
        await until(lambda: len(gateway.pages) > known)
        news = {one.person: one for page in gateway.pages[known:] for one in page.profiles}
        assert news[person] == Profile(person, news[person].revision, erased=True)
        assert {one.colour for one in news.values()} == {None, "#00ff00", "#008080"}
        assert all(one.revision > before for one in news.values())
        assert person not in list(hub.ledger)
    assert rows(tmp_path, "select count(*) from stays") == [(0,)]
    assert rows(tmp_path, "select subject from events where source = 'gateway/pi'") == [(None,)]


@pytest.mark.asyncio
async def test_a_broken_registration_keeps_the_guests(broker: Broker, tmp_path: Path) -> None:
    """A file that cannot be read, and bad rows in one that can: nobody else vanishes."""
    async with hub_at(broker, tmp_path) as hub, gateway_at(broker) as gateway:
        await kim(gateway)
        path = tmp_path / "registration.csv"
        path.write_text("no,columns,here\n")
        await asyncio.sleep(2.5)
        assert len(list(hub.roster)) == 3
        path.write_text(REGISTRATION + "what is this,Zed,teal,,lights\n1050,Ann,nocolour,,lights\n")
        await until(lambda: len(list(hub.roster)) == 4)
        assert {one.first_name for one in hub.roster} == {"Kim", "Jo", "Al", "Ann"}
        path.write_text(REGISTRATION.replace("1042,Kim", "1o42?,Kim") + "1051,Bo,,,lights\n")
        await until(lambda: len(list(hub.roster)) == 5)
        assert "Kim" in {one.first_name for one in hub.roster}, "a mistyped badge must not forget its guest"
        path.write_text(REGISTRATION.splitlines()[0] + "\n")
        await asyncio.sleep(2.5)
        assert len(list(hub.roster)) == 5, "an empty list must not forget everybody"


@pytest.mark.asyncio
async def test_a_bad_colour_does_not_keep_a_guest_who_withdrew(broker: Broker, tmp_path: Path) -> None:
    """Only a badge that cannot be read may hide somebody; then the log says that guests are kept, and no name."""
    path = tmp_path / "registration.csv"
    async with hub_at(broker, tmp_path) as hub:
        await until(lambda: len(list(hub.roster)) == 3)
        path.write_text(REGISTRATION.replace("1042,Kim", "Kim Hansen,Kim").replace("red", "Al Hansen"))
        with structlog.testing.capture_logs() as logs:
            await until(lambda: "registration.read" in {line["event"] for line in logs})
        assert len(list(hub.roster)) == 3
        [kept] = [line for line in logs if line["event"] == "registration.kept"]
        assert (kept["kept"], kept["lines"]) == (1, 1)
        assert "registration.csv:4:1: what stands under colour" in str(logs)
        assert "Hansen" not in str(logs)
        path.write_text(REGISTRATION.replace("1042,Kim", "1050,Kim").replace("red", "nocolour"))
        await until(lambda: "1042" not in {bind.badge for one in hub.roster for bind in one.badges})
        assert len(list(hub.roster)) == 3


@pytest.mark.asyncio
async def test_a_withdrawal_is_not_lost_to_a_disk_that_refuses_once(broker: Broker, tmp_path: Path) -> None:
    """What could not be stored is read again until it is."""
    async with hub_at(broker, tmp_path) as hub:
        await until(lambda: len(list(hub.roster)) == 3)
        with closing(sqlite3.connect(tmp_path / "hub.db", isolation_level=None)) as other:
            other.execute("begin exclusive")
            (tmp_path / "registration.csv").write_text("".join(REGISTRATION.splitlines(keepends=True)[:3]))
            await until(lambda: hub.failing is not None, within_s=10)
            other.execute("rollback")
        assert len(list(hub.roster)) == 3
        await until(lambda: len(list(hub.roster)) == 2)


@pytest.mark.asyncio
async def test_edits_of_the_zones_are_taken_up(broker: Broker, tmp_path: Path) -> None:
    """Names, what screens show and whose consent is needed; a mistake and another kind of badge keep what was good."""
    path = tmp_path / "zones.yaml"
    path.write_text(ZONES)
    async with hub_at(broker, tmp_path, zones=path) as hub, gateway_at(broker) as gateway:
        person = await kim(gateway)
        await until(lambda: len(gateway.profiles) == 3)
        await gateway.send(stay(1, "visit.entered", person, entered_at=NOW_US, evidence={}))
        await until(lambda: gateway.acks)
        path.write_text(ZONES + "nonsense: 1\n")
        with structlog.testing.capture_logs() as logs:
            await until(lambda: "config.refused" in {line["event"] for line in logs})
        assert [one["label"] for one in hub.board.snapshot()["people"]] == ["Kim"]
        path.write_text(ZONES.replace("Bar", "The bar").replace("first names", "colours").replace("/1}", "/2}"))
        await until(lambda: hub.board.snapshot()["zones"][0]["name"] == "The bar")
        assert [one["label"] for one in hub.board.snapshot()["people"]] == [None]
        assert (hub.venue.badges, hub.roster.name(person)) == (VENUE.badges, "Kim")
        path.write_text(ZONES.replace("true", "false"))
        await until(lambda: {one.first_name for one in gateway.profiles.values()} == {"Kim", "Jo", "Al"})
        path.write_text(ZONES)
        await until(lambda: {one.first_name for one in gateway.profiles.values()} == {"Kim", None})


@pytest.mark.asyncio
async def test_the_file_is_its_owners_alone(broker: Broker, tmp_path: Path) -> None:
    """Names and badges of guests are in it: whoever else works on the machine cannot read them."""
    async with hub_at(broker, tmp_path) as hub:
        await until(lambda: len(list(hub.roster)) == 3)
        assert modes(tmp_path) == {"hub.db": "600", "hub.db-wal": "600", "hub.db-shm": "600"}


@pytest.mark.asyncio
async def test_person_ids_last(broker: Broker, tmp_path: Path) -> None:
    """The same badge is the same person after a restart, and a gateway that knows the revision is told nothing."""
    async with gateway_at(broker) as gateway:
        async with hub_at(broker, tmp_path):
            person = await kim(gateway)
        gateway.pages.clear()
        async with hub_at(broker, tmp_path) as hub:
            await gateway.ask(hub.roster.revision)
            await until(lambda: gateway.pages and gateway.pages[-1].profiles == ())
            assert hub.roster.name(person) == "Kim"


@pytest.mark.asyncio
async def test_a_new_hub_outruns_the_revisions_gateways_know(broker: Broker, tmp_path: Path) -> None:
    """A gateway that knows revision 500 of a lost hub takes the new hub's profiles all the same."""
    async with hub_at(broker, tmp_path), gateway_at(broker) as gateway:
        await kim(gateway)
        gateway.pages.clear()
        await gateway.ask(500)
        await until(lambda: gateway.pages and gateway.pages[-1].upto > 500)
        assert sorted(one.revision for one in gateway.pages[-1].profiles) == [501, 502, 503]


@pytest.mark.asyncio
async def test_the_board_shows_gateways_counts_and_lights(broker: Broker, tmp_path: Path) -> None:
    """State of each gateway from its retained status, counts from the zones' topics, lights from events."""
    async with hub_at(broker, tmp_path) as hub, gateway_at(broker) as gateway:
        details = {"radio": {"state": "deaf", "why": "x"}, "hue": {"hall": {"state": "gone"}}, "backlog": 4}
        await gateway.client.publish(PI.status, Status("online", "s1", EPOCH, details).to_json(), retain=True)
        await gateway.client.publish(TOPICS.zone("bar"), b'{"zone":"bar","count":12}')
        await gateway.send(stored(1, "light.shown", zone="bar", colour="#ff8800"))
        await until(lambda: gateway.acks)
        board = hub.board.snapshot()
        assert board["gateways"] == [
            {"id": "pi", "state": "online", "radio": "deaf", "hue": "gone", "backlog": 4, "why": ""}
        ]
        [bar, _] = board["zones"]
        assert (bar["count"], bar["light"]["colour"], bar["light"]["state"]) == (12, "#ff8800", "people")
        json.dumps(board)


@pytest.mark.asyncio
async def test_a_lamp_is_shown_as_it_is_whoever_it_is_for(broker: Broker, tmp_path: Path) -> None:
    """Of a guest who agreed to lights only the page shows the lamp, and nobody beside it."""
    async with hub_at(broker, tmp_path) as hub, gateway_at(broker) as gateway:
        await kim(gateway)
        jo = next(one.person for one in gateway.profiles.values() if one.colour == "#ff0000")
        await gateway.send(stored(1, "light.shown", zone="bar", colour="#ff0000", person=jo))
        await until(lambda: gateway.acks)
        board = hub.board.snapshot()
        assert (board["zones"][0]["light"]["colour"], board["zones"][0]["count"]) == ("#ff0000", 0)
        assert board["people"] == []
    assert rows(tmp_path, "select subject, body from events where source = 'gateway/pi'") == [(None, None)]


@pytest.mark.asyncio
async def test_a_hub_whose_disk_refuses_acknowledges_nothing(broker: Broker, tmp_path: Path) -> None:
    """While the file is held by another, nothing is acknowledged; the resend is taken afterwards, once."""
    async with hub_at(broker, tmp_path, registration=False) as hub, gateway_at(broker) as gateway:
        with closing(sqlite3.connect(tmp_path / "hub.db", isolation_level=None)) as other:
            other.execute("begin exclusive")
            await gateway.send(stored(1))
            await until(lambda: hub.failing is not None)
            assert gateway.acks == []
            other.execute("rollback")
        await gateway.send(stored(1))
        await until(lambda: gateway.acks)
        assert hub.failing is None
    assert sequence(tmp_path) == [1]
