"""The simulated radio on a real socket, read with the decoder of the gateway."""

import asyncio
from pathlib import Path

import pytest

from edgehub.core.airwave import Decoder, Hello, pack_request, parse_hello
from edgehub.sim.guests import invite
from edgehub.sim.radio import SimulatedClock, SimulatedRadio
from edgehub.sim.venue import CONFERENCE
from edgehub.sim.world import populate


def radio(speed: float) -> SimulatedRadio:
    """A radio with twenty guests, its doors closed."""
    world = populate(CONFERENCE, invite(20, list(CONFERENCE.rooms), 1), seed=1)
    clock = SimulatedClock(asyncio.get_running_loop().time(), 1_700_000_000_000_000, speed)
    return SimulatedRadio(world, clock)


async def listen(path: Path, receiver: str, seconds: float) -> tuple[Hello, list]:
    """What a gateway of this name hears for a while."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(pack_request(receiver))
    hello = parse_hello(await reader.readline())
    decoder, heard = Decoder(receiver), []
    try:
        async with asyncio.timeout(seconds):
            while chunk := await reader.read(65536):
                heard += decoder.feed(chunk)
    except TimeoutError:
        pass
    finally:
        writer.close()
        await writer.wait_closed()
    return hello, heard


@pytest.mark.asyncio
async def test_a_gateway_hears_its_receiver_on_the_radios_clock(tmp_path: Path) -> None:
    """At speed 20 half a second brings ten seconds of adverts, stamped on the clock the hello started."""
    async with radio(20).serve(tmp_path / "r") as air:
        air.open_doors()
        hello, heard = await listen(tmp_path / "r", "pi-coffee", 0.6)
    assert hello.speed == 20
    assert hello.receiver == "pi-coffee"
    assert len(heard) > 30
    assert all(advert.receiver == "pi-coffee" for advert in heard)
    assert 5 < heard[-1].at - hello.t < 14
    assert [advert.at for advert in heard] == sorted(advert.at for advert in heard)


@pytest.mark.asyncio
async def test_the_air_is_silent_before_doors_open_and_after_they_close(tmp_path: Path) -> None:
    """Gateways may connect early; the world waits for them, and stops when told."""
    async with radio(20).serve(tmp_path / "r") as air:
        _, early = await listen(tmp_path / "r", "pi-bar", 0.2)
        air.open_doors()
        air.close_doors()
        _, late = await listen(tmp_path / "r", "pi-bar", 0.2)
        moment = air.moment
        await asyncio.sleep(0.1)
        assert air.connected == frozenset()
        assert air.moment == moment
    assert early == late == []


@pytest.mark.asyncio
async def test_strangers_are_turned_away(tmp_path: Path) -> None:
    """Who is no receiver of this venue, or speaks nonsense, is hung up on."""
    async with radio(1).serve(tmp_path / "r"):
        for opening in (pack_request("pi-cellar"), b"hello\n"):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "r")
            writer.write(opening)
            assert await asyncio.wait_for(reader.read(), 2) == b""
            writer.close()
            await writer.wait_closed()
