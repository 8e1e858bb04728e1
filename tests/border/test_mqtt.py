"""paho inside asyncio against a real mosquitto: it comes back by itself, says why it is away, and stops in time."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgehub.config import MqttSettings
from edgehub.mqtt import MOST_UNREAD, Connected, Happening, Lost, Message, Mqtt, Will
from tests.fakes.broker import Broker, free_port


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("mosquitto")) as made:
        yield made


async def until(client: Mqtt, kind: type[Happening], within_s: float = 10.0) -> Happening:
    """The first happening of a kind."""
    async with asyncio.timeout(within_s):
        while True:
            for happening in await client.take():
                if isinstance(happening, kind):
                    return happening


async def messages(client: Mqtt, count: int, within_s: float = 10.0) -> list[Message]:
    """The next messages."""
    found: list[Message] = []
    async with asyncio.timeout(within_s):
        while len(found) < count:
            found += [one for one in await client.take() if isinstance(one, Message)]
    return found


@pytest.mark.asyncio
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_what_is_published_arrives_in_order(broker: Broker, protocol: str) -> None:
    """Over MQTT 5 and 3.1.1: more messages than the window holds, each once, in order."""
    settings = broker.settings(protocol)
    async with Mqtt(settings, "hears", subscriptions=[("t/+", 1)]) as hears, Mqtt(settings, "speaks") as speaks:
        await until(hears, Connected)
        await until(speaks, Connected)
        for number in range(100):
            assert await speaks.publish("t/a", str(number).encode(), expiry_s=60)
        assert [int(one.payload) for one in await messages(hears, 100)] == list(range(100))
        assert await speaks.flush(5.0)


@pytest.mark.asyncio
async def test_a_broker_that_comes_back_is_found_again(tmp_path: Path) -> None:
    """A killed broker is a Lost with a sentence; nothing is sent meanwhile, now or later; then subscriptions return."""
    with Broker(tmp_path) as broker:
        async with Mqtt(broker.settings(), "gateway", subscriptions=[("t/#", 1)]) as client:
            await until(client, Connected)
            broker.kill()
            await until(client, Lost)
            assert not client.connected
            assert str(broker.port) in client.why
            assert not await client.publish("t/lost", b"never")
            assert not client.publish_now("t/lost", b"never")
            broker.start()
            await until(client, Connected)
            assert await client.publish("t/new", b"x")
            assert [one.topic for one in await messages(client, 1)] == ["t/new"]


@pytest.mark.asyncio
async def test_an_absent_broker_is_a_sentence(tmp_path: Path) -> None:
    """Nobody listening, a name that does not exist, a port that says nothing: each has its own words."""
    async with Mqtt(MqttSettings("127.0.0.1", free_port()), "gateway") as client:
        lost = await until(client, Lost)
        assert isinstance(lost, Lost)
        assert "nothing listens there" in lost.why
    async with Mqtt(MqttSettings("no-such-host.invalid", 1883), "gateway") as client:
        await until(client, Lost)
        assert "there is no host called no-such-host.invalid" in client.why


@pytest.mark.asyncio
async def test_a_broker_that_refuses_us_is_a_sentence(tmp_path: Path) -> None:
    """Anonymous access switched off: refused, not authorised."""
    with Broker(tmp_path, anonymous=False) as broker:
        async with Mqtt(broker.settings(), "gateway") as client:
            await until(client, Lost)
            assert client.why == f"broker at 127.0.0.1:{broker.port}: refused: not authorised"


@pytest.mark.asyncio
async def test_a_refused_publish_is_a_complaint(tmp_path: Path) -> None:
    """A topic the access list forbids: MQTT 5 says so, and we say which topic."""
    rules = tmp_path / "acl"
    rules.write_text("topic readwrite allowed/#\n")
    with Broker(tmp_path, f"acl_file {rules}") as broker:
        async with Mqtt(broker.settings(), "gateway") as client:
            await until(client, Connected)
            await client.publish("forbidden/x", b"")
            await client.flush(5.0)
            assert client.complaint == "the broker refuses what we publish to forbidden/x: not authorised"
            await client.publish("allowed/x", b"")
            await client.flush(5.0)
            assert client.unheard == "allowed/x"


@pytest.mark.asyncio
async def test_the_will_is_spoken_when_we_vanish(broker: Broker) -> None:
    """A connection that is cut leaves its will; one that is closed in order does not."""
    async with Mqtt(broker.settings(), "watch", subscriptions=[("will/+", 1)]) as watch:
        await until(watch, Connected)
        async with Mqtt(broker.settings(), "orderly", will=Will("will/orderly", b"dead", retain=False)) as orderly:
            await until(orderly, Connected)
        async with Mqtt(broker.settings(), "cut", will=Will("will/cut", b"dead", retain=False)) as cut:
            await until(cut, Connected)
            assert cut._link is not None
            stream = cut._link.client.socket()
            assert isinstance(stream, socket.socket)
            stream.shutdown(socket.SHUT_RDWR)
            assert [one.topic for one in await messages(watch, 1)] == ["will/cut"]


@pytest.mark.asyncio
async def test_a_callback_that_fails_is_a_loss_not_a_silence(broker: Broker) -> None:
    """An exception kills paho's thread while it looks connected; we see the thread end and connect anew."""
    async with Mqtt(broker.settings(), "fails", subscriptions=[("boom", 1)]) as client:
        await until(client, Connected)
        assert client._link is not None

        def fail(*_: object) -> None:
            raise RuntimeError("boom")

        client._link.client.on_message = fail
        await client.publish("boom", b"")
        await until(client, Lost)
        await until(client, Connected)
        assert await client.publish("boom", b"again")
        assert (await messages(client, 1))[0].payload == b"again"


@pytest.mark.asyncio
async def test_closing_takes_two_seconds_at_most_whatever_hangs(tmp_path: Path) -> None:
    """A frozen broker, with the window full and a publisher waiting, does not hold up a stop."""
    with Broker(tmp_path) as broker:
        async with asyncio.TaskGroup() as tasks:
            async with Mqtt(broker.settings(), "gateway") as client:
                await until(client, Connected)
                broker.freeze()
                waiting = tasks.create_task(flood(client))
                await asyncio.sleep(0.2)
                assert not waiting.done()
                begin = time.monotonic()
            assert time.monotonic() - begin <= 2.0
            assert await asyncio.wait_for(waiting, 2.0) is False


async def flood(client: Mqtt) -> bool:
    """Publish until it fails."""
    while await client.publish("t", b"x"):
        pass
    return False


@pytest.mark.asyncio
async def test_closing_while_connecting_hangs_is_quick(tmp_path: Path) -> None:
    """A listener that accepts and never answers."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        begin = time.monotonic()
        async with Mqtt(MqttSettings("127.0.0.1", port), "gateway"):
            await asyncio.sleep(0.3)
        assert time.monotonic() - begin <= 2.5


@pytest.mark.asyncio
async def test_messages_nobody_takes_are_dropped_and_counted(broker: Broker) -> None:
    """The queue has a bound, and what goes beyond it is known."""
    async with Mqtt(broker.settings(), "slow", subscriptions=[("flood", 0)]) as slow:
        await until(slow, Connected)
        async with Mqtt(broker.settings(), "fast") as fast:
            await until(fast, Connected)
            for number in range(MOST_UNREAD + 500):
                fast.publish_now("flood", b"x")
                if number % 100 == 0:
                    await asyncio.sleep(0.002)
            await fast.publish("flood", b"last")
            await fast.flush(5.0)
        async with asyncio.timeout(10):
            while not slow.dropped:  # noqa: ASYNC110  # a counter is all there is to see
                await asyncio.sleep(0.05)
        assert len(await slow.take()) == MOST_UNREAD


@pytest.mark.long
@pytest.mark.asyncio
async def test_a_frozen_broker_is_noticed_within_twice_the_keepalive(tmp_path: Path) -> None:
    """A broker that stands still looks connected; 31 s later it does not."""
    with Broker(tmp_path) as broker:
        async with Mqtt(broker.settings(), "gateway") as client:
            await until(client, Connected)
            broker.freeze()
            await until(client, Lost, within_s=31.0)
            broker.thaw()
            await until(client, Connected, within_s=40.0)
