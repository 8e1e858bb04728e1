"""When a sponsor's stamp counts: pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehub.config.stamps import StampPlace, StampRules
from edgehub.hub.doors.stamping import (
    Album,
    Collected,
    Confirmed,
    Forged,
    Held,
    Known,
    Pressed,
    TooSoon,
    judge,
    once_code,
    screen_code,
)
from edgehub.hub.ledger import Interval, beneath

NOON_US = 1_795_435_200_000_000
SECOND = 1_000_000
ACME = StampPlace("acme-1", "acme", serial="DEVSTAMP-7", secret="a secret of the acme booth")
BIRCH = StampPlace("birch-1", "birch", secret="a secret of the birch booth")
ALBUM = Album({stamp.id: stamp for stamp in (ACME, BIRCH)})
RULES = StampRules()


def there(zone: str, since_s: float, until_s: float) -> Interval:
    """A visit, in seconds from noon."""
    return Interval(zone, NOON_US + round(since_s * SECOND), NOON_US + round(until_s * SECOND))


def test_a_guest_who_was_at_the_booth_has_the_stamp() -> None:
    """And one who pressed it before the gateways had noticed that they came."""
    assert judge("acme", NOON_US, [there("acme", -60, 5)], [], RULES) == Confirmed()
    assert judge("acme", NOON_US, [there("acme", 3, 90)], [], RULES) == Confirmed()


@pytest.mark.parametrize(
    "visits",
    [
        [],
        [there("birch", -60, 60)],
        [there("acme", -4000, -700)],
        [there("acme", -10, 5)],
        [there("acme", -15, 0), there("acme", -12, 0)],
    ],
    ids=["never seen", "at another booth", "long ago", "in passing", "in passing, told twice"],
)
def test_a_guest_who_was_not_is_held_with_the_reason(visits: list[Interval]) -> None:
    """Not counted, and not called a liar."""
    held = judge("acme", NOON_US, visits, [], RULES)
    assert isinstance(held, Held)
    assert "this guest" in held.why


def test_one_stamp_a_guest_and_booth() -> None:
    """The second changes nothing."""
    assert judge("acme", NOON_US, [there("acme", -60, 5)], [Collected("acme", NOON_US - 1)], RULES) == Known()


def test_nobody_runs_through_all_booths() -> None:
    """Less than a minute after the stamp before is too soon; a stamp that came later does not matter."""
    visits = [there("acme", -60, 5)]
    assert judge("acme", NOON_US, visits, [Collected("birch", NOON_US - 20 * SECOND)], RULES) == TooSoon("birch", 40.0)
    assert judge("acme", NOON_US, visits, [Collected("birch", NOON_US - 61 * SECOND)], RULES) == Confirmed()
    assert judge("acme", NOON_US, visits, [Collected("birch", NOON_US + 20 * SECOND)], RULES) == Confirmed()


def test_a_code_on_the_screen_is_good_for_about_a_minute() -> None:
    """Then it is as good as forged, and so is one from the future."""
    code = screen_code(ACME, NOON_US)
    assert ALBUM.of_code(code, NOON_US) == Pressed(ACME)
    assert ALBUM.of_code(code, NOON_US + 60 * SECOND) == Pressed(ACME)
    assert isinstance(ALBUM.of_code(code, NOON_US + 91 * SECOND), Forged)
    assert isinstance(ALBUM.of_code(code, NOON_US - 31 * SECOND), Forged)


def test_a_printed_code_can_be_told_from_others() -> None:
    """Each is good once: what tells it apart is signed with it."""
    one, other = (ALBUM.of_code(once_code(BIRCH), NOON_US) for _ in range(2))
    assert isinstance(one, Pressed)
    assert isinstance(other, Pressed)
    assert one.once
    assert one.once != other.once


@given(st.text(max_size=80), st.integers(0, 60), st.characters())
def test_no_forgery_is_a_stamp(text: str, place: int, char: str) -> None:
    """Neither any text, nor a code with one character changed, nor another booth's signature."""
    assert isinstance(ALBUM.of_code(text, NOON_US), Forged)
    assert isinstance(ALBUM.of_serial(text), Forged)
    code = screen_code(ACME, NOON_US)
    at = place % len(code)
    changed = code[:at] + char + code[at + 1 :]
    if changed != code:
        assert isinstance(ALBUM.of_code(changed, NOON_US), Forged)
    assert isinstance(ALBUM.of_code(code.replace("acme-1", "birch-1"), NOON_US), Forged)


INTERVALS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 100), st.integers(0, 100)).map(
    lambda one: Interval(one[0], min(one[1:]), max(one[1:]))), max_size=8)  # fmt: skip


@given(INTERVALS, INTERVALS)
def test_a_phone_never_outranks_a_gateway(trusted: list[Interval], others: list[Interval]) -> None:
    """Of what a phone told only the moments are left in which no gateway saw the guest anywhere."""

    def moments(intervals: list[Interval]) -> set[int]:
        return {moment for one in intervals for moment in range(one.begin_us, one.end_us)}

    assert moments(beneath(trusted, others)) == moments(others) - moments(trusted)
