"""Attributes on the venue of the design: who loved the bacon, who danced all night, and what nobody knows."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehub.core.venue import Venue, Zone
from edgehub.hub.attributes import UNKNOWN, Attribute, Evidence, Unknown, Value, evaluate
from edgehub.hub.definition import Definition, Told, Visits, usual
from edgehub.hub.fact import Fact
from edgehub.hub.ledger import Stay
from edgehub.hub.periods import Calendar, Period
from edgehub.hub.visits import counted_visits

LA = ZoneInfo("America/Los_Angeles")
EVENT = Calendar(LA, (date(2026, 11, 23), date(2026, 11, 24)))

BACON_LOVER = Definition(name="bacon_lover", kind="longest", of=Visits(("bacon",)))
COFFEE_FAN = Definition(name="coffee_fan", kind="count", of=Visits(("coffee",), each_of_s=30), within_s=4 * 3600)
PARTY_ANIMAL = Definition(name="party_animal", kind="total stay", of=Visits(("bar", "dance_floor")), per="night")
STAMPED = Definition(name="sponsors", kind="set", of=Told("stamp", variable="zone", silence_is_none=True))


def at(clock: str, day: str = "2026-11-23", tz: ZoneInfo = LA) -> int:
    """Wall time of the venue, in µs."""
    return round(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=tz).timestamp() * 1e6)


def stay(zone: str, begin: int, minutes: float, gateway: str = "pi-bar", person: str = "k") -> Stay:
    """A stay that is over."""
    end = begin + round(minutes * 60e6)
    return Stay(gateway, f"{zone}-{begin}", person, zone, begin, end, end, 1, 1)


def fact(kind: str, at_us: int, *, source: str = "shop", name: str | None = None, **values: Any) -> Fact:
    key = f"{kind}-{name}-{at_us}"
    return Fact(source=source, key=key, type=kind, name=name, at_us=at_us, received_us=at_us, values=values)


def folded(
    definition: Definition,
    *told: Stay | Fact,
    now: int = at("20:00", "2026-11-24"),
    calendar: Calendar = EVENT,
) -> Attribute:
    """The attribute from stays and facts."""
    stays = [one for one in told if isinstance(one, Stay)]
    facts = sorted((one for one in told if isinstance(one, Fact)), key=lambda one: one.at_us)
    stamps = [(one.values["zone"], one.at_us) for one in facts if one.type == "stamp"]
    visits = counted_visits(stays, now, sponsors={"acme", "birch", "cobalt"}, stamps=stamps)
    return evaluate(definition, Evidence.gathered(visits, facts, now), calendar)


def what(found: Value | Unknown) -> Any:
    """The value, when it is known."""
    assert isinstance(found, Value)
    return found.value


# --- the attributes of the design


def test_bacon_lover_is_the_longest_stay_at_the_table() -> None:
    """Kim came back three times; the six minutes count, and whose figure it is."""
    kim = [
        stay("bacon", at("09:00"), 2),
        stay("bacon", at("12:00"), 6),
        stay("bacon", at("15:00"), 4),
        stay("bar", at("16:00"), 60),
    ]
    assert folded(BACON_LOVER, *kim).value() == Value(360.0, at("17:00"), "gateway/pi-bar")


def test_a_plate_fetched_in_between_is_not_time_at_the_table() -> None:
    """Two radios heard Kim at once: for two minutes she was at the coffee, and nobody is in two places."""
    kim = [stay("bacon", at("12:00"), 10), stay("coffee", at("12:04"), 2)]
    assert what(folded(BACON_LOVER, *kim).value()) == 480.0


def test_coffee_fan_is_a_rate() -> None:
    """Three cups within four hours; a glance at the stand is none, and the one of next morning is another rate."""
    cups = [stay("coffee", at(clock), 1) for clock in ("09:00", "11:00", "12:30")]
    glance = stay("coffee", at("12:40"), 0.3)
    assert what(folded(COFFEE_FAN, *cups, glance, stay("coffee", at("09:00", "2026-11-24"), 1)).value()) == 3


def test_party_animal_counts_a_night_across_midnight() -> None:
    """Bar till two is one night; the next evening is another; both can be asked for."""
    kim = [
        stay("bar", at("22:30"), 60),
        stay("dance_floor", at("23:45"), 135),
        stay("bar", at("19:00", "2026-11-24"), 30),
    ]
    found = folded(PARTY_ANIMAL, *kim)
    assert what(found.value("2026-11-23")) == 60 * 60 + 135 * 60
    assert what(found.value("2026-11-24")) == found.value().value == 30 * 60  # type: ignore[union-attr]  # known


def test_a_sponsor_is_visited_with_a_stamp_only() -> None:
    """An hour beside a booth proves nothing; two minutes with a stamp are a visit."""
    visits = Definition(name="sponsor_visits", kind="count", of=Visits(("acme", "birch", "cobalt")))
    told = (
        stay("acme", at("10:00"), 60),
        stay("birch", at("11:30"), 2),
        fact("stamp", at("11:31"), source="stamps", zone="birch"),
    )
    assert what(folded(visits, *told).value()) == 1
    assert folded(STAMPED, *told).value() == Value(("birch",), at("11:31"), "stamps")


def test_a_stamp_a_moment_after_the_visit_still_proves_it() -> None:
    """Presence notices a leave before the stamp arrives, by a little; a stamp of an hour later is of another visit."""
    visits = Definition(name="sponsor_visits", kind="count", of=Visits(("acme",)))
    near = stay("acme", at("10:00"), 2)
    assert what(folded(visits, near, fact("stamp", at("10:03"), source="stamps", zone="acme")).value()) == 1
    assert what(folded(visits, near, fact("stamp", at("11:03"), source="stamps", zone="acme")).value()) == 0


PURCHASES = (
    fact("track", at("12:00"), name="purchase", item="sunscreen", spend=12.5),
    fact("track", at("15:00"), name="purchase", item="mug", spend=8),
    fact("track", at("09:00", "2026-11-24"), name="purchase", item="mug", spend=8),
)


@pytest.mark.parametrize(
    ("kind", "variable", "per", "value"),
    [
        ("count", None, "event", 3),
        ("set", "item", "event", ("mug", "sunscreen")),
        ("most frequent", "item", "event", "mug"),
        ("first", "item", "event", "sunscreen"),
        ("last", "item", "event", "mug"),
        ("first", None, "ever", at("12:00")),
        ("last", None, "ever", at("09:00", "2026-11-24")),
        ("score", "spend", "ever", 28.5),
        ("score", None, "day", 1),
        ("timeline", "item", "day", ((at("09:00", "2026-11-24"), "mug"),)),
    ],
)
def test_figures_of_what_was_told(kind: Any, variable: str | None, per: Period, value: Any) -> None:
    """Each kind of figure of Kim's purchases, in the period they are asked for."""
    definition = Definition(name="x", kind=kind, of=Told("track", "purchase", variable), per=per)
    assert what(folded(definition, *PURCHASES).value()) == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("count", 3),
        ("first", at("09:00")),
        ("last", at("16:00")),
        ("set", ("bar", "coffee")),
        ("most frequent", "coffee"),
        ("timeline", ((at("09:00"), "coffee"), (at("12:00"), "coffee"), (at("15:00"), "bar"))),
    ],
)
def test_figures_of_visits(kind: Any, value: Any) -> None:
    """Each kind of figure of Kim's visits."""
    kim = stay("coffee", at("09:00"), 5), stay("coffee", at("12:00"), 5), stay("bar", at("15:00"), 60)
    assert what(folded(Definition(name="x", kind=kind, of=Visits()), *kim).value()) == value


def test_a_score_gives_points() -> None:
    """A booth is worth what the producer says it is."""
    score = Definition(name="game", kind="score", of=Told("stamp", variable="zone"), points={"acme": 5, "birch": 1})
    stamps = [
        fact("stamp", at(f"1{hour}:00"), source="stamps", zone=zone)
        for hour, zone in enumerate(("acme", "birch", "cobalt"))
    ]
    assert what(folded(score, *stamps).value()) == 6


def test_per_visit_is_the_visit_that_lasts_or_was_last() -> None:
    """Two minutes on the dance floor, this time."""
    dancing = Definition(name="dancing", kind="total stay", of=Visits(("dance_floor",)), per="visit")
    kim = stay("dance_floor", at("21:00"), 30), stay("dance_floor", at("22:00"), 2)
    assert what(folded(dancing, *kim).value()) == 120.0


# --- unknown is not false


def test_a_guest_nobody_saw_is_unknown_and_not_at_zero() -> None:
    """No gateway ever heard the badge: perhaps it lies in a drawer."""
    found = folded(BACON_LOVER).value()
    assert found is UNKNOWN
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(found)


def test_a_guest_seen_elsewhere_was_not_at_the_table() -> None:
    """The badge is heard all over the place, so it would have been heard there."""
    assert folded(BACON_LOVER, stay("bar", at("10:00"), 5)).value() == Value(0.0, at("10:05"), "gateway/pi-bar")


def test_who_was_seen_on_the_first_day_only_is_unknown_on_the_second() -> None:
    """The badge may have been left at home."""
    daily = Definition(name="x", kind="count", of=Visits(("bacon",)), per="day")
    found = folded(daily, stay("bacon", at("10:00"), 5))
    assert (what(found.value("2026-11-23")), found.value("2026-11-24")) == (1, UNKNOWN)


def test_never_bought_needs_somebody_who_would_know() -> None:
    """Without a word of the shop it is unknown; once the shop knows the guest, nothing bought is nothing bought."""
    bought = Told("track", "purchase", "item", where={"item": "sunscreen"}, told_by=("shop",))
    definition = Definition(name="sunscreen", kind="count", of=bought, per="ever")
    assert folded(definition, fact("identify", at("08:00"), source="registration")).value() is UNKNOWN
    known = folded(definition, fact("identify", at("08:00"), source="shop")).value()
    assert known == Value(0, at("08:00"), "shop")
    assert what(folded(definition, *PURCHASES).value()) == 1


def test_what_the_hub_would_know_itself_is_never_unknown() -> None:
    """Stamps are taken here: no stamp is none."""
    assert folded(STAMPED).value() == Value((), at("20:00", "2026-11-24"), "hub")


def test_a_period_to_come_is_unknown() -> None:
    """On the first morning nobody knows of the second day."""
    daily = Definition(name="x", kind="count", of=Visits(), per="day")
    assert folded(daily, stay("bar", at("09:00"), 5), now=at("10:00")).value("2026-11-24") is UNKNOWN


# --- the log is the truth


def test_late_news_change_the_past() -> None:
    """A gateway was cut off all night; what it brings the next day belongs to the night."""
    early = stay("bar", at("21:00"), 60)
    late = stay("dance_floor", at("23:30"), 60, gateway="pi-dance")
    assert what(folded(PARTY_ANIMAL, early).value("2026-11-23")) == 3600
    assert what(folded(PARTY_ANIMAL, early, late).value("2026-11-23")) == 7200


def test_the_last_report_of_a_stay_counts_in_whichever_order_they_come() -> None:
    """A gateway corrected itself: the hour was half an hour."""
    told = stay("bar", at("21:00"), 60)
    corrected = replace(told, left_us=at("21:30"), seen_us=at("21:30"), seq=2)
    for reports in ((told, corrected), (corrected, told)):
        assert what(folded(PARTY_ANIMAL, *reports).value("2026-11-23")) == 1800


def test_what_was_before_the_event_is_not_of_the_event() -> None:
    """Setting up the bar the day before is of no event, and of ever."""
    before = stay("bacon", at("12:00", "2026-11-22"), 30)
    assert what(folded(Definition(name="x", kind="count", of=Visits(("bacon",)), per="ever"), before).value()) == 1
    assert what(folded(BACON_LOVER, before, stay("bar", at("09:00"), 1)).value()) == 0


def test_the_night_of_the_last_day_is_of_the_event() -> None:
    """The last dance is at one in the morning."""
    last = stay("bacon", at("00:30", "2026-11-25"), 20)
    assert what(folded(BACON_LOVER, last, now=at("10:00", "2026-11-25")).value()) == 1200


@pytest.mark.parametrize(
    ("day", "next_day", "length_h", "until", "stayed_h"),
    [("2026-10-31", "2026-11-01", 25, "02:30", 3), ("2026-03-07", "2026-03-08", 23, "03:30", 2)],
)
def test_a_night_in_which_clocks_change(day: str, next_day: str, length_h: int, until: str, stayed_h: int) -> None:
    """From half past midnight by the clock of the bar: what counts is the time that passed, and none is lost or doubled."""
    calendar = Calendar(LA, (date.fromisoformat(day),))
    begin_us, end_us = calendar.span("night", day)
    assert end_us - begin_us == length_h * 3_600_000_000
    party = Stay("pi-bar", "v", "k", "bar", at("00:30", next_day), at(until, next_day), at(until, next_day), 1, 1)
    found = folded(PARTY_ANIMAL, party, now=at("12:00", next_day), calendar=calendar)
    assert what(found.value(day)) == stayed_h * 3600


def test_a_day_is_the_venues_and_not_the_servers() -> None:
    """Five in the afternoon in Los Angeles is the next day in UTC."""
    assert EVENT.label("day", at("17:00")) == "2026-11-23"
    assert [EVENT.label("night", at(clock)) for clock in ("17:59", "18:00")] == ["2026-11-22", "2026-11-23"]


MOMENTS = st.integers(at("00:00", "2026-01-01"), at("00:00", "2027-12-31"))


@given(MOMENTS, st.integers(1, 10**12), st.sampled_from(["day", "night"]))
def test_every_moment_is_in_one_period_and_time_is_cut_without_loss(begin: int, length: int, per: Period) -> None:
    """Whatever clocks do, the parts of a stretch are the stretch."""
    first, last = EVENT.span(per, EVENT.label(per, begin))
    assert first <= begin < last
    assert sum(part for _, part in EVENT.cut(per, begin, begin + length)) == length


STAYS = st.lists(
    st.builds(
        stay,
        st.sampled_from(["bar", "dance_floor", "coffee"]),
        st.integers(0, 40).map(lambda tenth: at("20:00") + tenth * 600_000_000),
        st.integers(0, 90),
        st.sampled_from(["pi-bar", "pi-dance"]),
        st.sampled_from(["k", "k2"]),
    ),
    max_size=12,
)


@given(STAYS)
def test_no_minute_is_counted_twice(stays: list[Stay]) -> None:
    """However many gateways saw a guest, under however many ids: zones and nights add up to the time they were there."""
    stays = list({one.key: one for one in stays}.values())
    totals = [
        Definition(name=zone, kind="total stay", of=Visits((zone,)), per="night")
        for zone in ("bar", "dance_floor", "coffee")
    ]
    counted = sum(one.value for total in totals for one in folded(total, *stays).known.values())
    minute = timedelta(minutes=1) // timedelta(microseconds=1)
    there = {m for one in stays for m in range(one.entered_us // minute, (one.left_us or 0) // minute)}
    assert counted == len(there) * 60


def test_what_is_counted_of_every_guest() -> None:
    """Without a rule; and stamps where there are sponsors. Of tonight nobody knows yet."""
    kim = stay("bar", at("22:00"), 180), stay("bacon", at("09:00", "2026-11-24"), 10)
    counted = {one.name: folded(one, *kim) for one in usual(Venue({"acme": Zone("acme", "Acme", sponsor=True)}))}
    assert counted["stay_by_night"].value() is UNKNOWN
    assert (
        what(counted.pop("stay_by_night").value("2026-11-23")) == 3 * 3600 + 600
    )  # a night lasts until six in the evening
    assert {name: what(one.value()) for name, one in counted.items()} == {
        "first_seen": at("22:00"),
        "last_seen": at("09:10", "2026-11-24"),
        "stay_by_day": 3600 + 600,
        "zones": ("bacon", "bar"),
        "favourite_zone": "bacon",
        "sponsors": (),
    }
    assert "sponsors" not in {one.name for one in usual(Venue({"bar": Zone("bar", "Bar")}))}


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "longest", "of": Told("track")},
        {"kind": "count", "of": Told("track"), "per": "visit"},
        {"kind": "set", "of": Visits(), "within_s": 60.0},
    ],
)
def test_words_that_do_not_go_together(wrong: dict[str, Any]) -> None:
    """A definition is refused when it is made, by its name."""
    with pytest.raises(ValueError, match=r"^x: only"):
        Definition(name="x", **wrong)
