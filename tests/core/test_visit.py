"""The ledger of visits, told as timelines."""

import itertools
import random

import pytest

from edgehub.core.venue import Zone
from edgehub.core.visit import Visit, VisitClosed, VisitCorrected, VisitOpened, VisitProgressed, Visits

ZONES = {
    "bacon": Zone("bacon", "Bacon table"),
    "coffee": Zone("coffee", "Coffee", arrive_after_s=30.0),
    "party": Zone("party", "Party", leave_after_s=90.0),
}


@pytest.fixture
def visits() -> Visits:
    """Offer an empty ledger with ids v0, v1 and so on."""
    ids = (f"v{n}" for n in range(1_000_000))
    return Visits(ZONES, lambda: next(ids))


def test_a_visit_opens_with_its_back_dated_start_and_closes_with_its_back_dated_end(visits: Visits) -> None:
    """Dwell is what the guest stayed, not what the decision took."""
    (opened,) = visits.enter("ada", "bacon", at=104.0, since=100.0, evidence={})
    assert opened.visit.entered_at == 100.0
    (closed,) = visits.leave("ada", "bacon", at=175.0, until=160.0)
    assert isinstance(closed, VisitClosed)
    assert closed.visit.dwell_s == 60.0
    assert visits.of("ada") is None


def test_a_stay_shorter_than_arrive_after_never_becomes_a_visit(visits: Visits) -> None:
    """Somebody who passes the coffee stand has not visited it."""
    assert visits.enter("ada", "coffee", at=0.0, since=0.0, evidence={}) == []
    assert visits.leave("ada", "coffee", at=25.0, until=20.0) == []
    assert visits.advance(1000.0) == []


def test_arrive_after_delays_the_visit_and_not_its_start(visits: Visits) -> None:
    """The visit counts after 30 s, and counts those 30 s."""
    visits.enter("ada", "coffee", at=2.0, since=0.0, evidence={"margin": 1})
    assert visits.next_deadline() == 30.0
    assert visits.advance(29.9) == []
    (opened,) = visits.advance(31.0)
    assert isinstance(opened, VisitOpened)
    assert (opened.visit.entered_at, opened.evidence) == (0.0, {"margin": 1})


def test_a_stay_found_long_enough_only_when_it_ended_is_opened_and_closed(visits: Visits) -> None:
    """A late decision loses no visit."""
    visits.enter("ada", "coffee", at=29.0, since=0.0, evidence={})
    opened, closed = visits.leave("ada", "coffee", at=31.0, until=30.0)
    assert isinstance(opened, VisitOpened)
    assert isinstance(closed, VisitClosed)
    assert closed.visit.dwell_s == 30.0


def test_a_guest_who_comes_back_within_leave_after_never_left(visits: Visits) -> None:
    """Dancers turn their backs on the receiver; the visit goes on."""
    visits.enter("ada", "party", at=0.0, since=0.0, evidence={})
    assert visits.leave("ada", "party", at=50.0, until=40.0) == []
    assert visits.enter("ada", "party", at=100.0, since=95.0, evidence={}) == []
    visits.leave("ada", "party", at=300.0, until=290.0)
    changes = visits.advance(400.0)
    assert [type(change) for change in changes] == [VisitClosed]
    assert changes[0].visit.dwell_s == 290.0


def test_a_guest_found_in_another_zone_left_when_last_there(visits: Visits) -> None:
    """Nobody is in two places: a held visit ends where its stay ended."""
    visits.enter("ada", "party", at=0.0, since=0.0, evidence={})
    visits.leave("ada", "party", at=50.0, until=40.0)
    closed, opened = visits.enter("ada", "bacon", at=60.0, since=55.0, evidence={})
    assert (closed.visit.zone, closed.visit.left_at) == ("party", 40.0)
    assert (opened.visit.zone, opened.visit.entered_at) == ("bacon", 55.0)


def test_progress_is_reported_once_a_minute(visits: Visits) -> None:
    """A visit of five minutes has said so four or five times."""
    visits.enter("ada", "bacon", at=0.0, since=0.0, evidence={})
    changes = [change for now in range(1, 301) for change in visits.advance(float(now))]
    assert [type(change) for change in changes] == [VisitProgressed] * 5
    assert [change.visit.dwell_s for change in changes] == [60.0, 120.0, 180.0, 240.0, 300.0]


def test_a_visit_open_at_a_crash_goes_on_with_the_same_total(visits: Visits) -> None:
    """The guest stayed while the Pi restarted: same visit, same start."""
    visits.resume(Visit("old", "ada", "bacon", entered_at=400.0, last_seen_at=990.0), now=1000.0)
    assert visits.enter("ada", "bacon", at=1005.0, since=1003.0, evidence={}) == []
    assert visits.advance(1059.0) == []
    (progress,) = visits.advance(1061.0)
    assert isinstance(progress, VisitProgressed)
    (closed,) = visits.leave("ada", "bacon", at=1065.0, until=1060.0)
    assert (closed.visit.id, closed.visit.dwell_s) == ("old", 660.0)


def test_a_visit_open_at_a_crash_closes_when_nobody_comes(visits: Visits) -> None:
    """The guest left while the Pi was off: the visit ends when last seen."""
    visits.resume(Visit("old", "ada", "bacon", entered_at=-600.0, last_seen_at=-10.0), now=0.0)
    assert visits.advance(59.0) == []
    (closed,) = visits.advance(61.0)
    assert (closed.visit.left_at, closed.visit.dwell_s) == (-10.0, 590.0)


def test_a_correction_moves_the_start_of_an_open_visit(visits: Visits) -> None:
    """Smoothing may find later that the guest came earlier."""
    visits.enter("ada", "bacon", at=10.0, since=8.0, evidence={})
    (corrected,) = visits.correct("ada", first=8.0, since=5.0, until=None)
    assert isinstance(corrected, VisitCorrected)
    assert corrected.visit.entered_at == 5.0
    assert visits.correct("ada", first=99.0, since=5.0, until=None) == []


def test_a_person_dropped_leaves_no_open_visit(visits: Visits) -> None:
    """Consent withdrawn ends the visit at once."""
    visits.enter("ada", "bacon", at=0.0, since=0.0, evidence={})
    (closed,) = visits.drop("ada", 30.0)
    assert closed.visit.left_at == 30.0
    assert visits.drop("ada", 31.0) == []


@pytest.mark.parametrize("seed", range(25))
def test_extra_ticks_change_nothing_and_visits_never_overlap(seed: int) -> None:
    """However often the ledger is asked, it says the same; one person is in one place at a time."""
    told = [_random_day(random.Random(seed), ticks) for ticks in (0, 7)]
    assert told[0] == told[1]
    closed = sorted((change.visit for change in told[0] if isinstance(change, VisitClosed)), key=lambda v: v.entered_at)
    assert closed
    for earlier, later in itertools.pairwise(closed):
        assert earlier.left_at is not None
        assert earlier.left_at <= later.entered_at + 1e-9


def _random_day(rng: random.Random, ticks: int) -> list[object]:
    ids = (f"v{n}" for n in range(1000))
    visits, now, told = Visits(ZONES, lambda: next(ids)), 0.0, []
    extra = random.Random(ticks)
    for _ in range(60):
        zone, enter_at = rng.choice(sorted(ZONES)), now + rng.uniform(5, 50)
        leave_at = enter_at + rng.uniform(1, 200)
        for until in sorted(extra.uniform(now, enter_at) for _ in range(ticks)):
            told += visits.advance(until)
        told += visits.advance(enter_at)
        told += visits.enter("ada", zone, at=enter_at, since=enter_at - rng.uniform(0, 4), evidence={})
        for until in sorted(extra.uniform(enter_at, leave_at) for _ in range(ticks)):
            told += visits.advance(until)
        told += visits.advance(leave_at)
        told += visits.leave("ada", zone, at=leave_at, until=leave_at - rng.uniform(0, 1))
        now = leave_at
    return told


def test_a_return_before_the_visit_counts_does_not_delay_it(visits: Visits) -> None:
    """A flicker of the signal in the first seconds costs nothing."""
    zones = {"bar": Zone("bar", "Bar", arrive_after_s=5.0, leave_after_s=90.0)}
    visits.swap(zones)
    visits.enter("ada", "bar", at=100.0, since=100.0, evidence={})
    visits.leave("ada", "bar", at=102.0, until=102.0)
    visits.enter("ada", "bar", at=104.0, since=104.0, evidence={})
    (opened,) = visits.advance(105.0)
    assert isinstance(opened, VisitOpened)
    assert opened.visit.entered_at == 100.0


def test_a_guest_who_comes_and_goes_within_leave_after_makes_progress(visits: Visits) -> None:
    """A restless dancer is reported once a minute as anybody is."""
    told = list(visits.enter("ada", "party", at=0.0, since=0.0, evidence={}))
    for second in range(50, 601, 50):
        told += visits.advance(float(second - 1))
        told += visits.leave("ada", "party", at=second - 0.5, until=second - 0.5)
        told += visits.enter("ada", "party", at=float(second), since=float(second), evidence={})
    assert [type(change) for change in told].count(VisitProgressed) >= 8
