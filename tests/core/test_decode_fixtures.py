"""Every published packet decodes to what was published, field for field, and what must be ignored is ignored."""

import pytest

from tests.core.packets import FIXTURES, agrees, answer


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture["name"])
def test_a_published_packet_decodes_to_its_published_values(fixture):
    """Each fixture gives its expected object, or one of the results accepted where the layouts leave room."""
    got = answer(fixture)
    assert any(agrees(got, want) for want in [fixture["expect"], *fixture.get("accept", [])]), got


def test_the_comparison_finds_a_wrong_value():
    """A value a little off, a missing one and a wrong kind are all seen; otherwise the test above could not fail."""
    want = {"format": "x", "temperature_c": 19.0, "moving": False, "battery_mv": None, "gpio": [True, False]}
    assert agrees({**want, "temperature_c": 19.0005, "extra": 1}, want)
    for wrong in ({"temperature_c": 19.01}, {"moving": None}, {"moving": 0}, {"battery_mv": 0}, {"gpio": [True]}):
        assert not agrees({**want, **wrong}, want)
    assert not agrees(None, want)
    assert not agrees(want, None)
