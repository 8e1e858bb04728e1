"""The judge of the demo: what counts as right, by timelines small enough to do by hand."""

import pytest

from edgehub.sim.bridge import LampState
from edgehub.sim.truth import Stay, accuracy, stays
from edgehub.sim.witness import Entry, Witness, target
from edgehub.sim.world import Truth


def test_truth_becomes_stays_from_arrival_to_the_end() -> None:
    """A guest's stays follow each other without a gap, cut to when the doors were open."""
    truth = [Truth(-30, 1, None), Truth(50, 2, None), Truth(-10, 1, "bacon"), Truth(40, 1, None), Truth(70, 2, "party")]
    assert stays(truth, 100) == [
        Stay(1, "bacon", 0, 40),
        Stay(1, None, 40, 100),
        Stay(2, None, 50, 70),
        Stay(2, "party", 70, 100),
    ]


TRUE = [Stay(1, "bacon", 0, 40), Stay(1, None, 40, 60), Stay(1, "party", 60, 100)]


@pytest.mark.parametrize(
    ("reported", "share"),
    [
        (TRUE, 1.0),
        ([], 0.2),
        ([Stay(1, "bacon", 0, 40)], 0.6),
        ([Stay(1, "bacon", 10, 50), Stay(1, "party", 60, 100)], 0.8),
        ([Stay(1, "coffee", 0, 100)], 0.0),
        ([Stay(2, "bacon", 0, 40), Stay(2, "party", 60, 100)], 0.2),
        ([Stay(1, "bacon", 0, 20), Stay(1, "bacon", 0, 20)], 0.4),
    ],
)
def test_accuracy_is_the_share_of_seconds_in_the_right_place(reported: list[Stay], share: float) -> None:
    """Right zone, or none where the guest is in none; another guest's stay and a stay told twice add nothing."""
    assert accuracy(TRUE, reported) == pytest.approx(share)


class Lamps:
    """Lamps that a test sets, with a clock it turns."""

    def __init__(self) -> None:
        self.now = 0.0
        self.witness = Witness({"Lounge": ["A", "B"], "Foyer": ["C"]}, ["#ffb46b"], lambda: self.now)

    def show(self, at: float, lamp: str, colour: str) -> None:
        """Set one lamp."""
        self.now = at
        self.witness.note(LampState(lamp, lamp, on=True, xy=target(colour)))


def test_a_wait_ends_when_a_lamp_of_the_room_takes_the_guests_colour() -> None:
    """Another room's lamp, an earlier or another colour do not count; a light that never came is None."""
    lamps = Lamps()
    lamps.show(1, "A", "#ff1493")
    lamps.show(12, "C", "#40e0d0")
    lamps.show(13.5, "B", "#40e0d0")
    entries = [Entry(10, 60, "Lounge", "#40e0d0"), Entry(20, 30, "Lounge", "#ffd700")]
    assert list(lamps.witness.waits(entries)) == [3.5, None]


def test_a_colour_that_is_there_already_tells_nothing() -> None:
    """Who walks into a room in their own colour is passed over."""
    lamps = Lamps()
    lamps.show(1, "A", "#40e0d0")
    assert list(lamps.witness.waits([Entry(10, 60, "Lounge", "#40e0d0")])) == []


def test_lights_are_counted_by_lamp_and_change() -> None:
    """The idle scene and a colour said twice are no new light."""
    lamps = Lamps()
    for at, colour in enumerate(("#ffb46b", "#40e0d0", "#40e0d0", "#ff1493", "#ffb46b", "#40e0d0")):
        lamps.show(at, "A", colour)
    assert lamps.witness.shown() == 3
