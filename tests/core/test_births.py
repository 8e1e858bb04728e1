"""Whom a hub asks to be born again."""

from edgehub.core.sequence import Received
from edgehub.core.wire import Epoch, Status
from edgehub.hub.births import AGAIN_S, PATIENCE_S, Births

OLD, NEW = Epoch(1, "a" * 16), Epoch(2, "b" * 16)
WHOLE, GAP = Received(7), Received(3, [(5, 7)])
LATER = PATIENCE_S + 1


def born(epoch: Epoch = NEW) -> Births:
    births = Births()
    births.take("pi", Status("online", "s", epoch), 0.0)
    return births


def test_whoever_was_born_and_has_no_gap_is_left_alone() -> None:
    """Older epochs of a gateway are its backlog."""
    births = born()
    births.see("pi", NEW, 0, WHOLE, 0)
    births.see("pi", OLD, 0, WHOLE, 0)
    assert births.due(LATER) == []


def test_events_without_a_birth_are_asked_about() -> None:
    """No status at all, or one of an earlier epoch: after some patience, and once."""
    for births in (Births(), born(OLD)):
        births.see("pi", NEW, 0, WHOLE, 0)
        assert births.due(PATIENCE_S - 1) == []
        assert births.due(LATER) == ["pi"]
        births.see("pi", NEW, 0, WHOLE, LATER)
        assert births.due(2 * LATER) == []
        births.see("pi", NEW, 0, WHOLE, LATER + AGAIN_S)
        assert births.due(2 * LATER + AGAIN_S) == ["pi"]


def test_a_gap_that_does_not_close_is_asked_about() -> None:
    """One that moves is being filled."""
    births = born()
    births.see("pi", NEW, 0, GAP, 0)
    births.see("pi", NEW, 0, Received(4, [(6, 7)]), PATIENCE_S - 1)
    assert births.due(LATER) == []
    births.see("pi", NEW, 0, Received(4, [(6, 9)]), LATER)
    assert births.due(2 * LATER) == ["pi"]


def test_a_birth_that_comes_late_settles_it() -> None:
    """The retained word and the first events race on each connect."""
    births = Births()
    births.see("pi", NEW, 0, WHOLE, 0)
    births.take("pi", Status("online", "s", NEW), 0.0)
    births.see("pi", NEW, 0, WHOLE, 5)
    assert births.due(LATER) == []


def test_two_gateways_under_one_name_are_told_apart_from_one_that_restarts() -> None:
    """A life that speaks again after another was born is no restart; it is news once in a while, not each time."""
    births = Births()
    one, other = Status("online", "s1", OLD), Status("online", "s2", NEW)
    assert not any(births.take("pi", status, 0.0) for status in (one, one, other, other))
    assert not births.take("pi", Status("offline", "s1"), 1.0)
    assert births.take("pi", one, 2.0)
    assert not births.take("pi", other, 3.0)
    assert births.take("pi", one, 3.0 + AGAIN_S)
