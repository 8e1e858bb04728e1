"""Colours as lamps can show them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehub.core.colour import DIMMEST, GAMUTS, WHITE, Gamut, brightness, for_lamp, to_hex, to_xy

CHANNEL = st.integers(0, 255)
COLOURS = st.builds("#{:02x}{:02x}{:02x}".format, CHANNEL, CHANNEL, CHANNEL)
POINTS = st.tuples(st.floats(0, 1), st.floats(0, 1))


def distance(a: tuple[float, float], b: tuple[float, float]) -> float:
    return float(((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5)


def test_corners_of_srgb_are_where_the_standard_puts_them() -> None:
    """Red, green, blue and white land on the chromaticities of IEC 61966-2-1."""
    assert to_xy("#ff0000") == pytest.approx((0.64, 0.33), abs=2e-4)
    assert to_xy("#00ff00") == pytest.approx((0.30, 0.60), abs=2e-4)
    assert to_xy("#0000ff") == pytest.approx((0.15, 0.06), abs=2e-4)
    assert to_xy("#ffffff") == pytest.approx(WHITE, abs=2e-4)


def test_black_is_a_dim_white_and_no_lamp_is_switched_off() -> None:
    """Somebody whose favourite colour is black still sees their lamp."""
    assert for_lamp("#000000", GAMUTS["C"]).bri == DIMMEST
    assert to_xy("#000000") == WHITE


def test_deep_blue_is_as_bright_as_yellow() -> None:
    """Brightness is a matter of the strongest channel, not of luminance."""
    assert brightness("#0000ff") == brightness("#ffff00") == 254


def test_green_is_moved_to_the_edge_of_an_old_lamp() -> None:
    """A first-generation bulb (B) shows the nearest green it has, which its own triangle bounds."""
    assert for_lamp("#00ff00", GAMUTS["B"]).xy == pytest.approx(GAMUTS["B"].green, abs=1e-4)


def test_lamp_without_colour_only_dims() -> None:
    """It is told a brightness and no chromaticity, and a page shows it white."""
    told = for_lamp("#7f0000", None)
    assert told.xy is None
    assert told.bri == round(254 * 127 / 255)
    channels = bytes.fromhex(told.hex[1:])
    assert max(channels) - min(channels) <= 1


@given(COLOURS)
def test_what_is_told_can_be_shown_again(colour: str) -> None:
    """Through xy and brightness and back a colour stays itself, but for rounding to 254 steps and for the dimmest."""
    again = to_hex(to_xy(colour), brightness(colour))
    if brightness(colour) > DIMMEST:
        assert all(abs(a - b) <= 2 for a, b in zip(bytes.fromhex(colour[1:]), bytes.fromhex(again[1:]), strict=True))


@given(POINTS, st.sampled_from(sorted(GAMUTS)))
def test_nearest_point_is_inside_and_nearest(point: tuple[float, float], name: str) -> None:
    """A clipped point lies in the triangle, stays when clipped again, and no corner or edge centre is nearer."""
    gamut = GAMUTS[name]
    nearest = gamut.nearest(point)
    assert distance(gamut.nearest(nearest), nearest) < 1e-6
    corners = (gamut.red, gamut.green, gamut.blue)
    centres = [((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)]
    assert all(distance(nearest, point) <= distance(other, point) + 1e-9 for other in (*corners, *centres))


@given(st.tuples(*[st.floats(0.01, 1)] * 3), st.sampled_from(sorted(GAMUTS)))
def test_points_a_lamp_can_show_stay(weights: tuple[float, float, float], name: str) -> None:
    """Whatever mixes the three corners is inside and left alone."""
    corners = (GAMUTS[name].red, GAMUTS[name].green, GAMUTS[name].blue)
    total = sum(weights)
    mixed = tuple(sum(w * corner[axis] for w, corner in zip(weights, corners, strict=True)) / total for axis in (0, 1))
    assert GAMUTS[name].nearest((mixed[0], mixed[1])) == (mixed[0], mixed[1])


@pytest.mark.parametrize(
    "nonsense", [None, [], [[1, 2]], "abc", [[0, 0], [1, 1], [2, 2]], [["x", 0], [1, 0], [0, 1]], [[1], [2], [3]], 7]
)
def test_nonsense_from_a_bridge_is_no_gamut(nonsense: object) -> None:
    """What is not three corners of a triangle is None."""
    assert Gamut.of(nonsense) is None


@pytest.mark.parametrize("text", ["", "red", "#ff", "#ff88001", "ff8800"])
def test_other_text_is_no_colour(text: str) -> None:
    """Colours are checked where they come in; here anything else is a ValueError."""
    with pytest.raises(ValueError, match="colour"):
        to_xy(text)
