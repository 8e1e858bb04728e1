"""The stream of SPD1 to SPD4: a venue's adverts, the same for edgehub and for its peers.

Badges send at 1 to 10 Hz (log-uniform); 40 % are iBeacons, 20 % Eddystone, 12 % stickers, 18 % Telemetry whose sensors
change with each packet, 10 % send Estimote's identifier frame. 30 % of all adverts are phones', which change their address.
"""

import random
import struct
from collections.abc import Iterator
from typing import NamedTuple

from edgehub.core.advert import Advertisement
from edgehub.core.decode import structures

VENUE_UUID = "f7826da6-4fa2-4e98-8024-bc5b71e0893e"
MAJOR = 1
RECEIVER = "pi-lounge"

_SHARES = (("ibeacon", 0.40), ("eddystone", 0.60), ("nearable", 0.72), ("telemetry", 0.90), ("identifier", 1.0))
_PHONES = 200
_PHONE_SHARE = 0.30
_PHONE_ADDRESS_S = 900.0


class Packet(NamedTuple):
    """One advert on the air: a whole advert as bytes."""

    at: float
    address: str
    rssi_dbm: int
    data: bytes


class _Badge(NamedTuple):
    kind: str
    number: int
    address: str
    hz: float
    level_dbm: float


def stream(badges: int, adverts: int, *, hz: tuple[float, float] = (1.0, 10.0), seed: int = 1) -> list[Packet]:
    """Make `adverts` packets in order of time; every one has fresh byte objects, as from a radio."""
    rng = random.Random(seed)
    crowd = [_badge(number, rng, hz) for number in range(badges)]
    times = _times(crowd, adverts, rng)
    return [_phone(at, rng) if rng.random() < _PHONE_SHARE else _packet(badge, at, rng) for at, badge in times]


def advertisements(packets: list[Packet], receiver: str = RECEIVER) -> list[Advertisement]:
    """The packets as the radio border hands them on: addresses as text, structures of interest cut out."""
    return [Advertisement(receiver, p.address, p.rssi_dbm, p.at, tuple(structures(p.data))) for p in packets]


def enrolled(badges: int) -> set[str]:
    """The badge keys of the stream's badges."""
    return {_key(_kind(number, badges_rng(number)), number) for number in range(badges)}


def badges_rng(number: int) -> random.Random:
    """What is random about one badge does not depend on how many there are."""
    return random.Random(number)


def _badge(number: int, rng: random.Random, hz: tuple[float, float]) -> _Badge:
    kind = _kind(number, badges_rng(number))
    low, high = hz
    return _Badge(kind, number, _address(0xC0, number), low * (high / low) ** rng.random(), rng.uniform(-90, -50))


def _kind(number: int, rng: random.Random) -> str:
    del number
    dice = rng.random()
    return next(kind for kind, upto in _SHARES if dice < upto)


def _key(kind: str, number: int) -> str:
    match kind:
        case "ibeacon":
            return str(number)
        case "eddystone":
            return f"eddystone:{'ab' * 10}/{number:012x}"
        case "nearable":
            return f"nearable:{number:016x}"
    return f"estimote:{number:016x}"


def _times(crowd: list[_Badge], adverts: int, rng: random.Random) -> Iterator[tuple[float, _Badge]]:
    """Draw whose advert is next, each as often as its rate says; phones later take their share of the draws."""
    total = sum(badge.hz for badge in crowd) / (1 - _PHONE_SHARE)
    weights = [badge.hz for badge in crowd]
    at = 0.0
    for badge in rng.choices(crowd, weights, k=adverts):
        at += rng.expovariate(total)
        yield at, badge


def _packet(badge: _Badge, at: float, rng: random.Random) -> Packet:
    level = round(badge.level_dbm + rng.gauss(0, 4))
    return Packet(at, "".join(badge.address), max(-100, min(-30, level)), _data(badge, rng))


def _data(badge: _Badge, rng: random.Random) -> bytes:
    n = badge.number
    match badge.kind:
        case "ibeacon":
            uuid = bytes.fromhex(VENUE_UUID.replace("-", ""))
            return b"\x02\x01\x06" + _field(0xFF, b"\x4c\x00\x02\x15" + uuid + struct.pack(">HHb", MAJOR, n, -59))
        case "eddystone":
            uid = b"\x00\xee" + b"\xab" * 10 + n.to_bytes(6, "big") + b"\x00\x00"
            return b"\x02\x01\x06\x03\x03\xaa\xfe" + _field(0x16, b"\xaa\xfe" + uid)
        case "nearable":
            rest = b"\x04\x01\x68\xa1\xaa" + rng.randbytes(3) + b"\x45\x25\x53"
            return b"\x02\x01\x04\x03\x03\x0f\x18" + _field(0xFF, b"\x5d\x01\x01" + n.to_bytes(8, "big") + rest)
        case "telemetry":
            frame = b"\x22" + n.to_bytes(8, "big") + bytes([rng.randrange(2)]) + rng.randbytes(10)
            return b"\x02\x01\x04\x03\x03\x9a\xfe" + _field(0x16, b"\x9a\xfe" + frame)
    frame = b"\x00" + n.to_bytes(8, "big") + bytes(8) + b"\x61\x44\x40"
    return b"\x02\x01\x04\x03\x03\x9a\xfe" + _field(0x16, b"\x9a\xfe" + frame)


def _phone(at: float, rng: random.Random) -> Packet:
    """Apple's "nearby" messages from an address that lives a quarter of an hour."""
    phone = rng.randrange(_PHONES)
    turn = int((at + phone * _PHONE_ADDRESS_S / _PHONES) / _PHONE_ADDRESS_S)
    message = b"\x4c\x00\x10\x05" + bytes([0x44, 0x1C]) + (phone * 65_537 + turn * 7 + rng.randrange(4)).to_bytes(4, "big")
    data = b"\x02\x01\x1a\x02\x0a\x0c" + _field(0xFF, message)
    return Packet(at, _address(0x40 + turn % 64, phone + turn * _PHONES), rng.randint(-95, -55), data)


def _field(kind: int, content: bytes) -> bytes:
    return bytes([len(content) + 1, kind]) + content


def _address(first: int, number: int) -> str:
    return ":".join(f"{byte:02X}" for byte in bytes([first]) + number.to_bytes(5, "big"))
