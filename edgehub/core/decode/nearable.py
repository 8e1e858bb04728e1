"""Estimote Nearable, company 0x015D: the sticker.

Layout: github.com/Estimote/estimote-specs, estimote-nearable.js; its voltage is not in there and comes from packets on
the air. Offsets below count from the byte after the company id.
"""

from typing import ClassVar, Final

from edgehub.core.data import dataclass
from edgehub.core.decode.fields import axes, motion_s, signed_12

FRAME_TYPE: Final = 0x01
LENGTH: Final = 19
"""Shortest: up to the previous motion time. A byte with transmit power may follow and is not read."""

MOST_DAYS: Final = 31
"""A motion time above counts weeks."""


@dataclass(frozen=True, slots=True)
class EstimoteNearable:
    """Who a sticker is, and how it is moved."""

    format: ClassVar[str] = "estimote-nearable"
    nearable_id: str
    hardware_version: int
    firmware_version: int
    """The raw byte. Stickers send application and boot loader in turn; the top bit tells the application."""
    temperature_c: float
    moving: bool
    battery_mv: float
    battery_state: str
    """"idle" or "stress": when the voltage was taken."""
    acceleration_mg: tuple[float, float, float]
    motion_current_s: int
    motion_previous_s: int


def claims(payload: bytes) -> bool:
    """Whether these bytes say they are a Nearable."""
    return payload[:1] == b"\x01"


def identity(payload: bytes) -> bytes | None:
    """The sticker's id as it stands in the packet; None when it is no Nearable."""
    return payload[1:9] if len(payload) >= LENGTH and payload[0] == FRAME_TYPE else None


def decode(payload: bytes) -> EstimoteNearable | None:
    """Decode manufacturer data of company 0x015D; None for what is no Nearable."""
    if len(payload) < LENGTH or not claims(payload):
        return None
    return EstimoteNearable(
        nearable_id=payload[1:9].hex(),
        hardware_version=payload[9],
        firmware_version=payload[10],
        temperature_c=signed_12((payload[12] & 0x0F) << 8 | payload[11]) / 16,
        moving=bool(payload[13] & 0x40),
        battery_mv=((payload[13] & 0x3F) << 4 | payload[12] >> 4) * 3_600 / 1_023,  # 10 bits over 3.6 V
        battery_state="stress" if payload[13] & 0x80 else "idle",
        acceleration_mg=axes(payload, 14, 15.625),
        motion_current_s=motion_s(payload[17], MOST_DAYS),
        motion_previous_s=motion_s(payload[18], MOST_DAYS),
    )
