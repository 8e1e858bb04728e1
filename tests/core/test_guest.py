"""A guest as one document: what is believed, what was agreed to, and one timeline over all doors."""

import json
from datetime import date
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehub.core.profile import BadgeBinding
from edgehub.core.venue import Venue, Zone
from edgehub.hub.attributes import UNKNOWN, Value
from edgehub.hub.belief import Consent, Trust
from edgehub.hub.claim import Claim, IdentityRules, KindRule
from edgehub.hub.definition import Definition, Told, Visits
from edgehub.hub.fact import Fact, Identifier
from edgehub.hub.guest import Guest, fold
from edgehub.hub.identity import resolve
from edgehub.hub.ledger import Stay
from edgehub.hub.periods import Calendar

H = 3_600_000_000
"""An hour in µs; the event begins at hour 0 of UTC."""
DAY_ONE = 1_795_392_000_000_000
"""2026-11-23 00:00 UTC."""
KEYS = map(str, count())
RULES = IdentityRules(
    KindRule("registration", most=1), KindRule("crm", most=1), KindRule("email", most=5), KindRule("app")
)
VENUE = Venue(
    zones={"bar": Zone("bar", "Bar"), "bacon": Zone("bacon", "Bacon"), "acme": Zone("acme", "Acme", sponsor=True)}
)
EVENT = Calendar(ZoneInfo("UTC"), (date(2026, 11, 23), date(2026, 11, 24)))
TRUST = Trust(priority={"registration": 60}, fresh_for_s={"spend": 24 * 3600.0})
DEFINITIONS = (
    Definition(name="bar", kind="total stay", of=Visits(("bar",)), per="night"),
    Definition(name="bacon", kind="longest", of=Visits(("bacon",))),
    Definition(name="sponsors", kind="set", of=Told("stamp", variable="zone", silence_is_none=True)),
    Definition(name="purchases", kind="count", of=Told("track", "purchase", told_by=("shop",)), per="ever"),
)


def told(
    hour: float, ids: str, kind: str = "identify", source: str = "registration", name: str | None = None, **values: Any
) -> Fact:
    """A fact in short, at an hour of the event."""
    at_us = DAY_ONE + round(hour * H)
    names = tuple(map(Identifier.parse, ids.split()))
    return Fact(
        source=source, key=next(KEYS), type=kind, name=name, at_us=at_us, received_us=at_us, ids=names, values=values
    )


def stay(person: str, zone: str, hour: float, hours: float, visit: str = "") -> Stay:
    begin, end = DAY_ONE + round(hour * H), DAY_ONE + round((hour + hours) * H)
    return Stay("pi-bar", visit or next(KEYS), person, zone, begin, end, end, 1, 1)


def guests(*log: Fact | Stay, hour: float = 40) -> dict[str, Guest]:
    """Everybody in a log who has a person id, by that id."""
    facts = [one for one in log if isinstance(one, Fact)]
    stays = [one for one in log if isinstance(one, Stay)]
    claims = [claim for claim in map(Claim.of, facts) if claim is not None]
    return {
        cluster.person: fold(
            cluster,
            facts,
            stays,
            venue=VENUE,
            calendar=EVENT,
            definitions=DEFINITIONS,
            trust=TRUST,
            rules=RULES,
            now_us=DAY_ONE + round(hour * H),
        )
        for cluster in resolve(claims, RULES).clusters
        if cluster.person is not None
    }


def timeline(guest: Guest) -> list[str]:
    """Readable: when, through which door, what."""
    return [
        f"{(one.at_us - DAY_ONE) / H:g}h {one.source}: {one.type}" + (f" {one.name}" if one.name else "")
        for one in guest.timeline
    ]


# --- one day, five doors


KIM = (
    told(
        8,
        "person:k registration:R1 email:kim@x.org badge:7",
        first_name="Kim",
        colour="#ff8800",
        consent=("lights", "music"),
    ),
    told(9, "app:phone email:kim@x.org", source="app", bands=["Abba", "Blur"]),
    told(9.5, "email:kim@x.org", "track", "shop", "purchase", item="sunscreen", spend=12.5),
    stay("k", "bar", 18, 2),
    told(18.5, "badge:7", "stamp", "stamps", zone="acme"),
    stay("k", "acme", 18.4, 0.2),
    told(19, "app:phone", "consent", "app", music=False),
)


def test_one_day_through_five_doors_is_one_timeline() -> None:
    """Registration, app, shop, gateway and stamp know Kim by five names; she is one guest with one day."""
    kim = guests(*KIM)["k"]
    assert timeline(kim) == [
        "8h registration: identify",
        "9h app: identify",
        "9.5h shop: track purchase",
        "18h gateway/pi-bar: visit bar",
        "18.4h gateway/pi-bar: visit acme",
        "18.5h stamps: stamp acme",
        "19h app: consent",
    ]
    assert kim.values["bands"] == Value(("Abba", "Blur"), DAY_ONE + 9 * H, "app")
    assert "item" not in kim.values
    assert "consent" not in kim.values
    assert kim.agreed == {"lights"}
    assert kim.attributes["bar"].value("2026-11-23") == Value(1.8 * 3600, DAY_ONE + 20 * H, "gateway/pi-bar")
    assert kim.attributes["sponsors"].value() == Value(("acme",), DAY_ONE + round(18.5 * H), "stamps")


def test_a_phone_is_heard_where_no_gateway_saw_the_guest() -> None:
    """It says Kim was at the bacon for an hour; for the half of it in which the bar's gateway had her, it is not believed."""
    begin = DAY_ONE + 10 * H
    kim = guests(
        told(8, "person:k app:phone", source="app"),
        stay("k", "bar", 10.5, 1),
        told(10, "app:phone", "seen", "app", zone="bacon", from_us=begin, to_us=begin + H, by="phone"),
    )["k"]
    assert kim.attributes["bacon"].value() == Value(1800.0, DAY_ONE + round(11.5 * H), "gateway/pi-bar")
    assert timeline(kim) == ["8h app: identify", "10h app: visit bacon", "10.5h gateway/pi-bar: visit bar"]


def test_the_document_survives_being_written_down() -> None:
    """And it is the same text each time, with sorted names."""
    kim = guests(*KIM)["k"]
    text = kim.to_json()
    assert Guest.from_json(text) == kim
    assert Guest.from_json(text).to_json() == text
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_facts_that_come_back_from_the_log_make_the_same_document() -> None:
    """There, lists are JSON arrays; a door may have had tuples."""
    stored = [
        one
        if isinstance(one, Stay)
        else Fact(
            **{name: getattr(one, name) for name in ("source", "key", "type", "name", "at_us", "received_us", "ids")},
            values=json.loads(json.dumps(one.values)),
        )
        for one in KIM
    ]
    assert guests(*stored)["k"].to_json() == guests(*KIM)["k"].to_json()


@given(st.permutations(KIM))
def test_the_order_of_arrival_changes_nothing(log: list[Fact | Stay]) -> None:
    """To the byte."""
    assert guests(*log)["k"].to_json() == guests(*KIM)["k"].to_json()


def test_a_guest_without_an_id_is_refused() -> None:
    """The hub gives one first, or nothing could be kept under it."""
    (cluster,) = resolve([Claim(ids=(Identifier("app", "x"),), at_us=1, source="app", key="1")], RULES).clusters
    with pytest.raises(ValueError, match="person id"):
        fold(cluster, (), (), venue=VENUE, calendar=EVENT, definitions=(), trust=TRUST, rules=RULES, now_us=1)


# --- what is believed


def test_the_more_trusted_source_is_believed() -> None:
    """Also when the other one is younger."""
    kim = guests(told(1, "person:k", colour="#ff0000"), told(2, "person:k", source="crm", colour="#00ff00"))["k"]
    assert kim.values["colour"] == Value("#ff0000", DAY_ONE + H, "registration")


def test_of_sources_alike_the_latest_is_believed() -> None:
    """People change their minds."""
    kim = guests(
        told(2, "person:k", source="app", colour="#ff0000"), told(1, "person:k", source="crm", colour="#00ff00")
    )["k"]
    assert kim.values["colour"].source == "app"


def test_a_stale_value_gives_way_and_is_unknown_in_the_end() -> None:
    """Yesterday's figure of the trusted source is beaten by today's of the other; and neither is for ever."""
    log = told(1, "person:k", spend=100), told(20, "person:k", source="crm", spend=50)
    assert guests(*log, hour=24)["k"].values["spend"].value == 100
    assert guests(*log, hour=30)["k"].values["spend"].value == 50
    assert "spend" not in guests(*log, hour=50)["k"].values


# --- consent


def test_the_last_word_counts_whoever_took_it() -> None:
    """With when, and through whom."""
    kim = guests(
        told(1, "person:k", consent=["lights", "offers"]),
        told(5, "person:k", "consent", "staff", offers=False),
        told(6, "person:k", "consent", "app", offers=True, music=True),
        told(7, "person:k", "consent", "staff", music=False, by="Ada"),
    )["k"]
    assert kim.consent == {
        "lights": Consent(given=True, at_us=DAY_ONE + H, source="registration"),
        "music": Consent(given=False, at_us=DAY_ONE + 7 * H, source="staff", by="Ada"),
        "offers": Consent(given=True, at_us=DAY_ONE + 6 * H, source="app"),
    }


def test_at_the_same_moment_a_no_counts() -> None:
    """Whichever system is named first."""
    for yes, no in (("a", "b"), ("b", "a")):
        kim = guests(
            told(5, "person:k", "consent", yes, lights=True), told(5, "person:k", "consent", no, lights=False)
        )["k"]
        assert kim.agreed == frozenset()


def test_a_registration_that_repeats_itself_takes_no_word_back() -> None:
    """The export of noon still says what was ticked in spring; the guest said no at eleven."""
    kim = guests(
        told(1, "person:k", consent=("lights", "music")),
        told(11, "person:k", "consent", "app", lights=False, offers=True),
        told(12, "person:k", consent=("lights", "music")),
    )["k"]
    assert kim.agreed == {"music", "offers"}


def test_what_is_no_longer_ticked_is_withdrawn() -> None:
    """A changed export is a word, and so is a list of all that is agreed to in the app."""
    registered = told(1, "person:k", consent=("lights", "music")), told(2, "person:k", consent=("lights",))
    assert guests(*registered)["k"].consent["music"] == Consent(
        given=False, at_us=DAY_ONE + 2 * H, source="registration"
    )
    chosen = told(3, "person:k", "consent", "app", consent=["offers"])
    assert guests(*registered, chosen)["k"].agreed == {"offers"}


def test_a_purpose_nobody_mentioned_is_not_given() -> None:
    """And nobody is said to have refused it."""
    assert "offers" not in guests(*KIM)["k"].consent


# --- badges and merges


def test_a_badge_handed_on_takes_no_past_with_it() -> None:
    """The stamp of the first day is Kim's, of the second Lee's, and they wore the same badge."""
    found = guests(
        told(8, "person:k registration:R1 badge:7"),
        told(10, "badge:7", "stamp", "stamps", zone="acme"),
        told(30, "person:l registration:R2 badge:7"),
        told(31, "badge:7", "stamp", "stamps", zone="acme"),
    )
    assert timeline(found["k"]) == ["8h registration: identify", "10h stamps: stamp acme"]
    assert timeline(found["l"]) == ["30h registration: identify", "31h stamps: stamp acme"]


def test_a_lost_badge_is_swapped_and_the_day_is_whole() -> None:
    """Before and after, one guest."""
    kim = guests(
        told(8, "person:k registration:R1 badge:7"),
        stay("k", "bar", 9, 1),
        told(12, "registration:R1 badge:8", "badge", "staff"),
        stay("k", "bar", 13, 1),
        told(14, "badge:8", "stamp", "stamps", zone="acme"),
        told(15, "badge:7", "stamp", "stamps", zone="bar"),
    )["k"]
    assert kim.badges == (
        BadgeBinding("7", DAY_ONE + 8 * H, DAY_ONE + 12 * H),
        BadgeBinding("8", DAY_ONE + 12 * H, None),
    )
    assert timeline(kim) == [
        "8h registration: identify",
        "9h gateway/pi-bar: visit bar",
        "12h staff: badge",
        "13h gateway/pi-bar: visit bar",
        "14h stamps: stamp acme",
    ]


TWICE = (
    told(8, "person:k registration:R1 badge:7", first_name="Kim"),
    told(9, "person:l app:phone", source="app", bands=("Abba",)),
    stay("k", "bar", 18, 2),
    stay("l", "bar", 19, 2),
)


def test_a_merge_counts_no_minute_twice_and_can_be_undone() -> None:
    """Two ids were at the bar, an hour of it both: together three hours; apart again, two each, as if nothing had been."""
    apart = guests(*TWICE)
    once = (*TWICE, told(22, "person:k person:l", "merge", "staff"))
    merged = guests(*once)
    assert list(merged) == ["k"]
    assert merged["k"].attributes["bar"].known["2026-11-23"].value == 3 * 3600
    assert set(merged["k"].values) == {"first_name", "bands"}
    undone = (*once, told(23, "person:k person:l", "unmerge", "staff"))
    assert {person: guest.attributes for person, guest in guests(*undone).items()} == {
        person: guest.attributes for person, guest in apart.items()
    }
    again = guests(*undone, told(24, "person:k person:l", "merge", "staff"))["k"]
    assert again.attributes == merged["k"].attributes
    assert (again.values, again.badges, again.ids) == (merged["k"].values, merged["k"].badges, merged["k"].ids)


def test_what_nobody_told_is_unknown() -> None:
    """A guest of the registration alone: nobody can say whether they were at the bar or bought anything."""
    lee = guests(told(1, "person:l", first_name="Lee"))["l"]
    assert {name: one.value() for name, one in lee.attributes.items()} == {
        "bar": UNKNOWN,
        "bacon": UNKNOWN,
        "purchases": UNKNOWN,
        "sponsors": Value((), DAY_ONE + 40 * H, "hub"),
    }
