"""A simulated radio in the hands of a test: says what the gateway's receiver hears, and when."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

from edgehub.core.airwave import Hello, pack_hello, pack_record, parse_request
from edgehub.sim.badges import ibeacon

UUID = "f7826da6-4fa2-4e98-8024-bc5b71e0893e"


class Air:
    """Serves one unix socket; a badge of the venue is heard whenever `hear` says so.

    Args:
        path: of the socket.
        speed: decision seconds per real second.
    """

    def __init__(self, path: Path, *, speed: float = 1.0) -> None:
        self.path = path
        self.speed = speed
        self._start = time.monotonic()
        self._wall_us = time.time_ns() // 1000
        self._writers: set[asyncio.StreamWriter] = set()
        self.listening = asyncio.Event()

    @property
    def now(self) -> float:
        """Decision time, s."""
        return 1000.0 + (time.monotonic() - self._start) * self.speed

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Self]:
        """Serve while the context lasts."""
        server = await asyncio.start_unix_server(self._meet, self.path)
        try:
            yield self
        finally:
            server.close()
            for writer in list(self._writers):
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiver = parse_request(await reader.readline())
        wall_us = self._wall_us + round((self.now - 1000.0) * 1e6)
        writer.write(pack_hello(Hello(self.now, self.speed, wall_us, receiver)))
        self._writers.add(writer)
        self.listening.set()
        with contextlib.suppress(OSError):
            await reader.read()
        self._writers.discard(writer)
        writer.close()

    def hear(self, minor: int, rssi_dbm: int) -> None:
        """One packet of badge ``minor`` reaches the receiver."""
        payload = ibeacon(bytes.fromhex(UUID.replace("-", "")), 1, minor)
        record = pack_record(self.now, rssi_dbm, minor.to_bytes(6, "big"), payload)
        for writer in self._writers:
            writer.write(record)

    async def stay(self, minor: int, seconds: float, rssi_dbm: int = -50) -> None:
        """The badge is heard once a second of decision time, for so long."""
        until = self.now + seconds
        while self.now < until:
            self.hear(minor, rssi_dbm)
            await asyncio.sleep(1.0 / self.speed)
