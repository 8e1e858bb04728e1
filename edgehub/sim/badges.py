"""Badges and markers as senders of packets: whole advertising payloads in the layouts that are on sale."""

import random
import struct
from dataclasses import dataclass
from typing import Literal, Self

VENUE_UUID = bytes.fromhex("f7826da64fa24e988024bc5b71e0893e")
VENUE_MAJOR = 1
EDDYSTONE_NAMESPACE = bytes.fromhex("edd1ebeac04e5defa017")
STICKER_UUID_START = bytes.fromhex("d0d3fa86ca7645ec9bd96af4")

Kind = Literal["ibeacon", "eddystone", "nearable", "estimote"]

# What is worn: mostly plain cards, some of each other make.
SHARES: dict[Kind, float] = {"ibeacon": 0.76, "eddystone": 0.1, "nearable": 0.06, "estimote": 0.08}
PERIOD_S: dict[Kind, float] = {"ibeacon": 1.0, "eddystone": 1.0, "nearable": 2.0, "estimote": 1.0}


TYPICAL_DBM = -59
"""At 1 m in the open, as a badge on a lanyard sends at its usual setting of 0 dBm."""


@dataclass(frozen=True, slots=True)
class Badge:
    """What a beacon sends: its payloads in turn, one every `period_s`."""

    kind: Kind
    written: str
    """How staff write it in registration.csv."""
    address: bytes
    payloads: tuple[bytes, ...]
    period_s: float
    power_dbm: float
    """True level at 1 m in the open, dBm. Badges of one make differ by several dB, and none says so."""

    @classmethod
    def issue(cls, number: int, rng: random.Random) -> Self:
        """A badge of a random make for a guest."""
        kind = rng.choices(list(SHARES), weights=list(SHARES.values()))[0]
        return cls.make(kind, number, rng)

    @classmethod
    def make(cls, kind: Kind, number: int, rng: random.Random, *, spread_db: float = 2.5) -> Self:
        """A badge of this make; `spread_db` is how far badges differ, 0 makes a typical one."""
        written, payloads = _MAKERS[kind](number)
        return cls(kind, written, random_address(rng), payloads, PERIOD_S[kind], rng.gauss(TYPICAL_DBM, spread_db))


def random_address(rng: random.Random) -> bytes:
    """A random static address: the two top bits are set."""
    return bytes([rng.randrange(256) | 0xC0]) + rng.randbytes(5)


def structure(kind: int, data: bytes) -> bytes:
    """One AD structure: length, type, data."""
    return bytes([len(data) + 1, kind]) + data


def ibeacon(uuid: bytes, major: int, minor: int, power_dbm: int = -59) -> bytes:
    """A whole iBeacon advert."""
    body = struct.pack("<HBB16s", 0x004C, 0x02, 0x15, uuid) + struct.pack(">HHb", major, minor, power_dbm)
    return structure(0x01, b"\x06") + structure(0xFF, body)


def _card(number: int) -> tuple[str, tuple[bytes, ...]]:
    return str(number), (ibeacon(VENUE_UUID, VENUE_MAJOR, number),)


def _eddystone(number: int) -> tuple[str, tuple[bytes, ...]]:
    instance = number.to_bytes(6, "big")
    frame = b"\x00" + struct.pack("b", -18) + EDDYSTONE_NAMESPACE + instance + b"\x00\x00"
    advert = structure(0x01, b"\x06") + structure(0x03, b"\xaa\xfe") + structure(0x16, b"\xaa\xfe" + frame)
    return f"eddystone:{EDDYSTONE_NAMESPACE.hex()}/{instance.hex()}", (advert,)


def _sticker(number: int) -> tuple[str, tuple[bytes, ...]]:
    """A Nearable sends its own frame and an iBeacon derived from its id, in turn."""
    identity = b"\x1e\xfe\x42\x7e" + number.to_bytes(4, "big")
    tail = bytes.fromhex("040168a1aafe05c1452553")
    own = structure(0x01, b"\x04") + structure(0x03, b"\x0f\x18") + structure(0xFF, b"\x5d\x01\x01" + identity + tail)
    major, minor = struct.unpack(">HH", identity[4:])
    return f"nearable:{identity.hex()}", (own, ibeacon(STICKER_UUID_START + identity[:4], major, minor))


def _telemetry(number: int) -> tuple[str, tuple[bytes, ...]]:
    """An Estimote badge sends its two Telemetry subframes in turn."""
    short_id = b"\x47\xa0\x38\xd5" + number.to_bytes(4, "big")
    tails = (bytes.fromhex("000001414447f0ffffffff"), bytes.fromhex("01d842ed73492566bc2e50"))
    frames = (structure(0x16, b"\x9a\xfe\x22" + short_id + tail) for tail in tails)
    header = structure(0x01, b"\x04") + structure(0x03, b"\x9a\xfe")
    return f"estimote:{short_id.hex()}", tuple(header + frame for frame in frames)


_MAKERS = {"ibeacon": _card, "eddystone": _eddystone, "nearable": _sticker, "estimote": _telemetry}
