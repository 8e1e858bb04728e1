"""A crowd on a simulated radio, as a process of its own: guests come and go, fast, for as long as somebody listens.

    python -m tests.fakes.crowd SOCKET GUESTS [--speed 20] [--seed 1] [--first 2000] [--bus ADDRESS]

Badge numbers are FIRST, FIRST + 1 and so on. Each guest is heard once a second of decision time for some seconds, then
not for some, so that a gateway has events to write down all the time: at the default speed, between one and two a second and guest.

With a bus, they are on a fake BlueZ at that address, as fast as life; SOCKET is then a file that is made once it is there.
"""

import argparse
import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.fakes.air import UUID, Air
from tests.fakes.bluez import FakeBluez

FIRST = 2000
STAY_S = (6.0, 12.0)
"""Decision time."""
AWAY_S = (14.0, 22.0)
"""Longer than `leave_after` of the zone in `tests.system.faults.rig`."""


class Radio(Protocol):
    """Where guests are heard."""

    speed: float

    async def stay(self, minor: int, seconds: float) -> None:
        """The badge is heard for so long, decision time."""
        ...


class BluezRadio:
    """A fake BlueZ as `Radio`."""

    speed = 1.0

    def __init__(self, bluez: FakeBluez) -> None:
        self._bluez = bluez

    async def stay(self, minor: int, seconds: float) -> None:
        """The badge is heard once a second."""
        payload = bytes.fromhex(f"0215{UUID.replace('-', '')}0001{minor:04x}c5")
        for _ in range(round(seconds)):
            self._bluez.hear(f"C0:AD:00:00:{minor >> 8:02X}:{minor & 0xFF:02X}", -50, manufacturer={0x004C: payload})
            await asyncio.sleep(1.0)


async def come_and_go(air: Radio, minor: int, chance: random.Random) -> None:
    """One guest, for ever."""
    await asyncio.sleep(chance.uniform(0.0, sum(AWAY_S)) / air.speed)
    while True:
        await air.stay(minor, chance.uniform(*STAY_S))
        await asyncio.sleep(chance.uniform(*AWAY_S) / air.speed)


async def on_socket(path: Path, badges: range, speed: float, seed: int) -> None:
    """Serve a socket until killed."""
    async with Air(path, speed=speed).open() as air:
        await crowd(air, badges, seed)


async def on_bus(address: str, ready: Callable[[], None], badges: range, seed: int) -> None:
    """Be a fake BlueZ until killed."""
    async with FakeBluez(address) as bluez:
        ready()
        await crowd(BluezRadio(bluez), badges, seed)


async def crowd(air: Radio, badges: range, seed: int) -> None:
    """All of them, for ever."""
    async with asyncio.TaskGroup() as tasks:
        for number, badge in enumerate(badges):
            tasks.create_task(come_and_go(air, badge, random.Random(seed * 10_000 + number)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("guests", type=int)
    parser.add_argument("--speed", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=FIRST)
    parser.add_argument("--bus")
    given = parser.parse_args()
    badges = range(given.first, given.first + given.guests)
    if given.bus is None:
        asyncio.run(on_socket(given.path, badges, given.speed, given.seed))
    else:
        asyncio.run(on_bus(given.bus, given.path.touch, badges, given.seed))
