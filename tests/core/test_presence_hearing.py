"""A deaf receiver is found without being told, and an empty room is not taken for one."""

from edgehub.core.presence import Hearing, Model, Moved, Place, Presence, Reading, Survey
from edgehub.core.venue import Venue, Zone


def crowd(hearing, now, seconds, *, deaf=(), badges=8):
    """Badges in the hall, which pi-bar hears too; they send once a second."""
    for second in range(seconds):
        for badge in range(badges):
            levels = {"pi-hall": -60.0, "pi-bar": -75.0}
            hearing.tell(f"b{badge}", {k: v for k, v in levels.items() if k not in deaf}, now + second)
    return now + seconds


def test_neighbours_find_a_deaf_receiver():
    """When badges that were always heard by both are heard by one only, the other is deaf; one packet acquits it."""
    hearing = Hearing(["pi-bar", "pi-hall"])
    now = crowd(hearing, 0.0, 60)
    assert hearing.deaf(now) == frozenset()
    now = crowd(hearing, now, 40, deaf={"pi-bar"})
    assert hearing.deaf(now) == {"pi-bar"}
    now = crowd(hearing, now, 1)
    assert hearing.deaf(now) == frozenset()


def test_one_missing_badge_proves_nothing():
    """A single badge that a receiver hears no more has walked off; the receiver is not deaf."""
    hearing = Hearing(["pi-bar", "pi-hall"])
    now = crowd(hearing, 0.0, 120, badges=1)
    now = crowd(hearing, now, 300, deaf={"pi-bar"}, badges=1)
    assert hearing.deaf(now) == frozenset()


def test_an_empty_room_is_not_deaf():
    """A receiver whose neighbours hear nobody it used to hear with them is simply alone."""
    hearing = Hearing(["pi-bar", "pi-hall"])
    now = crowd(hearing, 0.0, 60)
    assert hearing.deaf(now + 3600.0) == frozenset()


def test_a_receiver_that_never_heard_anything_is_not_judged():
    """What has not started yet is for its own status to say."""
    hearing = Hearing(["pi-bar", "pi-hall", "pi-new"])
    assert "pi-new" not in hearing.deaf(crowd(hearing, 0.0, 120))


def test_a_marker_tells_a_deaf_receiver_from_an_empty_room():
    """A marker that is heard no more, while nothing else is heard either, means deaf; a second marker heard acquits."""
    hearing = Hearing(["pi-bar"])
    for second in range(60):
        hearing.tell_marker("glued-1", "pi-bar", float(second))
        hearing.tell_marker("glued-2", "pi-bar", second + 0.5)
    assert hearing.deaf(70.0) == frozenset()
    assert hearing.deaf(100.0) == {"pi-bar"}
    hearing.tell_marker("glued-2", "pi-bar", 101.0)
    assert hearing.deaf(102.0) == frozenset()


def test_a_slow_marker_gets_its_time():
    """A marker that sends every 10 s is missed after 100 s, not after 30."""
    hearing = Hearing(["pi-bar"])
    for beat in range(60):
        hearing.tell_marker("glued", "pi-bar", beat * 10.0)
    assert hearing.deaf(590.0 + 60.0) == frozenset()
    assert hearing.deaf(590.0 + 120.0) == {"pi-bar"}


def test_presence_finds_a_deaf_receiver_itself():
    """Nobody told it: a minute after its receiver fell deaf all eight guests are in the hall, and it is suspected."""
    zones = {"bar": Zone("bar", "Bar", ("pi-bar",)), "hall": Zone("hall", "Hall", ("pi-hall",))}
    survey, both = Survey(), {"pi-bar": 1, "pi-hall": 1}
    survey.add(Place("bar"), [Reading(float(t), {"pi-bar": -62.0}, {"pi-bar": 1}) for t in range(60)])
    survey.add(Place("hall"), [Reading(float(t), {"pi-bar": -75.0, "pi-hall": -60.0}, both) for t in range(60)])
    presence, moves = Presence(Model.of(Venue(zones=zones), survey, ())), []
    for second in range(240):
        for badge in range(8):
            at = second + badge / 10.0
            moves += presence.advance(at)
            if second < 120:
                moves += presence.hear(f"b{badge}", "pi-hall", -60.0, at)
            moves += presence.hear(f"b{badge}", "pi-bar", -75.0, at)
    assert {event.badge: event.zone for event in moves if isinstance(event, Moved)} == {
        f"b{k}": "hall" for k in range(8)
    }
    assert not [event for event in moves if isinstance(event, Moved) and event.at > 180.0]
    assert presence.suspects == {"pi-hall"}
    presence.hear("b0", "pi-hall", -60.0, 241.0)
    presence.hear("b0", "pi-hall", -60.0, 243.0)
    assert presence.suspects == frozenset()


def test_a_marker_reaches_the_verdict_of_presence():
    """What a marker says is heard through presence too."""
    presence = Presence(Model.of(Venue(zones={"bar": Zone("bar", "Bar", ("pi-bar",))}), None, ("pi-hall",)))
    for second in range(200):
        if second < 60:
            presence.hear_marker("glued", "pi-bar", float(second))
        presence.hear("7", "pi-hall", -80.0, float(second))
    assert presence.suspects == {"pi-bar"}
