"""Number fields that several formats share."""

from typing import Final

UNITS_S: Final = (1, 60, 3_600, 86_400)
"""What two bits of unit mean: second, minute, hour, day."""

WEEK_S: Final = 604_800


def signed_8(byte: int) -> int:
    """Read a byte as two's complement."""
    return byte - 0x100 if byte & 0x80 else byte


def signed_12(raw: int) -> int:
    """Read twelve bits as two's complement."""
    return raw - 0x1000 if raw & 0x800 else raw


def axes(payload: bytes, start: int, unit: float) -> tuple[float, float, float]:
    """Read three signed bytes, x, y and z, in a unit."""
    x, y, z = payload[start : start + 3]
    return signed_8(x) * unit, signed_8(y) * unit, signed_8(z) * unit


def motion_s(byte: int, most_days: int) -> int:
    """Read how long a beacon has moved or been still, in s: six bits of number under two of unit.

    In the last unit a number up to `most_days` counts days and a higher one weeks, which start from 32.
    """
    number, unit = byte & 0x3F, byte >> 6
    if unit == 3 and number > most_days:
        return (number - 32) * WEEK_S
    return number * UNITS_S[unit]
