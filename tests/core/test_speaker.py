"""Who speaks for a zone."""

import pytest

from edgehub.core.speaker import Speakers
from edgehub.core.venue import Zone

ZONES = {
    "party": Zone("party", "Party", heard_by=("pi-lounge", "pi-bar/hci1")),
    "bacon": Zone("bacon", "Bacon", heard_by=("pi-bacon",)),
    "garden": Zone("garden", "Garden"),
}


@pytest.fixture
def bar() -> Speakers:
    """The gateway at the bar, with a broker and a healthy lounge."""
    speakers = Speakers("pi-bar", ZONES)
    speakers.set_link(connected=True)
    speakers.set_health("pi-lounge", healthy=True)
    return speakers


def test_the_first_healthy_gateway_of_heard_by_speaks(bar: Speakers) -> None:
    """And the next when it goes, and the first again when it is back."""
    assert bar.of("party") == "pi-lounge"
    bar.set_health("pi-lounge", healthy=False)
    assert bar.of("party") == "pi-bar"
    bar.set_health("pi-lounge", healthy=True)
    assert bar.of("party") == "pi-lounge"


def test_a_zone_whose_gateway_is_gone_has_no_speaker(bar: Speakers) -> None:
    """Nobody reports what nobody can hear."""
    assert bar.of("bacon") is None
    assert bar.of("nowhere") is None


def test_a_zone_without_a_receiver_is_the_first_healthy_gateways_by_name(bar: Speakers) -> None:
    """All gateways agree on it without a word."""
    assert bar.of("garden") == "pi-bar"
    bar.set_health("pi-bacon", healthy=True)
    assert bar.of("garden") == "pi-bacon"


def test_alone_a_gateway_speaks_for_the_zones_it_stands_in(bar: Speakers) -> None:
    """Without broker nothing is known of the others, whatever they were before."""
    bar.set_link(connected=False)
    assert bar.mine() == {"party"}
    assert bar.alone


def test_a_receiver_that_seems_deaf_does_not_speak(bar: Speakers) -> None:
    """Even if it says that it hears."""
    bar.suspects = frozenset({"pi-lounge"})
    assert bar.of("party") == "pi-bar"
    bar.suspects = frozenset({"pi-lounge", "pi-bar/hci1"})
    assert bar.of("party") is None
