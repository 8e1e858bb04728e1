"""Where a phone is, from the markers it hears: simulated phones of every temper, and what is believed of them."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehub.hub.doors.markers import ELSEWHERE, WINDOW_US, Phone, Seen, Sighting, joined

NOON_US = 1_795_435_200_000_000
SECOND = 1_000_000
ZONES = ("acme", "birch", "cobalt", "bacon")


def walk(seed: int, offset_db: float, pocket: bool | None = None, legs: int = 10) -> tuple[float, float, Phone]:
    """A simulated walk with a phone: recall (of the time in zones) and error (of the time told)."""
    world, phone = random.Random(seed), Phone(ZONES)
    now, heard, told, truth = NOON_US, [], [], []
    for _ in range(legs):
        zone, seconds = world.choice([*ZONES, ELSEWHERE]), world.randint(30, 180)
        hidden = world.random() < 0.5 if pocket is None else pocket
        truth.append((zone, now, now + seconds * SECOND))
        fading = {other: world.gauss(0, 4) for other in ZONES}
        for second in range(seconds):
            for other in ZONES:
                fading[other] = 0.9 * fading[other] + world.gauss(0, 1.8)
                level = (-62 if other == zone else -84) - 10 * hidden + offset_db + fading[other] + world.gauss(0, 3)
                if level > -98 and world.random() < 0.6:
                    heard.append(Sighting(f"{other}-marker", other, level, now))
            now += SECOND
            if second % 30 == 29:
                told += phone.take(heard)[0]
                heard = []
    told += phone.take(heard)[0]
    right = sum(overlap(one, *leg[1:]) for one in told for leg in truth if leg[0] == one.zone)
    length = sum(one.to_us - one.from_us for one in told)
    inside = sum(end - begin for zone, begin, end in truth if zone != ELSEWHERE)
    return right / inside, (length - right) / max(length, 1), phone


def overlap(one: Seen, begin_us: int, end_us: int) -> int:
    """In µs."""
    return max(0, min(one.to_us, end_us) - max(one.from_us, begin_us))


@pytest.mark.parametrize(("offset_db", "pocket"), [(0, None), (10, None), (-10, None), (0, True), (6, False)])
def test_a_phone_is_placed_whatever_its_offset_and_pocket(offset_db: float, pocket: bool | None) -> None:
    """Of the time told at most 6 % is wrong, and most of the time in zones is told, for phones 20 dB apart."""
    walks = [walk(seed, offset_db, pocket) for seed in range(4)]
    assert sum(error for _, error, _ in walks) / 4 <= 0.06
    assert sum(recall for recall, _, _ in walks) / 4 >= 0.75


def test_a_loud_phone_is_known_by_its_walk() -> None:
    """What it hears far away tells its offset."""
    assert walk(1, 10.0, False)[2].offset_db > 5
    assert walk(1, -10.0, False)[2].offset_db < -2


def hear(zone: str, level: float, start_s: int, seconds: int) -> list[Sighting]:
    """A marker once a second."""
    return [Sighting(zone, zone, level, NOON_US + (start_s + second) * SECOND) for second in range(seconds)]


def test_walking_past_is_no_visit() -> None:
    """Ten loud seconds count for nothing; forty do, without the first and the last few."""
    assert Phone(ZONES).take(hear("acme", -55, 0, 10)) == ([], 0)
    [seen], late = Phone(ZONES).take(hear("acme", -55, 0, 40))
    assert (seen.zone, late) == ("acme", 0)
    assert seen.from_us > NOON_US
    assert seen.to_us < NOON_US + 40 * SECOND


def test_weak_markers_place_nobody() -> None:
    """A phone that hears all of them badly is elsewhere."""
    phone = Phone(ZONES)
    heard = [one for zone in ZONES for one in hear(zone, -92, 0, 120)]
    assert phone.take(heard) == ([], 0)
    assert phone.zone is None


def test_what_was_told_is_not_told_again() -> None:
    """The same sightings again, or older ones, are late and mean nothing."""
    phone = Phone(ZONES)
    heard = hear("acme", -55, 0, 60)
    phone.take(heard)
    assert phone.take(heard) == ([], 60)


@given(st.lists(st.integers(1, 59), max_size=4, unique=True))
def test_how_a_phone_cuts_its_messages_hardly_matters(cuts: list[int]) -> None:
    """Whatever the batches, what is told covers the same time, in order, without any moment twice."""
    heard, edges = hear("acme", -58, 0, 60), [0, *sorted(cuts), 60]
    phone, told = Phone(ZONES), []
    for begin, end in pairwise(edges):
        told += phone.take(heard[begin:end])[0]
    assert all(one.to_us <= other.from_us for one, other in pairwise(told))
    [whole] = joined(told)
    [at_once] = Phone(ZONES).take(heard)[0]
    assert whole.from_us == at_once.from_us
    assert abs(whole.to_us - at_once.to_us) <= WINDOW_US


@given(st.lists(st.tuples(st.sampled_from(ZONES), st.floats(-127, 20), st.integers(-400, 400)), max_size=60))
def test_no_levels_break_it(told: list[tuple[str, float, int]]) -> None:
    """Any levels at any times: what is told is in order, and the belief stays a belief."""
    phone = Phone(ZONES)
    for zone, level, at_s in told:
        seen, _ = phone.take([Sighting(zone, zone, level, NOON_US + at_s * SECOND)])
        assert all(one.from_us < one.to_us for one in seen)
        assert abs(sum(phone.belief.values()) - 1) < 1e-6
