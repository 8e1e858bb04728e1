"""The simulated radio: lets the world run in time and hands every gateway, over a unix socket, what its receiver hears.

A gateway that connects late, or again, hears what is on the air from then on, as with a real radio. One that does not
read fast enough loses packets, which is counted.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edgehub.core.airwave import AirwaveError, Hello, pack_hello, pack_record, parse_request
from edgehub.sim.world import World

TICK_S = 0.02
MAX_UNREAD_BYTES = 1 << 20
GREETING_S = 5.0


@dataclass(frozen=True, slots=True)
class SimulatedClock:
    """Decision time and wall time of the simulated venue, from the real clock of the event loop."""

    real_start_s: float
    wall_start_us: int
    speed: float

    def decision(self, real_s: float) -> float:
        """Decision time in s: since the radio was switched on."""
        return (real_s - self.real_start_s) * self.speed

    def wall_us(self, decision_s: float) -> int:
        """Wall time of this moment in the venue, which runs ahead of ours when the speed is above 1."""
        return self.wall_start_us + round(decision_s * 1e6)

    def real(self, decision_s: float) -> float:
        """When this moment is, on the clock of the event loop."""
        return self.real_start_s + decision_s / self.speed


class SimulatedRadio:
    """Serves the world to gateways. The air is silent until `open_doors`, which is the world's moment 0."""

    def __init__(self, world: World, clock: SimulatedClock) -> None:
        self._world = world
        self._clock = clock
        self._ears: dict[str, set[asyncio.StreamWriter]] = {name: set() for name in world.building.receivers}
        self.opened_s: float | None = None
        """Decision time of the world's moment 0."""
        self.closed_s: float | None = None
        """The world's last moment."""
        self.running: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Ends only when the simulation fails."""
        self.adverts = 0
        self.lost = 0

    @property
    def connected(self) -> frozenset[str]:
        """The receivers somebody listens with."""
        return frozenset(name for name, writers in self._ears.items() if writers)

    def open_doors(self) -> None:
        """From now on people walk."""
        self.opened_s = self._now()

    def close_doors(self) -> None:
        """Everybody stops, and the air is silent again."""
        self.closed_s = self._now() - (self.opened_s or 0.0)

    @property
    def moment(self) -> float:
        """The world's moment, in s since the doors opened; it stays once they are closed."""
        if self.opened_s is None:
            return 0.0
        return self._now() - self.opened_s if self.closed_s is None else self.closed_s

    def _now(self) -> float:
        return self._clock.decision(asyncio.get_running_loop().time())

    @contextlib.asynccontextmanager
    async def serve(self, path: Path) -> AsyncIterator[Self]:
        """Let the world run, and serve it on a unix socket at `path`, while the context lasts."""
        server = await asyncio.start_unix_server(self._meet, path)
        self.running = asyncio.create_task(self._run(), name="simulated radio")
        try:
            yield self
        finally:
            self.running.cancel()
            server.close()
            for writer in [writer for writers in self._ears.values() for writer in writers]:
                writer.close()
            await asyncio.gather(self.running, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            if self.opened_s is not None and self.closed_s is None:
                self._tick(self.moment, self.opened_s)

    def _tick(self, moment: float, opened_s: float) -> None:
        chunks: dict[str, list[bytes]] = {}
        for receiver, at, rssi_dbm, address, payload in self._world.advance(moment):
            if self._ears[receiver]:
                chunks.setdefault(receiver, []).append(pack_record(opened_s + at, rssi_dbm, address, payload))
        for receiver, records in chunks.items():
            self._say(receiver, records)

    def _say(self, receiver: str, records: list[bytes]) -> None:
        data = b"".join(records)
        for writer in self._ears[receiver]:
            if writer.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
                self.lost += len(records)
            else:
                self.adverts += len(records)
                writer.write(data)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One gateway, from its first line to its last."""
        with contextlib.closing(writer), contextlib.suppress(OSError, AirwaveError, TimeoutError, ValueError):
            async with asyncio.timeout(GREETING_S):
                receiver = parse_request(await reader.readline())
            ears = self._ears.get(receiver)
            if ears is None:
                return
            now = self._now()
            writer.write(pack_hello(Hello(now, self._clock.speed, self._clock.wall_us(now), receiver)))
            ears.add(writer)
            try:
                await reader.read()  # a gateway says no more: this ends when it goes
            finally:
                ears.discard(writer)
