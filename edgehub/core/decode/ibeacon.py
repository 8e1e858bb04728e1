"""iBeacon: Apple's manufacturer data that names a place, or a person, by UUID, major and minor."""

from typing import ClassVar, Final
from uuid import UUID

from edgehub.core.data import dataclass
from edgehub.core.decode.fields import signed_8

PREFIX: Final = b"\x02\x15"
"""Type iBeacon, and the length Apple puts beside it; Apple's other messages share the company id."""

LENGTH: Final = 23
"""Shortest: prefix 2, UUID 16, major 2, minor 2, power 1. Battery bytes that makers append are not read."""


@dataclass(frozen=True, slots=True)
class IBeacon:
    """Who an iBeacon says it is."""

    format: ClassVar[str] = "ibeacon"
    uuid: str
    """Lower case, 8-4-4-4-12."""
    major: int
    minor: int
    tx_power_dbm: int
    """The level received at 1 m."""


def claims(payload: bytes) -> bool:
    """Whether these bytes say they are an iBeacon."""
    return payload.startswith(PREFIX)


def identity(payload: bytes) -> bytes | None:
    """UUID, major and minor as they stand in the packet; None when it is no iBeacon."""
    return payload[2:22] if len(payload) >= LENGTH and payload.startswith(PREFIX) else None


def decode(payload: bytes) -> IBeacon | None:
    """Decode manufacturer data of company 0x004C; None for all else that Apple sends."""
    if len(payload) < LENGTH or not claims(payload):
        return None
    return IBeacon(
        uuid=str(UUID(bytes=payload[2:18])),
        major=int.from_bytes(payload[18:20], "big"),
        minor=int.from_bytes(payload[20:22], "big"),
        tx_power_dbm=signed_8(payload[22]),
    )
