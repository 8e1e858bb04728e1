"""The shipped broker configuration, on a real mosquitto with certificates of `edgehub pki`, and our own ends of the wire."""

import asyncio
import json
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from edgehub.config import MqttSettings
from edgehub.core.wire import PeerLevels
from edgehub.gateway.store import Store
from edgehub.gateway.sync import Sync
from edgehub.hub.daemon import Hub, HubSettings, run_hub
from edgehub.mqtt import Mqtt
from edgehub.tools.authority import MACHINE_YEARS, Authority
from tests.fakes.event import event
from tests.fakes.intruder import Intruder
from tests.fakes.venue import SITE, Venue
from tests.fakes.waiting import until
from tests.system.faults.isolation import isolation

ROOT = f"edgehub/v1/{SITE}"
SUBSCRIBER = Path(__file__).parents[2] / "config/examples/subscriber.py"


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    with Venue(tmp_path_factory.mktemp("venue"), "pi-bar", "pi-lounge") as made:
        yield made
    assert ": Error: " not in made.log.read_text()


@asynccontextmanager
async def gateway_at(
    settings: MqttSettings, directory: Path, name: str = "pi-bar"
) -> AsyncIterator[tuple[Store, Sync]]:
    async with (
        Store(directory, boot_id="boot") as store,
        Sync(settings, store, site=SITE, gateway=name) as sync,
    ):
        yield store, sync


@asynccontextmanager
async def hub_at(settings: MqttSettings, directory: Path) -> AsyncIterator[Hub]:
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def tell(hub: Hub, _page: str | None) -> None:
        ready.set_result(hub)

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run_hub(HubSettings(SITE, settings, directory / "hub.db"), stop=stop, ready=tell))
        yield await ready
        stop.set()
        await running


# --- who may what


def test_nobody_speaks_or_listens_for_another(tmp_path: Path) -> None:
    """Two gateways, everybody's topics, every client id, wills, odd names, strangers: nothing works that should not."""
    findings = isolation(tmp_path, 2)
    for finding in findings:
        print(f"{finding.id:4} {finding.name}: {finding.value}")
    assert [finding for finding in findings if finding.ok is False] == []
    assert findings[-1].id == "S1-"


def test_a_gateway_may_say_what_is_its_own(venue: Venue) -> None:
    """Its branch, and how many are in a zone."""
    own = [f"{ROOT}/pi-bar/{rest}" for rest in ("status", "up/events/0", "up/ask", "up/anchor", "peers/levels")]
    with Intruder(venue.settings("pi-bar"), "whatever") as gateway:
        answers = gateway.say([*own, f"{ROOT}/zones/bar"], b"{}")
        assert set(answers.values()) <= {0, 16}  # 16: nobody listened, and that is fine
        assert gateway.say([f"{ROOT}/pi-lounge/status"], b"{}").popitem()[1] == 135


def test_a_gateway_hears_its_peers_and_the_hub(venue: Venue) -> None:
    """Levels and states of neighbours, the hub's state, occupancy, and what the hub sends down to it."""
    meant = [
        f"{ROOT}/{rest}"
        for rest in ("pi-lounge/peers/levels", "pi-lounge/status", "hub/status", "zones/bar", "pi-bar/down/ack")
    ]
    with Intruder(venue.settings("pi-bar"), "") as bar, Intruder(venue.settings("hub"), "") as hub:
        bar.listen([f"{ROOT}/+/peers/levels", f"{ROOT}/+/status", f"{ROOT}/zones/+", f"{ROOT}/pi-bar/down/#"])
        hub.say(meant, b"{}")
        assert bar.wait(lambda: len(bar.heard) >= len(meant))
        assert {topic for topic, _ in bar.heard} == set(meant)


def test_the_largest_messages_pass(venue: Venue) -> None:
    """A gateway in the middle of 2,000 stickers is not thrown out for telling its neighbours what it hears."""
    levels = PeerLevels(1.0, "ok", tuple((f"nearable:{number:027d}", -60.5, 30) for number in range(2000))).to_json()
    assert 64 * 1024 < len(levels) < PeerLevels.LIMIT
    with Intruder(venue.settings("pi-lounge"), "") as gateway:
        assert gateway.say([f"{ROOT}/pi-lounge/peers/levels"], levels).popitem()[1] in {0, 16}
        assert gateway.say([f"{ROOT}/pi-lounge/status"], b"x" * PeerLevels.LIMIT).popitem()[1] in {0, 16}


def test_a_message_too_large_ends_the_connection(venue: Venue) -> None:
    """No certificate buys the broker's memory."""
    with Intruder(venue.settings("pi-lounge"), "") as gateway:
        gateway._client.publish(f"{ROOT}/pi-lounge/status", b"x" * 280_000, qos=1)
        assert gateway.wait(lambda: gateway.losses > 0)


# --- our own ends of it


@pytest.mark.asyncio
async def test_gateway_and_hub_exchange_events_over_tls(venue: Venue, tmp_path: Path) -> None:
    """Settings as edgehub.yaml would give them: events reach the hub, its acknowledgement empties the outbox."""
    async with (
        hub_at(venue.settings("hub"), tmp_path) as hub,
        gateway_at(venue.settings("pi-bar"), tmp_path / "pi") as (store, sync),
    ):
        await until(lambda: sync.hub_online)
        await store.record([event(n) for n in range(120)])
        await until(lambda: store.backlog == 0)
        assert hub.board.totals["events"] == 120
        assert sync.why is None


@pytest.mark.asyncio
async def test_the_example_subscriber_empties_the_outbox(venue: Venue, tmp_path: Path) -> None:
    """A hub in thirty lines: it is killed in the middle, and in the end has every event once, and its gateway knows."""
    own = venue.settings("hub")
    command = [sys.executable, str(SUBSCRIBER), SITE, own.host, str(own.port), str(own.ca), str(own.cert), str(own.key)]
    async with gateway_at(venue.settings("pi-bar"), tmp_path / "pi") as (store, _):
        for numbers in (range(120), range(120, 200)):
            await store.record([event(n) for n in numbers])
            subscriber = await asyncio.create_subprocess_exec(*command, cwd=tmp_path)
            await until(lambda: store.backlog == 0, 15.0)
            subscriber.kill()
            await subscriber.wait()
    with closing(sqlite3.connect(tmp_path / "events.db")) as db:
        kept = [json.loads(text)["body"]["count"] for [text] in db.execute("SELECT event FROM events ORDER BY seq")]
    assert kept == list(range(200))


def test_the_example_subscriber_is_thirty_lines() -> None:
    """As promised; imports, comments and the docstring aside."""
    code = SUBSCRIBER.read_text().split('"""\n', 2)[1].splitlines()
    assert len([line for line in code if line.strip() and not line.startswith(("import", "from", "#"))]) <= 35


@pytest.mark.asyncio
async def test_a_revoked_gateway_is_refused_and_told(tmp_path: Path) -> None:
    """After the broker's restart with the new list: the revoked one has a sentence, the others are back."""
    with Venue(tmp_path, "pi-bar", "pi-lounge") as venue:
        lost = venue.settings("pi-lounge")
        moved = tmp_path / "kept"
        (venue.authority.folder / "machines/pi-lounge").rename(moved)
        lost = replace(
            lost, ca=str(moved / "ca.crt"), cert=str(moved / "pi-lounge.crt"), key=str(moved / "pi-lounge.key")
        )
        async with Mqtt(venue.settings("pi-bar"), "pi-bar") as bar, Mqtt(lost, "pi-lounge") as lounge:
            await until(lambda: bar.connected and lounge.connected)
            venue.authority.revoke("pi-lounge")
            await asyncio.to_thread(venue.restart)
            await until(lambda: bar.connected and "our certificate may be missing, revoked" in lounge.why)
            assert not lounge.connected


@pytest.mark.asyncio
async def test_a_clock_that_is_wrong_is_a_state_and_storing_goes_on(tmp_path: Path) -> None:
    """By this machine's clock the broker's certificate begins tomorrow: a sentence, and everything arrives once it is right."""
    venue = Venue(tmp_path, "pi-bar")
    right = venue.certs / "server.crt"
    kept = right.read_bytes()
    right.write_bytes(not_yet_valid(venue.authority))
    with venue:
        async with (
            hub_at(venue.settings("hub"), tmp_path),
            gateway_at(venue.settings("pi-bar"), tmp_path / "pi") as (store, sync),
        ):
            await until(lambda: "clock problem" in (sync.why or ""))
            assert sync.why == (
                f"broker at localhost:{venue.port}: clock problem: its certificate is not valid yet by the clock of this "
                "machine (is the time set?)"
            )
            assert await store.record([event(n) for n in range(10)])
            assert store.backlog == 10
            right.write_bytes(kept)
            await asyncio.to_thread(venue.restart)
            await until(lambda: store.backlog == 0, 30.0)


def not_yet_valid(authority: Authority) -> bytes:
    """A certificate for the key of the broker that begins tomorrow."""
    key = authority.folder / "machines/broker/server.key"
    request = authority._openssl("req", "-new", "-config", "openssl.cnf", "-key", str(key), "-subj", "/CN=tomorrow")
    begin, end = (authority.now + timedelta(days=days) for days in (1, 365 * MACHINE_YEARS))
    made = authority.folder / "ca/tomorrow.crt"
    authority._openssl(
        "ca", "-batch", "-notext", "-config", "openssl.cnf", "-in", "/dev/stdin", "-out", str(made), "-extfile", "broker.cnf",
        "-extensions", "machine", "-startdate", f"{begin:%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}", given=request,
    )  # fmt: skip
    return made.read_bytes()


@pytest.mark.asyncio
async def test_a_key_that_others_may_read_is_not_used(venue: Venue, tmp_path: Path) -> None:
    """Not even tried; the sentence says what to do, and done, it connects."""
    own = venue.settings("pi-lounge")
    key = tmp_path / "pi-lounge.key"
    shutil.copy(str(own.key), key)
    key.chmod(0o640)
    async with Mqtt(replace(own, key=str(key)), "pi-lounge") as client:
        await until(lambda: "others on this machine" in client.why)
        assert client.why.endswith(f"others on this machine may read {key} (mode 640); run: chmod 600 {key}")
        key.chmod(0o600)
        await until(lambda: client.connected)
