"""Eddystone, service 0xFEAA: UID, URL, TLM, encrypted TLM and EID.

Layouts: github.com/google/eddystone. Google's Find Hub and some sensors share the UUID; a low nibble other than 0 in the
first byte tells them apart.
"""

from typing import ClassVar, Final

from edgehub.core.data import dataclass
from edgehub.core.decode.fields import signed_8

UID_LENGTHS: Final = frozenset({18, 20})
"""Type 1, power 1, namespace 10, instance 6; two reserved bytes may be absent."""

SCHEMES: Final = ("http://www.", "https://www.", "http://", "https://")
EXPANSIONS: Final = (
    *(".com/", ".org/", ".edu/", ".net/", ".info/", ".biz/", ".gov/"),
    *(".com", ".org", ".edu", ".net", ".info", ".biz", ".gov"),
)


@dataclass(frozen=True, slots=True)
class EddystoneUid:
    """Who a beacon says it is."""

    format: ClassVar[str] = "eddystone-uid"
    namespace: str
    instance: str
    tx_power_dbm: int
    """The level at 0 m: subtract 41 dB to compare it with an iBeacon."""


@dataclass(frozen=True, slots=True)
class EddystoneUrl:
    """The address a beacon advertises, expanded."""

    format: ClassVar[str] = "eddystone-url"
    url: str
    tx_power_dbm: int


@dataclass(frozen=True, slots=True)
class EddystoneTlm:
    """How a beacon is. It carries no id: it belongs to whoever sends from the same address."""

    format: ClassVar[str] = "eddystone-tlm"
    battery_mv: int | None
    temperature_c: float | None
    advert_count: int
    uptime_s: float


@dataclass(frozen=True, slots=True)
class EddystoneEtlm:
    """The same, sealed for the owner of the key."""

    format: ClassVar[str] = "eddystone-etlm"
    encrypted_hex: str
    salt_hex: str
    mic_hex: str


@dataclass(frozen=True, slots=True)
class EddystoneEid:
    """An id that changes and that only the owner of the key can resolve; it names nobody here."""

    format: ClassVar[str] = "eddystone-eid"
    eid: str
    tx_power_dbm: int


EddystoneFrame = EddystoneUid | EddystoneUrl | EddystoneTlm | EddystoneEtlm | EddystoneEid


def claims(payload: bytes) -> bool:
    """Whether these bytes say they are an Eddystone frame."""
    return payload[:1] in {b"\x00", b"\x10", b"\x20", b"\x30"}


def identity(payload: bytes) -> bytes | None:
    """Namespace and instance as they stand in the packet; None when it is no UID frame."""
    return payload[2:18] if len(payload) in UID_LENGTHS and payload[0] == 0 else None


def decode(payload: bytes) -> EddystoneFrame | None:
    """Decode service data of UUID 0xFEAA; None for what is not Eddystone."""
    if not payload:
        return None
    match payload[0]:
        case 0x00:
            return _uid(payload)
        case 0x10:
            return _url(payload)
        case 0x20:
            return _tlm(payload)
        case 0x30:
            return _eid(payload)
    return None


def _uid(payload: bytes) -> EddystoneUid | None:
    if len(payload) not in UID_LENGTHS:
        return None
    return EddystoneUid(payload[2:12].hex(), payload[12:18].hex(), signed_8(payload[1]))


def _url(payload: bytes) -> EddystoneUrl | None:
    if not 4 <= len(payload) <= 20 or payload[2] >= len(SCHEMES):
        return None
    text = [_expanded(character) for character in payload[3:]]
    if None in text:
        return None
    return EddystoneUrl(SCHEMES[payload[2]] + "".join(filter(None, text)), signed_8(payload[1]))


def _expanded(character: int) -> str | None:
    """One encoded character as text; None for the reserved ones: 0x0E to 0x20 and 0x7F to 0xFF."""
    if character < len(EXPANSIONS):
        return EXPANSIONS[character]
    return chr(character) if 0x20 < character < 0x7F else None


def _tlm(payload: bytes) -> EddystoneTlm | EddystoneEtlm | None:
    match payload[1:2], len(payload):
        case b"\x00", 14:
            return _plain_tlm(payload)
        case b"\x01", 18:
            return EddystoneEtlm(payload[2:14].hex(), payload[14:16].hex(), payload[16:18].hex())
    return None


def _plain_tlm(payload: bytes) -> EddystoneTlm:
    """Battery 0 and temperature 0x8000 mean that there is no such sensor; the uptime counts tenths of a second."""
    return EddystoneTlm(
        battery_mv=int.from_bytes(payload[2:4], "big") or None,
        temperature_c=None if payload[4:6] == b"\x80\x00" else int.from_bytes(payload[4:6], "big", signed=True) / 256,
        advert_count=int.from_bytes(payload[6:10], "big"),
        uptime_s=int.from_bytes(payload[10:14], "big") / 10,
    )


def _eid(payload: bytes) -> EddystoneEid | None:
    return EddystoneEid(payload[2:10].hex(), signed_8(payload[1])) if len(payload) == 10 else None
