"""A gateway's radio on the simulated air: a real unix socket, cut, silent, wrong and back again."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgehub.core import airwave
from edgehub.core.advert import APPLE, Advertisement
from edgehub.core.airwave import Hello
from edgehub.gateway.radio import Patience, Radio, RadioState

QUICK = Patience(attempt_s=1.0, retry_s=0.01, longest_retry_s=0.05, hello_s=0.3)
IBEACON = bytes.fromhex("0215b5b182c7eab14988aa99b5c1517008d90001cf64c5")
RECORD = airwave.pack_record(100.5, -61, bytes.fromhex("c0ad00000001"), airwave.advertising_data(((APPLE, IBEACON),)))
HEARD = Advertisement("pi", "C0:AD:00:00:00:01", -61, 100.5, ((APPLE, IBEACON),))

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]


@dataclass(frozen=True)
class Settings:
    source: str
    adapters: tuple[str, ...] = ()


class Ear:
    """Collects what a radio says, and waits for it."""

    def __init__(self) -> None:
        self.adverts: list[Advertisement] = []
        self.states: list[RadioState] = []

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait at most 5 s for something to be true."""
        async with asyncio.timeout(5):
            while not true():  # noqa: ASYNC110 - anything may become true, not one event
                await asyncio.sleep(0.005)

    async def state(self, name: str) -> RadioState:
        """Wait for the newest state to be `name`."""
        await self.until(lambda: bool(self.states) and self.states[-1].state == name)
        return self.states[-1]


def radio(path: Path, ear: Ear) -> Radio:
    """Make the radio under test."""
    return Radio(Settings(f"socket:{path}"), "pi", ear.adverts.extend, ear.states.append, patience=QUICK)


def says(*parts: bytes, hello: Hello | None = None) -> Handler:
    """Make a server that greets, sends the parts and then holds the line."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert airwave.parse_request(await reader.readline()) == "pi"
        writer.write(airwave.pack_hello(hello or Hello(100.0, 20.0, 1_700_000_000_000_000, "pi")))
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0.001)
        await reader.read()
        writer.close()

    return serve


@asynccontextmanager
async def serving(path: Path, handler: Handler) -> AsyncIterator[None]:
    """Serve on the socket, and hang up on everybody at the end."""
    writers: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await handler(reader, writer)

    server = await asyncio.start_unix_server(accept, path)
    try:
        yield
    finally:
        server.close()
        for writer in writers:
            writer.close()
            await writer.wait_closed()
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - a socket file in a test


@pytest.mark.asyncio
async def test_what_the_simulated_radio_hears_is_delivered(tmp_path):
    """Records cut anywhere arrive as advertisements of this receiver, with the radio's own decision times."""
    ear, path = Ear(), tmp_path / "air"
    async with serving(path, says(RECORD[:9], RECORD[9:30], RECORD[30:] + RECORD)), radio(path, ear) as listening:
        await ear.until(lambda: len(ear.adverts) == 2)
        assert ear.adverts == [HEARD, HEARD]
        assert listening.states["pi"].adverts == 2
        assert ear.states[-1].healthy


@pytest.mark.asyncio
async def test_the_decision_clock_is_the_radios(tmp_path):
    """The clock starts at the radio's time, runs at its speed, carries its wall time and translates back to real time."""
    ear, path = Ear(), tmp_path / "air"
    async with serving(path, says()), radio(path, ear) as listening:
        clock, real = listening.clock, asyncio.get_running_loop().time
        assert clock.speed == 20.0
        before, at = real(), clock.now()
        await asyncio.sleep(0.05)
        passed, really = clock.now() - at, real() - before
        assert passed == pytest.approx(20 * really, rel=0.2)
        assert clock.at(at) == pytest.approx(before, abs=0.01)
        assert clock.wall_us() - 1_700_000_000_000_000 == pytest.approx((clock.now() - 100.0) * 1e6, abs=2e5)


def heard_at(t: float) -> bytes:
    """Make a record heard at a decision time."""
    return airwave.pack_record(t, -61, bytes.fromhex("c0ad00000001"), airwave.advertising_data(((APPLE, IBEACON),)))


@pytest.mark.asyncio
async def test_time_does_not_run_ahead_of_packets_that_wait(tmp_path):
    """A process kept from running for 40 s of the radio's time finds no gap: time follows the packets it then reads, and never runs back."""
    ear, path, clocked = Ear(), tmp_path / "air", []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(airwave.pack_hello(Hello(100.0, 20.0, 1_700_000_000_000_000, "pi")))
        await ear.state("ok")
        writer.write(b"".join(heard_at(100.0 + n / 25) for n in range(1000)))
        time.sleep(2.0)  # noqa: ASYNC251 - the whole process stands still
        await reader.read()
        writer.close()

    async with serving(path, serve), radio(path, ear) as listening:
        while len(ear.adverts) < 1000:
            clocked.append((listening.clock.now(), ear.adverts[-1].at if ear.adverts else 100.0))
            await asyncio.sleep(0)
        assert max(now - newest for now, newest in clocked) < 20 * 0.5
        assert clocked == sorted(clocked)
        assert listening.clock.now() == pytest.approx(139.96, abs=20 * 0.5)


@pytest.mark.asyncio
async def test_silence_passes_at_the_radios_speed(tmp_path):
    """While nothing comes, time goes on from the newest packet, so that silence expires; `at` says when it will be."""
    ear, path = Ear(), tmp_path / "air"
    async with serving(path, says(heard_at(500.0))), radio(path, ear) as listening:
        await ear.until(lambda: bool(ear.adverts))
        clock, loop = listening.clock, asyncio.get_running_loop()
        assert clock.now() == pytest.approx(500.0, abs=4)
        due = clock.at(520.0)
        assert due - loop.time() == pytest.approx(1.0, abs=0.2)
        await asyncio.sleep(due - loop.time())
        assert clock.now() == pytest.approx(520.0, abs=4)


@pytest.mark.asyncio
async def test_a_radio_that_is_not_there_is_a_state_and_comes_in_later(tmp_path):
    """Without a simulated radio the gateway starts, says what is missing once, and listens as soon as it appears."""
    ear, path = Ear(), tmp_path / "air"
    async with radio(path, ear):
        gone = await ear.state("gone")
        assert str(path) in gone.why
        assert "no such file" in gone.why
        await asyncio.sleep(0.2)
        assert len(ear.states) == 1
        async with serving(path, says(RECORD)):
            await ear.until(lambda: ear.adverts == [HEARD])


@pytest.mark.asyncio
async def test_a_lost_connection_is_made_again(tmp_path):
    """The radio's process dies mid-record: the state says so, the half record is forgotten, the next one counts."""
    ear, path = Ear(), tmp_path / "air"
    async with radio(path, ear) as listening:
        async with serving(path, says(RECORD + RECORD[:10])):
            await ear.until(lambda: len(ear.adverts) == 1)
        await ear.state("gone")
        async with serving(path, says(RECORD)):
            await ear.until(lambda: len(ear.adverts) == 2)
        assert listening.states["pi"].restarts >= 1
        assert listening.states["pi"].adverts == 2


async def _http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await reader.read()
    writer.close()


async def _mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def _endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"x" * 200_000)
    await reader.read()
    writer.close()


@pytest.mark.parametrize(
    ("handler", "state", "why"),
    [
        (_http, "failed", "no simulated radio"),
        (_endless, "failed", "never ends"),
        (_mute, "gone", "does not answer"),
        (says(b"\xff" * 64), "failed", "broken"),
        (says(hello=Hello(0.0, 1.0, 0, "pi-bar")), "failed", "answers for 'pi-bar', not for 'pi'"),
    ],
)
@pytest.mark.asyncio
async def test_a_stranger_on_the_socket_is_named(tmp_path, handler, state, why):
    """Whatever sits on the socket instead of a simulated radio, the state says what is wrong, and nothing is delivered."""
    ear, path = Ear(), tmp_path / "air"
    async with serving(path, handler), radio(path, ear):
        await ear.until(lambda: any(said.state == state and why in said.why for said in ear.states))
        assert ear.adverts == []


@pytest.mark.asyncio
async def test_an_unknown_source_is_refused_at_once():
    """A typo in `source` is an error at start, not a silent gateway."""
    ear = Ear()
    with pytest.raises(ValueError, match="bluez or socket:PATH"):
        async with Radio(Settings("sockets"), "pi", ear.adverts.extend, ear.states.append):
            pass


def _fault(batch: object) -> None:
    raise RuntimeError("a bug of ours")


@pytest.mark.asyncio
async def test_an_error_of_ours_does_not_silence_the_radio_for_good(tmp_path):
    """If the gateway's own code raises while taking a batch, the state says so and the source is started again."""
    ear, path = Ear(), tmp_path / "air"
    broken = Radio(Settings(f"socket:{path}"), "pi", _fault, ear.states.append, patience=QUICK)
    async with serving(path, says(RECORD)), broken:
        await ear.state("failed")
        assert "a bug of ours" in ear.states[-1].why
        await ear.until(lambda: [s.state for s in ear.states].count("ok") >= 2)
