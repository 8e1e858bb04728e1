"""The simulated venue: people walk as people do, and what their badges send is what badges send."""

import itertools
import math
import random
from statistics import mean

import pytest

from edgehub.core.advert import Advertisement
from edgehub.core.airwave import payloads
from edgehub.core.sightings import Sightings
from edgehub.core.venue import BadgeScheme
from edgehub.sim.air import Air, Fading
from edgehub.sim.badges import SHARES, Badge
from edgehub.sim.guests import invite
from edgehub.sim.recording import record_survey
from edgehub.sim.venue import CONFERENCE
from edgehub.sim.walkers import wander
from edgehub.sim.world import populate

ZONES = list(CONFERENCE.rooms)
SCHEME = BadgeScheme("f7826da6-4fa2-4e98-8024-bc5b71e0893e", 1)


def heard(seed: int, seconds: float = 120.0, people: int = 20) -> list:
    """What all receivers hear of a venue."""
    return list(populate(CONFERENCE, invite(people, ZONES, seed), seed=seed).advance(seconds))


def test_one_seed_is_one_day() -> None:
    """The same seed gives the same packets at the same levels; another seed gives another day."""
    assert heard(1) == heard(1)
    assert heard(1) != heard(2)


def test_the_day_does_not_depend_on_how_often_one_looks() -> None:
    """Asking every 20 ms or once a minute gives the same day."""
    world = populate(CONFERENCE, invite(20, ZONES, 3), seed=3)
    small_steps = [reception for step in range(6000) for reception in world.advance((step + 1) / 50)]
    assert small_steps == heard(3)


def test_receptions_come_in_order_and_within_what_a_radio_can_hear() -> None:
    """Times never go back, and no level is below the sensitivity of a receiver or above what a badge can send."""
    receptions = heard(4)
    assert all(earlier.at <= later.at for earlier, later in itertools.pairwise(receptions))
    assert all(-94 < reception.rssi_dbm < -20 for reception in receptions)
    assert {reception.receiver for reception in receptions} == set(CONFERENCE.receivers)


def test_nobody_teleports_and_nobody_walks_through_walls() -> None:
    """A guest moves at walking speed in one unbroken line, and the truth names the room they are in."""
    legs = itertools.islice(wander(CONFERENCE, {}, random.Random(5), 0.0), 2000)
    for earlier, later in itertools.pairwise(legs):
        assert later.start_s == pytest.approx(earlier.end_s)
        assert math.dist(earlier.end, later.start) < 1e-9
        assert math.dist(later.start, later.end) <= 1.5 * (later.end_s - later.start_s) + 1e-9
        middle = later.at((later.start_s + later.end_s) / 2)
        inside = next((room.zone for room in CONFERENCE.rooms.values() if room.holds(*middle)), None)
        assert inside == later.zone or math.dist(middle, CONFERENCE.rooms[later.zone or inside or "party"].door) < 1.0


@pytest.mark.parametrize("kind", SHARES)
def test_every_make_of_badge_is_read_as_the_badge_staff_wrote_down(kind: str) -> None:
    """Each payload a badge sends in turn is one sighting of the very key that registration.csv leads to."""
    badge = Badge.make(kind, 1042, random.Random(6))
    sightings = Sightings(SCHEME, str)
    adverts = [
        Advertisement("pi-bar", badge.address.hex(":"), -60, float(n), payloads(payload))
        for n, payload in enumerate(badge.payloads)
    ]
    assert [key for key, *_ in sightings.read(adverts)] == [badge.written] * len(badge.payloads)


def test_phones_chatter_and_are_no_badges() -> None:
    """Some packets on the air belong to no badge."""
    guests = invite(20, ZONES, 7)
    ours = {guest.badge.address for guest in guests}
    chatter = {reception.payload for reception in heard(7) if reception.address not in ours}
    sightings = Sightings(SCHEME, {guest.badge.written: guest for guest in guests}.get)
    adverts = [Advertisement("pi-bar", str(n), -60, 0.0, payloads(data)) for n, data in enumerate(chatter)]
    assert chatter
    assert sightings.read(adverts) == []


def level(facing: float | None, metres: float = 4.0) -> float:
    """Mean level at pi-coffee of a badge straight below it."""
    air = Air(CONFERENCE, adverts_per_s=1, seed=8)
    number = list(CONFERENCE.receivers).index("pi-coffee")
    x, y = CONFERENCE.receivers["pi-coffee"]
    here = (x, y + metres)
    levels = []
    for second in range(400):
        found = dict(air.carry(Fading(here, 0.0), here, facing, -59, float(second)))
        levels += [found[number]] if number in found else []
    return mean(levels)


def test_a_body_stands_in_the_way() -> None:
    """Who turns their back to a receiver is some 10 dB quieter there, and a table is in nobody's way."""
    towards, away = level(-math.pi / 2), level(math.pi / 2)
    assert 8 < towards - away < 14
    assert abs(level(None) - towards) < 1.5


def test_distance_costs() -> None:
    """Twice the distance costs some 7 dB, as an exponent of 2.4 says."""
    assert 5 < level(None, 2.5) - level(None, 5.0) < 9


def test_a_crowd_costs_packets() -> None:
    """Ten times the people lose each other's packets: fewer of each arrive."""
    few, many = (len(heard(9, 30, people)) / people for people in (20, 200))
    assert many < 0.9 * few


def test_the_survey_walk_labels_every_room_for_a_minute(tmp_path) -> None:
    """The walk for `edgehub calibrate` is in every zone for at least a minute, and a minute between zones."""
    import json

    recording, walks = record_survey(CONFERENCE, tmp_path, seed=10)
    spent: dict[str | None, float] = {}
    for walk in json.loads(walks.read_text()):
        spent[walk["zone"]] = spent.get(walk["zone"], 0.0) + walk["t_out"] - walk["t_in"]
    assert set(spent) == {*ZONES, None}
    assert min(spent.values()) >= 60
    lines = [json.loads(line) for line in recording.read_text().splitlines()]
    assert {line["receiver"] for line in lines} == set(CONFERENCE.receivers)
