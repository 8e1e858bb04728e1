"""Calls of customer data platforms, read: pure."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehub.config.data_layer import load_data_layer
from edgehub.core.venue import BadgeScheme
from edgehub.hub.data_layer import DataLayer
from edgehub.hub.doors.calls import CALLS, read_call
from edgehub.hub.doors.pace import Pace
from edgehub.hub.doors.shapes import Unfit
from edgehub.hub.doors.timing import RIGHT_WITHIN_US, corrected, read_time
from edgehub.hub.fact import Identifier

LAYER = DataLayer(load_data_layer(Path(__file__).parents[2] / "config" / "data_layer.yaml"), BadgeScheme())
NOON = "2026-11-23T12:00:00Z"
NOON_US = 1_795_435_200_000_000
SECOND = 1_000_000


def call(**fields: Any) -> dict[str, Any]:
    """A call as a library sends it."""
    return {"messageId": "m1", "anonymousId": "phone-1", "timestamp": NOON, "sentAt": NOON, **fields}


def test_an_identify_names_a_guest_in_all_their_systems() -> None:
    """userId, anonymousId and the e-mail trait are identifiers; other traits are values under their official names."""
    read = read_call(
        call(userId="T-7", traits={"email": "Kim@Example.ORG", "favouriteColour": "teal", "shoe": 42}),
        "app", LAYER, NOON_US, kind="identify",
    )  # fmt: skip
    assert set(read.fact.ids) == {
        Identifier("registration", "T-7"), Identifier("app", "phone-1"), Identifier("email", "kim@example.org")
    }  # fmt: skip
    assert read.fact.values["colour"] == "#008080"
    assert (read.fact.type, read.fact.key, read.fact.source) == ("identify", "m1", "app")
    assert read.unmapped == {"traits.shoe": "number"}


def test_a_track_is_told_in_our_words() -> None:
    """Its event gets the official name; one that nobody mapped keeps its own, and is listed."""
    bought = read_call(call(event="Order Completed", properties={"total": 9.5}), "app", LAYER, NOON_US, kind="track")
    assert (bought.fact.name, bought.fact.values["spend"]) == ("purchase", 9.5)
    other = read_call(call(event="Song Requested"), "app", LAYER, NOON_US, kind="track")
    assert (other.fact.name, other.unmapped) == ("Song Requested", {"event Song Requested": "event"})


def test_an_alias_says_that_two_names_are_one_guest() -> None:
    """The earlier name and the later one are both on the fact."""
    read = read_call({"messageId": "m", "userId": "T-7", "previousId": "phone-1"}, "app", LAYER, NOON_US, kind="alias")
    assert read.fact.ids == (Identifier("registration", "T-7"), Identifier("app", "phone-1"))


def test_pages_and_screens_are_things_that_happened_and_groups_are_refused() -> None:
    """Page and screen become tracks; group is refused in words."""
    assert read_call(call(type="page", name="Home"), "app", LAYER, NOON_US).fact.name == "page_viewed"
    assert read_call(call(type="screen"), "app", LAYER, NOON_US).fact.name == "screen_viewed"
    with pytest.raises(Unfit, match="no groups"):
        read_call(call(type="group", groupId="g"), "app", LAYER, NOON_US)


def test_a_value_of_the_wrong_kind_is_left_out_and_said() -> None:
    """The rest of the call is kept; the reason names the field and not the value."""
    read = read_call(call(traits={"email": "nobody-at-all", "bands": "ABBA"}), "app", LAYER, NOON_US, kind="identify")
    [(field, why)] = read.refused
    assert field == "traits.email"
    assert "nobody-at-all" not in why
    assert "bands" in read.fact.values


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"messageId": None}, "messageId is missing"),
        ({"anonymousId": None}, "userId or anonymousId is missing"),
        ({"userId": 7}, "userId is not text"),
        ({"timestamp": "2026-11-23T12:00:00"}, "zone"),
        ({"timestamp": "2020-11-23T12:00:00Z"}, "more than a year"),
        ({"traits": []}, "traits is not an object"),
        ({"traits": {"x": "y" * 33_000}}, "more than 32000"),
        ({"traits": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}}, "deeper than 8"),
    ],
)
def test_a_call_that_is_none_is_refused_with_the_reason(fields: dict[str, Any], why: str) -> None:
    """One sentence each."""
    with pytest.raises(Unfit, match=why):
        read_call(call(**fields), "app", LAYER, NOON_US, kind="identify")


def test_a_source_whose_ids_nobody_mapped_is_told_so() -> None:
    """Nothing is kept about nobody."""
    with pytest.raises(Unfit, match="names no guest"):
        read_call(call(type="identify"), "crm", LAYER, NOON_US)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(JSON | st.fixed_dictionaries({"type": st.sampled_from([*CALLS, "group"])}, optional={
    "messageId": JSON, "userId": JSON, "anonymousId": JSON, "timestamp": JSON | st.text(), "sentAt": JSON,
    "traits": JSON, "event": JSON, "properties": JSON, "previousId": JSON, "context": JSON,
}))  # fmt: skip
def test_whatever_comes_is_a_call_or_a_reason(raw: Any) -> None:
    """Nothing else is ever raised."""
    try:
        read = read_call(raw, "app", LAYER, NOON_US)
    except Unfit:
        return
    assert read.fact.ids
    assert read.fact.at_us <= read.fact.received_us


def test_a_clock_that_is_off_is_corrected_by_when_it_says_it_sent() -> None:
    """Ten minutes slow: what happened a minute before it was sent happened a minute before it came."""
    slow = 600 * SECOND
    when = corrected(NOON_US - 60 * SECOND, NOON_US, NOON_US + slow)
    assert when.at_us == NOON_US + slow - 60 * SECOND
    assert when.told_us == NOON_US - 60 * SECOND


@given(st.integers(0, RIGHT_WITHIN_US), st.integers(0, RIGHT_WITHIN_US), st.integers(-3600, 0))
def test_a_call_sent_again_by_a_good_clock_is_the_same_call(one_us: int, other_us: int, age_s: int) -> None:
    """However long each try was under way, up to two seconds, the moment is the same."""
    told_us = NOON_US + age_s * SECOND
    first = corrected(told_us, NOON_US, NOON_US + one_us)
    second = corrected(told_us, NOON_US + 9 * SECOND, NOON_US + 9 * SECOND + other_us)
    assert first == second


@given(st.integers(-(10**13), 10**15), st.none() | st.integers(-(10**13), 10**13))
def test_nothing_happens_in_the_future(ahead_us: int, sent_ahead_us: int | None) -> None:
    """Whatever clocks say."""
    sent_us = None if sent_ahead_us is None else NOON_US + sent_ahead_us
    assert corrected(NOON_US + ahead_us, sent_us, NOON_US).at_us <= NOON_US


def test_times_are_read_to_the_microsecond() -> None:
    """With any zone; without one they are refused."""
    assert read_time("2026-11-23T13:00:00.000001+01:00", "t") == NOON_US + 1
    for wrong in ("yesterday", "2026-11-23T12:00:00", "", "9999-99-99T00:00:00Z"):
        with pytest.raises(Unfit):
            read_time(wrong, "t")


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 30)), max_size=40))
def test_nobody_brings_more_than_their_pace(steps: list[tuple[float, float]]) -> None:
    """In any run of requests what was let through is the burst and the pace, and one request that was owed."""
    pace, now, let = Pace(2.0, 10.0), 0.0, 0.0
    for pause_s, amount in steps:
        now += pause_s
        wait_s = pace.wait_s("key", amount, now)
        if not wait_s:
            let += amount
    assert let <= 10.0 + 2.0 * now + 30.0


def test_who_waits_as_told_is_let_in() -> None:
    """The answer's Retry-After is enough."""
    pace = Pace(2.0, 10.0)
    assert pace.wait_s("key", 10, 0.0) == 0
    wait_s = pace.wait_s("key", 4, 0.0)
    assert wait_s == 2.0
    assert pace.wait_s("key", 4, wait_s) == 0
