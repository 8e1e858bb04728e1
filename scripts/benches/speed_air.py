"""The stream as a simulated radio, in a process of its own: `speed_air.py SOCKET BADGES PER_S SPEED [ARRIVAL_EVERY_S]`.

Packets are made beforehand and sent again and again, so that this process stays cheap; on each turn phones have new
addresses and some badges have gone elsewhere. With ARRIVAL_EVERY_S a guest who likes coloured light comes in so often, and
leaves again.
"""

import asyncio
import json
import random
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from speed_stream import Air, Badge, Packet  # noqa: E402 - the path is set above

from edgehub.core.airwave import Hello, pack_hello, pack_record, parse_request  # noqa: E402

TICK_S = 0.01
GUESTS_FROM = 60_000
"""Badge numbers of the guests who like light; they are iBeacons all."""
GUESTS = 200
GUEST_HZ, GUEST_STAY_S = 5.0, 6.0
TURN_S = 20.0
MOVE_SHARE = 0.1
"""Of the badges, on each turn."""


@dataclass(slots=True)
class Sent:
    """A packet made beforehand."""

    address: bytes
    rssi_dbm: int
    data: bytes
    phone: bool


class Crowd:
    """Packets for ever, `per_s` in a second of decision time."""

    def __init__(self, badges: int, per_s: float) -> None:
        air = Air(badges, per_s=per_s or 1.0)
        self._rng = random.Random(7)
        self._packets = [self._sent(packet) for packet in air.packets(min(200_000, max(1_000, int(per_s * TURN_S))))]
        self._offsets: dict[bytes, int] = {}
        self._next = self._turn = 0
        self._per_s = per_s

    def until(self, now: float, last: float) -> list[bytes]:
        """The records between two moments of decision time."""
        count = int(now * self._per_s) - int(last * self._per_s)
        return [self._record(last + (now - last) * n / count) for n in range(count)]

    def _record(self, at: float) -> bytes:
        packet = self._packets[self._next]
        self._next += 1
        if self._next == len(self._packets):
            self._start_turn()
        address = (
            packet.address[:2] + self._turn.to_bytes(2, "big") + packet.address[4:] if packet.phone else packet.address
        )
        rssi_dbm = max(-100, packet.rssi_dbm + self._offsets.get(packet.address, 0))
        return pack_record(at, rssi_dbm, address, packet.data)

    def _start_turn(self) -> None:
        self._next, self._turn = 0, self._turn + 1
        for packet in self._packets:
            if not packet.phone and self._rng.random() < MOVE_SHARE / 20:
                self._offsets[packet.address] = self._rng.choice((0, -15, -30))

    @staticmethod
    def _sent(packet: Packet) -> Sent:
        address = bytes.fromhex(packet.address.replace(":", ""))
        return Sent(address, packet.rssi_dbm, packet.data, phone=address[0] != 0xC0)


class Visitors:
    """Guests who come in one after another, near the receiver, and are gone after a while."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        rng = random.Random(3)
        self._badges = [Badge(n, rng) for n in range(GUESTS_FROM, GUESTS_FROM + GUESTS)]
        self._data = [guest(badge).data(rng) for badge in self._badges]

    def until(self, now: float, last: float) -> list[bytes]:
        """Their records between two moments of real time."""
        records = []
        for n in range(max(0, int((last - GUEST_STAY_S) / self._every_s)), int(now / self._every_s) + 1):
            came = n * self._every_s
            beats = range(int(GUEST_HZ * max(0.0, last - came)), int(GUEST_HZ * min(GUEST_STAY_S, now - came)))
            address = b"\xd0\x00\x00\x00" + (n % GUESTS).to_bytes(2, "big")
            records += [pack_record(now, -48, address, self._data[n % GUESTS]) for _ in beats]
        return records


def guest(badge: Badge) -> Badge:
    """The same badge as an iBeacon."""
    badge.kind = "ibeacon"
    return badge


async def serve(path: str, badges: int, per_s: float, speed: float, arrival_every_s: float) -> None:
    crowd = Crowd(badges, per_s)
    visitors = Visitors(arrival_every_s) if arrival_every_s else None

    async def gateway(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiver = parse_request(await reader.readline())
        writer.write(pack_hello(Hello(0.0, speed, time.time_ns() // 1000, receiver)))
        start, last = time.monotonic(), 0.0
        while not reader.at_eof():
            await asyncio.sleep(TICK_S)
            now = (time.monotonic() - start) * speed
            writer.write(b"".join(crowd.until(now, last) + (visitors.until(now, last) if visitors else [])))
            last = now
            with suppress(ConnectionError):
                await writer.drain()

    async with await asyncio.start_unix_server(gateway, path):
        print(json.dumps({"ready": True}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    words = [*sys.argv[1:], "0"]
    asyncio.run(serve(words[0], int(words[1]), float(words[2]), float(words[3]), float(words[4])))
