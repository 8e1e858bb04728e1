"""The stream of SPD1 to SPD4 and SPD11: a venue's adverts, the same for edgehub and for its peers.

Badges send at 1 to 10 Hz (log-uniform); 40 % are iBeacons, 20 % Eddystone, 12 % stickers, 18 % Telemetry whose sensors
change with each packet, 10 % send Estimote's identifier frame. 30 % of all adverts are phones', which change their
address every quarter of an hour. Every packet has fresh byte objects, as from a radio.
"""

import random
import struct
from collections.abc import Iterator
from typing import NamedTuple

from edgehub.core.advert import Advertisement
from edgehub.core.decode import structures
from edgehub.core.venue import BadgeScheme

VENUE_UUID = "f7826da6-4fa2-4e98-8024-bc5b71e0893e"
MAJOR = 1
SCHEME = BadgeScheme(VENUE_UUID, MAJOR)
RECEIVERS = ("pi-lounge", "pi-coffee", "pi-bacon")
"""Ours first, then the two peers."""

SHARES = (("ibeacon", 0.40), ("eddystone", 0.60), ("nearable", 0.72), ("telemetry", 0.90), ("identifier", 1.0))
PHONES, PHONE_SHARE, PHONE_ADDRESS_S = 200, 0.30, 900.0
STAY_S = 90.0
"""A badge changes its zone about so often."""


class Packet(NamedTuple):
    """One advert on the air: a whole advert as bytes."""

    at: float
    address: str
    rssi_dbm: int
    data: bytes


class Badge:
    """One badge: its format, its rate, and where it is just now."""

    def __init__(self, number: int, rng: random.Random) -> None:
        dice = random.Random(number).random()  # of the number alone: the same badge in every stream
        self.kind = next(kind for kind, upto in SHARES if dice < upto)
        self.number = number
        self.address = address(0xC0, number)
        self.hz = 10.0 ** rng.random()
        self.levels = [rng.uniform(-88, -58) for _ in RECEIVERS]

    @property
    def key(self) -> str:
        """Its badge key."""
        match self.kind:
            case "ibeacon":
                return str(self.number)
            case "eddystone":
                return f"eddystone:{'ab' * 10}/{self.number:012x}"
            case "nearable":
                return f"nearable:{self.number:016x}"
        return f"estimote:{self.number:016x}"

    def data(self, rng: random.Random) -> bytes:
        """A fresh advert of it."""
        n = self.number
        match self.kind:
            case "ibeacon":
                uuid = bytes.fromhex(VENUE_UUID.replace("-", ""))
                return b"\x02\x01\x06" + field(0xFF, b"\x4c\x00\x02\x15" + uuid + struct.pack(">HHb", MAJOR, n, -59))
            case "eddystone":
                uid = b"\x00\xee" + b"\xab" * 10 + n.to_bytes(6, "big") + b"\x00\x00"
                return b"\x02\x01\x06\x03\x03\xaa\xfe" + field(0x16, b"\xaa\xfe" + uid)
            case "nearable":
                rest = b"\x04\x01\x68\xa1\xaa" + rng.randbytes(3) + b"\x45\x25\x53"
                return b"\x02\x01\x04\x03\x03\x0f\x18" + field(0xFF, b"\x5d\x01\x01" + n.to_bytes(8, "big") + rest)
            case "telemetry":
                frame = b"\x22" + n.to_bytes(8, "big") + bytes([rng.randrange(2)]) + rng.randbytes(10)
                return b"\x02\x01\x04\x03\x03\x9a\xfe" + field(0x16, b"\x9a\xfe" + frame)
        frame = b"\x00" + n.to_bytes(8, "big") + bytes(8) + b"\x61\x44\x40"
        return b"\x02\x01\x04\x03\x03\x9a\xfe" + field(0x16, b"\x9a\xfe" + frame)


class Air:
    """A venue that never stops: ask it for the next packets."""

    def __init__(self, badges: int, *, per_s: float | None = None, seed: int = 1) -> None:
        self._rng = random.Random(seed)
        self.badges = [Badge(number, self._rng) for number in range(1, badges + 1)]
        self._weights = [badge.hz for badge in self.badges]
        self._per_s = per_s or sum(self._weights) / (1 - PHONE_SHARE)
        self.now = 0.0

    def packets(self, count: int) -> Iterator[Packet]:
        """The next packets, in order of time."""
        rng = self._rng
        for badge in rng.choices(self.badges, self._weights, k=count):
            self.now += rng.expovariate(self._per_s)
            yield self._phone() if rng.random() < PHONE_SHARE else self._packet(badge)

    def advertisements(self, count: int) -> list[Advertisement]:
        """The same as the radio border hands them on: structures of interest cut out."""
        return [
            Advertisement(RECEIVERS[0], p.address, p.rssi_dbm, p.at, tuple(structures(p.data)))
            for p in self.packets(count)
        ]

    def levels(self, peer: int) -> list[tuple[str, float, int]]:
        """What a peer heard in the last second: (badge, mean dBm, packets)."""
        rng = self._rng
        return [(b.key, b.levels[peer] + rng.gauss(0, 3), max(1, round(b.hz))) for b in self.badges]

    def _packet(self, badge: Badge) -> Packet:
        rng = self._rng
        if rng.random() < 1 / (STAY_S * badge.hz):
            rng.shuffle(badge.levels)
        level = round(badge.levels[0] + rng.gauss(0, 4))
        return Packet(self.now, "".join(badge.address), max(-100, min(-30, level)), badge.data(rng))

    def _phone(self) -> Packet:
        """Apple's "nearby" messages, whose data change now and then."""
        rng = self._rng
        phone = rng.randrange(PHONES)
        turn = int((self.now + phone * PHONE_ADDRESS_S / PHONES) / PHONE_ADDRESS_S)
        changing = phone * 65_537 + turn * 7 + int(self.now) // 30
        data = b"\x02\x01\x1a\x02\x0a\x0c" + field(0xFF, b"\x4c\x00\x10\x05\x44\x1c" + changing.to_bytes(4, "big"))
        return Packet(self.now, address(0x40 + turn % 64, phone + turn * PHONES), rng.randint(-95, -55), data)


def field(kind: int, content: bytes) -> bytes:
    """One AD structure."""
    return bytes([len(content) + 1, kind]) + content


def address(first: int, number: int) -> str:
    """An address as text."""
    return ":".join(f"{byte:02X}" for byte in bytes([first]) + number.to_bytes(5, "big"))
