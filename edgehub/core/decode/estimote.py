"""Estimote service 0xFE9A: Telemetry in two subframes and three versions, Connectivity, and what is kept raw.

Layout of Telemetry: github.com/Estimote/estimote-specs, estimote-telemetry.js. Frame type 0 has no published layout;
packets on the air agree on bytes 1 to 16 being the whole identifier, of which Telemetry carries the first half. Beacons
can be programmed to send anything under this UUID, so an unknown frame is kept as bytes and names nobody.
"""

from typing import ClassVar, Final

from edgehub.core.data import dataclass
from edgehub.core.decode.fields import UNITS_S, axes, motion_s, signed_12

CONNECTIVITY: Final = 0
TELEMETRY: Final = 2
SUBFRAME_A: Final = 0
SUBFRAME_B: Final = 1

TELEMETRY_FIRST: Final = frozenset({0x02, 0x12, 0x22})
"""The first byte of Telemetry, versions 0 to 2."""

CONNECTIVITY_LENGTH: Final = 17
A_LENGTHS: Final = (16, 17, 20)
"""Shortest Telemetry A by version: version 1 adds a byte of errors, version 2 four bytes of pressure in its place."""
B_LENGTH: Final = 20

MOST_DAYS: Final = 32
"""A motion time above counts weeks."""


@dataclass(frozen=True, slots=True)
class TelemetryA:
    """How a beacon is moved, and how it is."""

    format: ClassVar[str] = "estimote-telemetry-a"
    short_id: str
    protocol_version: int
    acceleration_mg: tuple[float, float, float]
    moving: bool
    motion_previous_s: int
    motion_current_s: int
    gpio: tuple[bool, bool, bool, bool]
    """Pin 0 first; True is high."""
    pressure_pa: float | None
    """From version 2 on."""
    firmware_error: bool | None
    clock_error: bool | None
    """Errors stand here from version 1 on."""


@dataclass(frozen=True, slots=True)
class TelemetryB:
    """What a beacon measures around it, and its battery."""

    format: ClassVar[str] = "estimote-telemetry-b"
    short_id: str
    protocol_version: int
    magnetic_field_norm: tuple[float, float, float]
    """-1 to 1 without a unit; all 0 until calibrated."""
    light_lux: float | None
    uptime_s: int
    temperature_c: float
    battery_mv: int | None
    battery_percent: int | None
    """From version 1 on."""
    firmware_error: bool | None
    clock_error: bool | None
    """Errors stand here in version 0."""


@dataclass(frozen=True, slots=True)
class Connectivity:
    """The whole identifier of a beacon, which links its short id to what the staff read on its case."""

    format: ClassVar[str] = "estimote-connectivity"
    short_id: str
    beacon_id: str
    protocol_version: int
    rest_hex: str


@dataclass(frozen=True, slots=True)
class UnknownEstimote:
    """A frame whose layout nobody published."""

    format: ClassVar[str] = "estimote-unknown"
    frame_type: int
    protocol_version: int
    raw_hex: str


EstimoteFrame = TelemetryA | TelemetryB | Connectivity | UnknownEstimote


def claims(payload: bytes) -> bool:
    """Whether these bytes say they are a frame whose layout is known; no bytes at all are none of any kind."""
    return not payload or payload[0] & 0x0F in {CONNECTIVITY, TELEMETRY}


def identity(payload: bytes) -> bytes | None:
    """The short id as it stands in the packet; None when the frame does not carry one."""
    if len(payload) >= B_LENGTH and payload[0] in TELEMETRY_FIRST and payload[9] & 0x03 <= SUBFRAME_B:
        return payload[1:9]  # nearly always, and long enough for every version: the hot path stops here
    return None if _kind(payload) in {None, "unknown"} else payload[1:9]


def decode(payload: bytes) -> EstimoteFrame | None:
    """Decode service data of UUID 0xFE9A; None when it is too short for what it says it is."""
    match _kind(payload):
        case "a":
            return _telemetry_a(payload)
        case "b":
            return _telemetry_b(payload)
        case "connectivity":
            return Connectivity(payload[1:9].hex(), payload[1:17].hex(), payload[0] >> 4, payload[17:].hex())
        case "unknown":
            return UnknownEstimote(payload[0] & 0x0F, payload[0] >> 4, payload.hex())
    return None


def _kind(payload: bytes) -> str | None:
    if not payload:
        return None
    version, frame_type = payload[0] >> 4, payload[0] & 0x0F
    if frame_type == CONNECTIVITY:
        return "connectivity" if len(payload) >= CONNECTIVITY_LENGTH else None
    if frame_type == TELEMETRY and version < len(A_LENGTHS):
        return _subframe(payload, version)
    return "unknown"


def _subframe(payload: bytes, version: int) -> str | None:
    match payload[9] & 0x03 if len(payload) > 9 else None:
        case None:
            return None
        case 0:  # SUBFRAME_A
            return "a" if len(payload) >= A_LENGTHS[version] else None
        case 1:  # SUBFRAME_B
            return "b" if len(payload) >= B_LENGTH else None
    return "unknown"


def _telemetry_a(payload: bytes) -> TelemetryA:
    version, state = payload[0] >> 4, payload[15]
    firmware_error, clock_error = _errors(payload[16] if version == 1 else state >> 2) if version else (None, None)
    return TelemetryA(
        short_id=payload[1:9].hex(),
        protocol_version=version,
        acceleration_mg=axes(payload, 10, 2_000 / 127),
        moving=state & 0x03 == 1,
        motion_previous_s=motion_s(payload[13], MOST_DAYS),
        motion_current_s=motion_s(payload[14], MOST_DAYS),
        gpio=(bool(state & 0x10), bool(state & 0x20), bool(state & 0x40), bool(state & 0x80)),
        pressure_pa=_pressure_pa(payload[16:20]) if version == 2 else None,
        firmware_error=firmware_error,
        clock_error=clock_error,
    )


def _telemetry_b(payload: bytes) -> TelemetryB:
    version = payload[0] >> 4
    firmware_error, clock_error = (None, None) if version else _errors(payload[19])
    temperature = (payload[17] & 0x03) << 10 | payload[16] << 2 | payload[15] >> 6
    battery_mv = payload[18] << 6 | payload[17] >> 2
    return TelemetryB(
        short_id=payload[1:9].hex(),
        protocol_version=version,
        magnetic_field_norm=axes(payload, 10, 1 / 128),
        light_lux=_light_lux(payload[13]),
        uptime_s=((payload[15] & 0x0F) << 8 | payload[14]) * UNITS_S[payload[15] >> 4 & 0x03],
        temperature_c=signed_12(temperature) / 16,
        battery_mv=None if battery_mv == 0x3FFF else battery_mv,
        battery_percent=None if not version or payload[19] == 0xFF else payload[19],
        firmware_error=firmware_error,
        clock_error=clock_error,
    )


def _errors(bits: int) -> tuple[bool, bool]:
    """Firmware and clock error, bits 0 and 1."""
    return bool(bits & 1), bool(bits & 2)


def _pressure_pa(raw: bytes) -> float | None:
    """All bits set would be 16.8 MPa: not measured."""
    return None if raw == b"\xff\xff\xff\xff" else int.from_bytes(raw, "little") / 256


def _light_lux(byte: int) -> float | None:
    """2 ** high nibble * low nibble * 0.72; all bits set would be 354 000 lx: not measured."""
    return None if byte == 0xFF else (byte & 0x0F) * (72 << (byte >> 4)) / 100
