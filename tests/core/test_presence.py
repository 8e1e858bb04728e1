"""Presence as timelines: levels go in, transitions come out, and no clock is needed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgehub.core.presence import Entered, Left, Model, Moved, Place, Presence, Reading, Survey
from edgehub.core.venue import Venue, Zone

VENUE = Venue(zones={"bar": Zone("bar", "Bar", ("pi-bar",)), "hall": Zone("hall", "Hall", ("pi-hall",))})
IN_BAR = {"pi-bar": -60.0, "pi-hall": -85.0}
IN_HALL = {"pi-bar": -85.0, "pi-hall": -60.0}


def presence(venue=VENUE, survey=None):
    return Presence(Model.of(venue, survey, ()))


def surveyed(places):
    """A survey where each place sounds the same for a minute, ±3 dB."""
    survey = Survey()
    for place, levels in places.items():
        walk = [
            Reading(float(t), {name: level + (t % 7) - 3 for name, level in levels.items()}, dict.fromkeys(levels, 1))
            for t in range(60)
        ]
        survey.add(Place(*place) if isinstance(place, tuple) else Place(place), walk)
    return survey


class Timeline:
    """One badge's day: play levels for some seconds, tick as a gateway would, keep all that came out."""

    def __init__(self, presence, badge="7", every_s=1.0):
        self.presence, self.badge, self.every_s = presence, badge, every_s
        self.now, self.said = 0.0, []

    def play(self, levels, seconds):
        end = self.now + seconds
        while self.now < end:
            self.said += self.presence.advance(self.now)
            for receiver, level_dbm in levels.items():
                self.said += self.presence.hear(self.badge, receiver, level_dbm, self.now)
            self.now += self.every_s
        return self

    def wait(self, seconds):
        self.now += seconds
        self.said += self.presence.advance(self.now)
        return self

    @property
    def moves(self):
        return [(event.at, event.zone) for event in self.said if isinstance(event, Moved)]

    @property
    def stays(self):
        """(zone, since, until) of closed stays."""
        found, entered = [], None
        for event in self.said:
            match event:
                case Entered():
                    assert entered is None
                    entered = event
                case Left():
                    assert entered is not None
                    assert entered.zone == event.zone
                    found.append((event.zone, entered.since, event.until))
                    entered = None
        return found


def test_a_clear_arrival_lights_at_once_and_is_dated_back():
    """A strong new badge moves within a second; its stay is reported later and begins when it appeared."""
    day = Timeline(presence()).play(IN_BAR, 30)
    assert day.moves[0][1] == "bar"
    assert day.moves[0][0] <= 1.0
    entered = next(event for event in day.said if isinstance(event, Entered))
    assert (entered.zone, entered.since) == ("bar", 0.0)
    assert entered.at >= entered.since


@pytest.mark.parametrize(("survey", "within_s"), [(surveyed({"bar": IN_BAR, "hall": IN_HALL}), 3.0), (None, 6.0)])
def test_the_light_follows_a_walk(survey, within_s):
    """At one advert a second it takes 3 s with a survey, 6 s without; dwell is split at the walk."""
    day = Timeline(presence(survey=survey)).play(IN_BAR, 60).play(IN_HALL, 60).wait(60)
    assert [zone for _, zone in day.moves] == ["bar", "hall", None]
    assert day.moves[1][0] - 60.0 <= within_s
    (bar, since, until), (hall, since2, until2) = day.stays
    assert (bar, hall) == ("bar", "hall")
    assert since == 0.0
    assert until == since2
    assert abs(until - 60.0) <= 2.0
    assert until2 == 119.0


def test_one_odd_second_moves_nobody():
    """A single strange level is no walk: no move, and one stay."""
    day = Timeline(presence()).play(IN_BAR, 40).play(IN_HALL, 1).play(IN_BAR, 40).wait(60)
    assert [zone for _, zone in day.moves] == ["bar", None]
    assert [zone for zone, *_ in day.stays] == ["bar"]


def test_a_room_above_a_receiver_is_known_after_a_survey():
    """Loudest is not nearest: the loft hears pi-bar louder than its own receiver, and is right after one survey."""
    venue = Venue(zones={"bar": Zone("bar", "Bar", ("pi-bar",)), "loft": Zone("loft", "Loft", ("pi-loft",))})
    loft = {"pi-bar": -72.0, "pi-loft": -86.0}
    guess = Timeline(presence(venue)).play(loft, 20)
    assert guess.moves[-1][1] == "bar"
    survey = surveyed({"bar": {"pi-bar": -60.0}, "loft": loft})
    known = Timeline(presence(venue, survey)).play(loft, 20)
    assert [zone for _, zone in known.moves] == ["loft"]


def test_a_zone_without_a_receiver_is_found_after_a_survey():
    """States are zones, not receivers."""
    venue = Venue(zones={**VENUE.zones, "yard": Zone("yard", "Yard")})
    yard = {"pi-bar": -80.0, "pi-hall": -80.0}
    survey = surveyed({"bar": IN_BAR, "hall": IN_HALL, "yard": yard})
    day = Timeline(presence(venue, survey)).play(IN_BAR, 30).play(yard, 30)
    assert [zone for _, zone in day.moves] == ["bar", "yard"]


def test_spots_of_one_zone_are_one_stay():
    """Two corners may sound different; walking between them is no visit."""
    corner = {"pi-bar": -80.0, "pi-hall": -70.0}
    survey = surveyed({("bar", "counter"): IN_BAR, ("bar", "corner"): corner, "hall": IN_HALL})
    day = Timeline(presence(survey=survey)).play(IN_BAR, 40).play(corner, 40).play(IN_BAR, 40).wait(60)
    assert [zone for _, zone in day.moves] == ["bar", None]
    assert [zone for zone, *_ in day.stays] == ["bar"]


def test_time_between_zones_is_in_no_stay():
    """With surveyed ways between zones, the walk belongs to neither zone; the light stays with the last one."""
    way = {"pi-bar": -74.0, "pi-hall": -74.0}
    survey = surveyed({"bar": IN_BAR, "hall": IN_HALL, (None,): way})
    day = Timeline(presence(survey=survey)).play(IN_BAR, 60).play(way, 10).play(IN_HALL, 60).wait(60)
    assert [zone for _, zone in day.moves] == ["bar", "hall", None]
    (_, _, until), (_, since, _) = day.stays
    assert until == pytest.approx(60.0, abs=2.0)
    assert since == pytest.approx(70.0, abs=2.0)


def test_silence_of_a_receiver_is_evidence():
    """Quiet next door tells two rooms apart that the one receiver hears alike."""
    survey = surveyed({"bar": {"pi-bar": -70.0}, "hall": {"pi-bar": -70.0, "pi-hall": -85.0}})
    day = Timeline(presence(survey=survey), every_s=0.2).play({"pi-bar": -70.0}, 20)
    assert day.moves[-1][1] == "bar"


def test_silence_of_a_dead_receiver_is_none():
    """Told that pi-hall is dead, its silence does not move a badge that others still hear."""
    hall = {"pi-bar": -75.0, "pi-hall": -60.0}
    survey = surveyed({"bar": {"pi-bar": -62.0}, "hall": hall})
    told, untold = presence(survey=survey), presence(survey=survey)
    told.set_receiver("pi-hall", False, 30.0)
    for engine, zone in ((told, "hall"), (untold, "bar")):
        day = Timeline(engine).play(hall, 30).play({"pi-bar": -72.0}, 60)
        assert day.moves[-1][1] == zone


def test_nobody_leaves_while_every_receiver_is_deaf():
    """Radios fail together when a cable is pulled; nobody went home because of that."""
    engine = presence()
    day = Timeline(engine).play(IN_BAR, 30)
    for receiver in ("pi-bar", "pi-hall"):
        engine.set_receiver(receiver, False, day.now)
    day.wait(1800)
    assert [zone for _, zone in day.moves] == ["bar"]
    assert engine.belief("7")["bar"] > 0.9
    engine.set_receiver("pi-bar", True, day.now)
    engine.set_receiver("pi-hall", True, day.now)
    day.play(IN_BAR, 30).wait(120)
    assert [zone for _, zone in day.moves] == ["bar", None]
    assert [zone for zone, *_ in day.stays] == ["bar"]


def test_who_vanishes_where_the_receiver_is_deaf_is_there():
    """When only the deaf receiver would hear the kitchen, unheard means in the kitchen, not gone."""
    survey = surveyed({"bar": IN_BAR, "hall": {"pi-hall": -60.0}})
    engine = presence(survey=survey)
    day = Timeline(engine).play(IN_BAR, 60)
    engine.set_receiver("pi-hall", False, day.now)
    day.wait(20)
    assert [zone for _, zone in day.moves] == ["bar", "hall"]


@pytest.mark.parametrize(("every_s", "leave_s"), [(0.2, 10.0), (1.0, 10.0), (4.0, 17.0), (10.0, 35.0), (30.0, 60.0)])
def test_leave_time_follows_the_interval_of_the_badge(every_s, leave_s):
    """A badge is gone after three intervals and 5 s, within 10 and 60 s; the stay ends when it was heard last."""
    day = Timeline(presence(), every_s=every_s).play(IN_BAR, 900)
    last = day.now - every_s
    day.wait(300)
    at, zone = day.moves[-1]
    assert zone is None
    assert at - last == pytest.approx(leave_s, rel=0.1)
    assert day.stays[-1][2] == pytest.approx(last)


def test_a_zone_may_ask_for_more_patience():
    """leave_after of a zone is a lower bound for the learned leave time."""
    venue = Venue(zones={"bar": Zone("bar", "Bar", ("pi-bar",), leave_after_s=45.0)})
    day = Timeline(presence(venue)).play({"pi-bar": -60.0}, 60)
    last = day.now - 1.0
    assert day.wait(120).moves[-1][0] - last == pytest.approx(45.0, abs=0.1)


@pytest.mark.parametrize("offset_db", [-10.0, -5.0, 5.0, 10.0])
def test_a_louder_or_fainter_badge_is_in_the_same_zone(offset_db):
    """Badges differ by several dB; levels between receivers decide, not the level alone."""
    survey = surveyed({"bar": IN_BAR, "hall": IN_HALL})
    for engine in (presence(), presence(survey=survey)):
        louder = [{name: level + offset_db for name, level in levels.items()} for levels in (IN_BAR, IN_HALL)]
        day = Timeline(engine).play(louder[0], 40).play(louder[1], 40)
        assert [zone for _, zone in day.moves] == ["bar", "hall"]


def test_peers_alone_are_enough():
    """A badge that only neighbours hear, as means of a second, is placed all the same."""
    engine = presence()
    said = [event for t in range(30) for event in engine.hear("7", "pi-hall", -61.0, float(t), 5)]
    assert [event.zone for event in said if isinstance(event, Moved)] == ["hall"]


def test_a_receiver_nobody_named_does_no_harm():
    """Levels from an unknown receiver keep the badge alive and decide nothing."""
    engine = presence()
    day = Timeline(engine).play({**IN_BAR, "pi-new": -30.0}, 20)
    assert [zone for _, zone in day.moves] == ["bar"]
    assert [zone for _, zone in day.play({"pi-new": -30.0}, 60).moves] == ["bar"]


def test_evidence_says_why():
    """A move carries the levels, the probability and the runner-up."""
    day = Timeline(presence()).play(IN_BAR, 30).play(IN_HALL, 30)
    evidence = next(event.evidence for event in day.said if isinstance(event, Moved) and event.zone == "hall")
    assert set(evidence.levels) <= {"pi-bar", "pi-hall"}
    assert 0.5 < evidence.probability <= 1.0
    assert evidence.runner_up == "bar"
    assert evidence.margin > 0.0


def test_swapping_the_model_keeps_badges_in_their_zones():
    """A reload between two adverts moves nobody, whatever zones came or went."""
    engine = presence()
    day = Timeline(engine).play(IN_BAR, 30)
    bigger = Venue(zones={"yard": Zone("yard", "Yard"), **VENUE.zones})
    engine.swap(Model.of(bigger, surveyed({"yard": {"pi-bar": -95.0}}), ()))
    day.play(IN_BAR, 30).wait(60)
    assert [zone for _, zone in day.moves] == ["bar", None]
    assert day.stays == [("bar", 0.0, 59.0)]


def test_a_zone_that_is_gone_after_a_swap_is_left():
    """When staff remove a zone, its guests are soon somewhere else, and its stay ends."""
    engine = presence()
    day = Timeline(engine).play(IN_BAR, 30)
    engine.swap(Model.of(Venue(zones={"hall": VENUE.zones["hall"]}), None, ("pi-bar",)))
    day.play(IN_BAR, 40)
    assert day.moves[-1][1] == "hall"
    assert [zone for zone, *_ in day.stays] == ["bar"]


def test_forgetting_leaves_nothing():
    """A forgotten badge has no belief, no deadline that does anything, and starts anew."""
    engine = presence()
    Timeline(engine).play(IN_BAR, 30)
    engine.forget("7")
    assert engine.belief("7") == {}
    assert engine.advance(1e6) == []
    assert Timeline(engine).play(IN_BAR, 2).moves[0][1] == "bar"


STEP = st.tuples(
    st.floats(0.05, 20.0),
    st.sampled_from(["1", "2", "3"]),
    st.sampled_from(["pi-bar", "pi-hall"]),
    st.integers(-100, -40),
)


def played(steps, ticks=()):
    """All transitions of a random day, with extra ticks after some of the steps."""
    engine, now, said = presence(), 0.0, []
    for number, (gap, badge, receiver, level) in enumerate(steps):
        for tick in [tick for at, tick in ticks if at == number]:
            said += engine.advance(now + gap * tick)
        now += gap
        said += engine.hear(badge, receiver, float(level), now)
    return said + engine.advance(now + 1e4)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=80), st.lists(st.tuples(st.integers(0, 80), st.floats(0.0, 0.99)), max_size=20))
def test_extra_and_late_ticks_change_nothing(steps, ticks):
    """The same levels with other ticks give the same transitions, in the order of their times for each badge."""
    plain, ticked = played(steps), played(steps, sorted(ticks))
    for badge in "123":
        assert [event for event in plain if event.badge == badge] == [event for event in ticked if event.badge == badge]


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=120))
def test_stays_of_one_badge_never_overlap(steps):
    """Whatever is heard: entered and left alternate, time never runs back, and nothing is dated into the future."""
    open_, ended = {}, {}
    for event in played(steps):
        match event:
            case Entered():
                assert event.badge not in open_
                assert ended.get(event.badge, 0.0) <= event.since <= event.at
                open_[event.badge] = event
            case Left():
                entered = open_.pop(event.badge)
                assert entered.zone == event.zone
                assert entered.since <= event.until <= event.at
                ended[event.badge] = event.until
    assert not open_


def test_a_large_venue_follows_badges_by_neighbourhood():
    """With 64 zones a badge walks from one end to the other and is right everywhere."""
    zones = {f"z{k:02}": Zone(f"z{k:02}", f"Zone {k}", (f"r{k:02}",)) for k in range(64)}
    engine = presence(Venue(zones=zones))
    day = Timeline(engine)
    for k in range(0, 64, 3):
        near = {f"r{n:02}": -60.0 - 12.0 * abs(n - k) for n in range(max(0, k - 2), min(64, k + 3))}
        day.play(near, 20)
        assert day.moves[-1][1] == f"z{k:02}"
