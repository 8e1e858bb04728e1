"""Clocks of machines without one."""

from edgehub.core.clock import Age, shift_us, stepped
from edgehub.core.wire import At

DAY_US = 24 * 3600 * 1_000_000
NOW_US = 1_800_000_000_000_000


def at(wall_us: int, monotonic_us: int, quality: str = "unsynced", boot: str = "b1") -> At:
    return At(boot, monotonic_us, wall_us, quality)


def test_an_anchor_corrects_what_the_same_boot_wrote_down() -> None:
    """Ten minutes of a clock that stood at the build date: each event is dated to the microsecond."""
    anchor = at(NOW_US, 700_000_000, "synced")
    for ago_us in (0, 1_000_000, 600_000_000):
        early = at(1_700_000_000_000_000 - ago_us, 700_000_000 - ago_us)
        assert early.wall_us + shift_us(early, anchor) == NOW_US - ago_us


def test_a_clock_that_is_slewed_was_not_set() -> None:
    """Half a second is slewed away; more, or another quality, is a step."""
    before = at(NOW_US, 0)
    assert not stepped(before, at(NOW_US + 10_400_000, 10_000_000))
    assert stepped(before, at(NOW_US + 10_600_000, 10_000_000))
    assert stepped(before, at(NOW_US - 3_600_000_000, 10_000_000))
    assert stepped(before, at(NOW_US + 10_000_000, 10_000_000, "synced"))


def test_a_jump_ahead_without_synchronisation_makes_nothing_old() -> None:
    """Ten years in a second delete nothing, now or a day later; once synchronised, age is age."""
    age = Age()
    assert age.is_sure(at(NOW_US, 0))
    ahead_us = NOW_US + 3650 * DAY_US
    assert not age.is_sure(at(ahead_us, 1_000_000))
    assert not age.is_sure(at(ahead_us + DAY_US, DAY_US))
    assert age.is_sure(at(ahead_us + DAY_US, DAY_US, "synced"))
    assert age.is_sure(at(ahead_us + 2 * DAY_US, 2 * DAY_US))


def test_time_that_passes_is_believed_without_synchronisation() -> None:
    """A venue without a time server still forgets what is old."""
    age = Age()
    assert all(age.is_sure(at(NOW_US + day * DAY_US, day * DAY_US)) for day in range(400))


def test_after_a_restart_the_last_believed_moment_counts() -> None:
    """Monotonic times of two boots cannot be compared: then the wall clock alone must make sense."""
    known = at(NOW_US, 5_000_000)
    assert Age(known).is_sure(at(NOW_US + DAY_US // 2, 1_000, boot="b2"))
    assert Age(known).is_sure(at(NOW_US - 900 * DAY_US, 1_000, boot="b2"))
    assert not Age(known).is_sure(at(NOW_US + 2 * DAY_US, 1_000, boot="b2"))
