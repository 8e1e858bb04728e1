"""The recovery ladder as timelines: one call per silence of 90 s."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edgehub.core.ladder import Ladder, Rung

SILENCE_S = 90.0


def rungs(ladder: Ladder, silences: int, start: float = 0.0) -> list[Rung]:
    """Climb once per silence."""
    return [ladder.climb(start + i * SILENCE_S) for i in range(silences)]


def test_the_order_is_scanner_then_power_then_a_person():
    """A deaf radio gets a new scanner, then a power cycle, then somebody is asked."""
    assert rungs(Ladder(), 3) == [Rung.NEW_SCANNER, Rung.POWER_CYCLE, Rung.ASK_FOR_RESTART]


def test_hearing_starts_at_the_bottom():
    """After a recovery the next silence is met mildly again."""
    ladder = Ladder()
    rungs(ladder, 2)
    ladder.heard()
    assert ladder.climb(200.0) is Rung.NEW_SCANNER


def test_a_second_power_cycle_waits_ten_minutes_even_after_recovery():
    """A radio that falls deaf again and again is not reset again and again."""
    ladder = Ladder()
    rungs(ladder, 2)
    ladder.heard()
    assert rungs(ladder, 2, start=200.0) == [Rung.NEW_SCANNER, Rung.NEW_SCANNER]
    assert ladder.climb(90.0 + 600.0) is Rung.POWER_CYCLE


def test_a_silent_night_is_left_in_peace():
    """Eight hours without a packet: at most 3 power cycles and 12 scanners in any hour, and mostly waiting."""
    tried = rungs(Ladder(), 8 * 40)
    for hour in range(8):
        window = tried[hour * 40 : hour * 40 + 40]
        assert window.count(Rung.POWER_CYCLE) <= 3
        assert window.count(Rung.NEW_SCANNER) + window.count(Rung.ASK_FOR_RESTART) <= 12
    assert tried.count(Rung.WAIT) > len(tried) / 2


@given(st.lists(st.tuples(st.floats(0.0, 400.0), st.booleans()), max_size=200))
def test_power_cycles_are_always_ten_minutes_apart(steps):
    """However silences and recoveries alternate, two resets are never closer than 10 minutes, nor more than 3 an hour."""
    ladder, now, cycles = Ladder(), 0.0, []
    for wait, recovered in steps:
        now += wait
        if recovered:
            ladder.heard()
        elif ladder.climb(now) is Rung.POWER_CYCLE:
            cycles.append(now)
    assert all(b - a >= 600.0 for a, b in pairwise(cycles))
    assert all(d - a >= 3600.0 for a, d in zip(cycles, cycles[3:], strict=False))
