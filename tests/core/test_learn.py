"""Learning a badge as timelines: who rose, who merely is loud, and when nobody may be named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehub.core.learn import MAX_SENDERS, Learner, Verdict


def learn(*badges: tuple[str, list[tuple[float, float, int]]], until: float = 15.0, every_s: float = 0.5) -> Verdict:
    """Let badges speak at constant levels over spans (from, to, dBm), and judge at the end."""
    learner = Learner(0.0)
    for number, (keys, spans) in enumerate(badges):
        for start, end, rssi in spans:
            for step in range(int((end - start) / every_s)):
                learner.hear("pi", f"C0:{number}", keys.split(), rssi, start + (step + 0.5) * every_s)
    return learner.verdict(until)


HELD = [(0.0, 11.0, -70), (11.0, 15.0, -38)]
STILL = [(0.0, 15.0, -60)]


def test_the_one_that_rose_is_named():
    """A badge held to the Pi is named among others that stay where they are, however many keys it has."""
    verdict = learn(("estimote:47a038d5eb032640 1042", HELD), ("1043", STILL), ("1044", [(0.0, 15.0, -80)]))
    assert verdict.badge is not None
    assert verdict.badge.keys == ("1042", "estimote:47a038d5eb032640")
    assert verdict.badge.rise_db == 32
    assert verdict.heard == 4


def test_the_loudest_is_not_the_one_that_rose():
    """A badge that lies beside the Pi all the time is not the one being held to it."""
    verdict = learn(("1042", [(0.0, 11.0, -85), (11.0, 15.0, -60)]), ("1043", [(0.0, 15.0, -35)]))
    assert verdict.badge is not None
    assert verdict.badge.keys == ("1042",)


def test_a_badge_never_heard_before_counts_from_the_edge_of_hearing():
    """A badge taken out of its box was not there ten seconds ago."""
    verdict = learn(("1042", [(11.0, 15.0, -45)]))
    assert verdict.badge is not None
    assert verdict.badge.rise_db == 50


def test_nobody_is_named_before_the_baseline_is_known():
    """At the start everything is new; what is loud then may have been loud all day."""
    assert learn(("1042", [(0.0, 5.0, -38)]), until=5.0).badge is None
    assert learn(("1042", [(0.0, 12.9, -38)]), until=12.9).badge is None


@pytest.mark.parametrize("rise", [0, 5, 11])
def test_a_small_rise_is_no_rise(rise):
    """Less than 12 dB happens when somebody walks past."""
    verdict = learn(("1042", [(0.0, 11.0, -70), (11.0, 15.0, -70 + rise)]))
    assert verdict.badge is None
    assert verdict.rivals == ()


def test_two_that_rose_alike_are_both_told_and_neither_is_named():
    """Two badges in one hand: both are shown, so that staff know whom to send away."""
    verdict = learn(("1042", HELD), ("1043", [(0.0, 11.0, -72), (11.0, 15.0, -41)]), ("1044", STILL))
    assert verdict.badge is None
    assert [rival.keys for rival in verdict.rivals] == [("1042",), ("1043",)]


def test_the_helpers_own_badge_rises_less():
    """Whoever holds the badge to the Pi comes near with their own one; six dB apart is clear enough."""
    verdict = learn(("1042", HELD), ("1001", [(0.0, 11.0, -70), (11.0, 15.0, -50)]))
    assert verdict.badge is not None
    assert verdict.badge.keys == ("1042",)


def test_one_badge_under_two_addresses_is_one():
    """A badge whose packets have an address each, or that two receivers hear, does not rival itself."""
    verdict = learn(("1042", HELD), ("1042 estimote:47a038d5eb032640", HELD))
    assert verdict.badge is not None
    assert verdict.badge.keys == ("1042", "estimote:47a038d5eb032640")


def test_one_stray_packet_is_not_enough():
    """A reflection or another room's burst: one packet names nobody."""
    assert learn(("1042", [(14.0, 14.6, -30)])).badge is None


def test_a_slow_badge_is_learned_too():
    """One packet a second is enough."""
    verdict = learn(("1042", HELD), ("1043", STILL), every_s=1.0)
    assert verdict.badge is not None


def test_silence_is_silence():
    """Without any badge there is nothing to tell."""
    assert learn() == Verdict()


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(-128, 127), st.floats(0, 1e6)),
        max_size=60,
    )
)
def test_any_sightings_give_a_verdict(sightings):
    """Late, early, unordered or absurd levels: there is always one answer, never both a badge and rivals."""
    learner = Learner(0.0)
    for number, rssi, at in sightings:
        learner.hear("pi", f"C0:{number}", (str(number),), rssi, at)
    verdict = learner.verdict(max((at for *_, at in sightings), default=0.0))
    assert verdict.badge is None or not verdict.rivals


def test_memory_is_bounded():
    """A crowd of rotating addresses does not grow the learner without end."""
    learner = Learner(0.0)
    for number in range(MAX_SENDERS * 2):
        learner.hear("pi", f"C0:{number}", ("1",), -60, 1.0)
    assert len(learner._tracks) <= MAX_SENDERS
