"""The ledger of stays: joined, reconciled, and no minute counted twice."""

from hypothesis import given
from hypothesis import strategies as st

from edgehub.hub.ledger import STALE_US, Interval, Ledger, Stay, joined, reconciled

S = 1_000_000


def stay(visit: str, zone: str, entered_s: float, left_s: float | None, gateway: str = "pi") -> Stay:
    left_us = None if left_s is None else round(left_s * S)
    seen_us = round(entered_s * S) if left_us is None else left_us
    return Stay(gateway, visit, "p", zone, round(entered_s * S), seen_us, left_us, 1, 1)


def test_a_takeover_is_one_visit() -> None:
    """Two gateways report one stay in two pieces that touch: one visit, with the whole dwell."""
    ledger = Ledger([stay("a", "bar", 0, 60), stay("b", "bar", 61, 100, "pi-two")])
    assert ledger.visits("p", 200 * S) == [Interval("bar", 0, 100 * S)]
    assert ledger.dwell_s("p", 200 * S) == {"bar": 100}


def test_a_split_brain_counts_no_minute_twice() -> None:
    """Two gateways that could not talk both report a guest: in one zone it is one visit, in two the later arrival."""
    same = Ledger([stay("a", "bar", 0, 60), stay("b", "bar", 10, 70, "pi-two")])
    assert same.dwell_s("p", 100 * S) == {"bar": 70}
    other = Ledger([stay("a", "bar", 0, 100), stay("b", "stage", 40, 60, "pi-two")])
    assert other.dwell_s("p", 100 * S) == {"bar": 80, "stage": 20}


def test_stays_apart_are_two_visits() -> None:
    """Somebody who came back a minute later has been here twice."""
    assert len(Ledger([stay("a", "bar", 0, 60), stay("b", "bar", 120, 180)]).visits("p", 200 * S)) == 2


def test_an_open_stay_counts_on_until_nobody_hears_of_it() -> None:
    """Between two reports it goes on; when its gateway died it does not go on for ever."""
    ledger = Ledger([stay("a", "bar", 0, None)])
    assert ledger.dwell_s("p", 50 * S) == {"bar": 50}
    assert ledger.dwell_s("p", 3600 * S) == {"bar": STALE_US / S}
    assert ledger.whereabouts("p", 50 * S) is not None
    assert ledger.whereabouts("p", 3600 * S) is None


def test_a_guest_who_is_forgotten_leaves_nothing() -> None:
    """No stay, no dwell, not even the id."""
    ledger = Ledger([stay("a", "bar", 0, 60)])
    ledger.forget("p")
    assert list(ledger) == []
    assert ledger.find("pi", "a") is None


INTERVALS = st.lists(
    st.builds(
        lambda zone, begin, length: Interval(zone, begin, begin + length),
        st.sampled_from("abc"),
        st.integers(0, 50),
        st.integers(0, 20),
    ),
    max_size=8,
)


@given(INTERVALS)
def test_reconciled_time_is_the_time_covered_and_never_overlaps(intervals: list[Interval]) -> None:
    """At each moment with any stay exactly one zone has the time, at any other none."""
    made = reconciled(intervals)
    covered = {t for one in intervals for t in range(one.begin_us, one.end_us)}
    counted = [t for one in made for t in range(one.begin_us, one.end_us)]
    assert len(counted) == len(set(counted))
    assert set(counted) == covered


@given(INTERVALS, st.randoms())
def test_the_order_of_reports_does_not_matter(intervals: list[Interval], chance: object) -> None:
    """Reports that arrive in another order give the same answer."""
    shuffled = list(intervals)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert reconciled(shuffled) == reconciled(intervals)
    assert joined(i for i in shuffled if i.zone == "a") == joined(i for i in intervals if i.zone == "a")


def test_who_has_long_gone_is_let_go() -> None:
    """All stays of a guest who was here lately stay; who is still in a zone, and heard of, is here."""
    ledger = Ledger([stay("a", "bar", 0, 60), stay("b", "bar", 500, None), Stay("pi", "c", "q", "bar", 0, S, S, 1, 1)])
    ledger.leave_out(400 * S)
    assert ("p" in ledger, "q" in ledger) == (True, False)
    assert ledger.dwell_s("p", 500 * S) == {"bar": 60}
    ledger.leave_out(501 * S)
    assert list(ledger) == []
