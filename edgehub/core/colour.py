"""Favourite colours in the words of a lamp: ``#rrggbb`` ⇄ chromaticity xy and brightness, inside the lamp's gamut.

The conversion is the one Signify publishes for developers ("Color Conversion Formulas RGB to XY and back"): sRGB, its
gamma undone, D65. One thing is ours: brightness follows the strongest of the three channels and not the luminance,
because a favourite *deep* blue (luminance 0.07) is still meant to be seen across a room.
"""

from functools import lru_cache
from typing import Final, Self

from edgehub.core.data import dataclass

Point = tuple[float, float]
"""Chromaticity x, y (CIE 1931)."""

WHITE: Final[Point] = (0.31272, 0.32900)
"""D65, the white of sRGB; what black is shown as, dimly."""

DIMMEST: Final = 25
"""A tenth of 254: nobody's favourite colour switches a lamp off or makes it look broken."""


@dataclass(frozen=True, slots=True)
class Gamut:
    """The triangle of colours a lamp can make: its red, green and blue corner."""

    red: Point
    green: Point
    blue: Point

    @classmethod
    def of(cls, corners: object) -> Self | None:
        """Read ``[[x, y], [x, y], [x, y]]`` as a bridge tells it; None for anything else, such as a flat triangle."""
        match corners:
            case [
                [int() | float() as red_x, int() | float() as red_y],
                [int() | float() as green_x, int() | float() as green_y],
                [int() | float() as blue_x, int() | float() as blue_y],
            ]:
                gamut = cls((red_x, red_y), (green_x, green_y), (blue_x, blue_y))
                return gamut if abs(_cross(gamut.red, gamut.green, gamut.blue)) > 1e-6 else None
            case _:
                return None

    def nearest(self, point: Point) -> Point:
        """The point itself when the lamp can show it, else the nearest point on the triangle's edge."""
        edges = ((self.red, self.green), (self.green, self.blue), (self.blue, self.red))
        turns = [_cross(a, b, point) for a, b in edges]
        if all(turn >= 0 for turn in turns) or all(turn <= 0 for turn in turns):
            return point
        return min((_onto(a, b, point) for a, b in edges), key=lambda found: _distance2(found, point))


# Signify's three families: A is LivingColors and the first light strips, B the first bulbs, C everything since 2015.
GAMUTS: Final = {
    "A": Gamut((0.704, 0.296), (0.2151, 0.7106), (0.138, 0.08)),
    "B": Gamut((0.675, 0.322), (0.409, 0.518), (0.167, 0.04)),
    "C": Gamut((0.6915, 0.3083), (0.17, 0.7), (0.1532, 0.0475)),
}


@dataclass(frozen=True, slots=True)
class LampColour:
    """What a lamp is told: brightness 1 to 254, and where it can do colour, the chromaticity."""

    bri: int
    xy: Point | None

    @property
    def hex(self) -> str:
        """The colour as a page shows it; a lamp without colour is shown white."""
        return to_hex(self.xy or WHITE, self.bri)


@lru_cache(maxsize=512)  # of a room with ten equal lamps one is worked out; a lamp waits for it (SPD5)
def for_lamp(colour: str, gamut: Gamut | None) -> LampColour:
    """Turn ``#rrggbb`` into what a lamp of this gamut can do; None is a lamp without colour, which only dims."""
    point, bri = to_xy(colour), brightness(colour)
    return LampColour(bri, None if gamut is None else _rounded(gamut.nearest(point)))


def to_xy(colour: str) -> Point:
    """Chromaticity of ``#rrggbb``, whatever a lamp can do. Raises ValueError for other text."""
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    x = 0.4124 * red + 0.3576 * green + 0.1805 * blue
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = 0.0193 * red + 0.1192 * green + 0.9505 * blue
    total = x + y + z
    return (x / total, y / total) if total else WHITE


def brightness(colour: str) -> int:
    """Brightness of ``#rrggbb`` by its strongest channel, DIMMEST to 254. Raises ValueError for other text."""
    return max(DIMMEST, round(254 * max(_channels(colour)) / 255))


def to_hex(point: Point, bri: int) -> str:
    """The ``#rrggbb`` nearest to what a lamp shows, for pages."""
    x, y = point[0], max(point[1], 1e-6)
    big_x, big_z = x / y, (1 - x - y) / y
    linear = (
        3.2406 * big_x - 1.5372 - 0.4986 * big_z,
        -0.9689 * big_x + 1.8758 + 0.0415 * big_z,
        0.0557 * big_x - 0.2040 + 1.0570 * big_z,
    )
    strongest = max(*linear, 1e-6)
    scale = _linear(min(max(bri, 0), 254) / 254) / strongest
    return "#" + "".join(f"{round(255 * _gamma(max(0.0, channel) * scale)):02x}" for channel in linear)


def _channels(colour: str) -> tuple[int, int, int]:
    if len(colour) != 7 or colour[0] != "#":
        raise ValueError(f"{colour!r} is not a colour like #ff8800")
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _linear(encoded: float) -> float:
    return encoded / 12.92 if encoded <= 0.04045 else float(((encoded + 0.055) / 1.055) ** 2.4)


def _gamma(linear: float) -> float:
    return 12.92 * linear if linear <= 0.0031308 else float(1.055 * min(linear, 1.0) ** (1 / 2.4) - 0.055)


def _rounded(point: Point) -> Point:
    return round(point[0], 4), round(point[1], 4)  # a bridge keeps four digits


def _cross(a: Point, b: Point, p: Point) -> float:
    """Positive when p lies left of the line from a to b."""
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def _onto(a: Point, b: Point, p: Point) -> Point:
    """The point of the edge a to b that is nearest to p."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    along = ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / (dx * dx + dy * dy)
    along = min(1.0, max(0.0, along))
    return a[0] + along * dx, a[1] + along * dy


def _distance2(a: Point, b: Point) -> float:
    return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2
