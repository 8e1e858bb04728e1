"""Lanes do to every place at once what a loop over the places would do, and no lane touches its neighbour."""

from math import log

from hypothesis import given
from hypothesis import strategies as st

from edgehub.core.presence import Model, lanes
from edgehub.core.presence.neighbourhood import EVEN, Neighbourhoods
from edgehub.core.presence.track import NEWS, Track
from edgehub.core.venue import Venue, Zone

PLACES = 9
RECEIVERS = tuple(f"pi-{n}" for n in range(4))
VENUE = Venue({f"z{n}": Zone(f"z{n}", f"Zone {n}", RECEIVERS[n : n + 1]) for n in range(PLACES)})
MODEL = Model.of(VENUE, None, RECEIVERS)

heard = st.dictionaries(st.sampled_from(RECEIVERS), st.tuples(st.integers(-110, -10), st.just(1)), min_size=1)


@given(st.lists(st.integers(0, lanes.MOST), min_size=1, max_size=12))
def test_what_is_packed_is_unpacked(numbers):
    """The largest number of a lane too."""
    assert lanes.unpack(lanes.pack(numbers), len(numbers)) == numbers


@given(st.lists(st.tuples(heard, st.integers(0, 8), st.floats(0.01, 40.0)), min_size=1, max_size=30))
def test_a_step_is_the_recursion_place_by_place(steps):
    """Whatever is heard and however long the gaps: the scores and the best place of a plain loop, to the last bit."""
    near = Neighbourhoods(MODEL).around("pi-0")
    track, now = Track("7"), 0.0
    track.begin(near, now)
    expected = [EVEN] * PLACES
    for levels, sent, gap_s in steps:
        now += gap_s
        row = near.unlikelihood(levels, sent)
        expected = plainly(expected, track.best, now - track.stepped, lanes.unpack(row, PLACES))
        track.update(row, now)
        assert lanes.unpack(track.scores, PLACES) == expected
        assert expected[track.best] == EVEN


def plainly(scores, best, elapsed, row):
    """One step of the recursion: the less a place scores, the better it is."""
    news, gain = (NEWS, 0) if elapsed <= 1.0 else (min(1024, int(NEWS * elapsed)), int(min(log(elapsed), 2.5) * 1024))
    costs = lanes.unpack(Neighbourhoods(MODEL).around("pi-0").costs[best], PLACES)
    found = [
        min(score, cost - gain) + (unlikely * news >> 10)
        for score, cost, unlikely in zip(scores, costs, row, strict=True)
    ]
    return [score - min(found) + EVEN for score in found]
