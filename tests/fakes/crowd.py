"""A crowd on a simulated radio, as a process of its own: guests come and go, fast, for as long as somebody listens.

    python -m tests.fakes.crowd SOCKET GUESTS [--speed 20] [--seed 1] [--first 2000]

Badge numbers are FIRST, FIRST + 1 and so on. Each guest is heard once a second of decision time for some seconds, then
not for some, so that a gateway has events to write down all the time: at the default speed, between one and two a second and guest.
"""

import argparse
import asyncio
import random
from pathlib import Path

from tests.fakes.air import Air

FIRST = 2000
STAY_S = (6.0, 12.0)
"""Decision time."""
AWAY_S = (14.0, 22.0)
"""Longer than `leave_after` of the zone in `tests.system.faults.rig`."""


async def come_and_go(air: Air, minor: int, chance: random.Random) -> None:
    """One guest, for ever."""
    await asyncio.sleep(chance.uniform(0.0, sum(AWAY_S)) / air.speed)
    while True:
        await air.stay(minor, chance.uniform(*STAY_S))
        await asyncio.sleep(chance.uniform(*AWAY_S) / air.speed)


async def main(path: Path, guests: int, speed: float, seed: int, first: int = FIRST) -> None:
    """Serve the radio until killed."""
    async with Air(path, speed=speed).open() as air, asyncio.TaskGroup() as crowd:
        for number in range(guests):
            crowd.create_task(come_and_go(air, first + number, random.Random(seed * 10_000 + number)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("guests", type=int)
    parser.add_argument("--speed", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=FIRST)
    given = parser.parse_args()
    asyncio.run(main(given.path, given.guests, given.speed, given.seed, given.first))
