"""Clocks of a machine that may start without one: which wall time to believe, and whether age may delete anything.

A Raspberry Pi without a battery starts at some time in the past and is set right once the network is there. Until
then its events carry a wall time that means little and a monotonic time that means much: an *anchor*, what a trusted
wall clock says of the same boot's monotonic clock, corrects them afterwards.
"""

from edgehub.core.wire.envelope import At

FORWARD_JUMP_US = 24 * 3600 * 1_000_000
"""Without synchronisation, time that jumps further than this ahead has not passed (durability 4.4)."""
STEP_US = 500_000
"""The wall clock was set, not slewed, when it moved this much against the monotonic one."""


def offset_us(at: At) -> int:
    """What the wall clock is ahead of the boot's monotonic clock."""
    return at.wall_us - at.monotonic_us


def shift_us(at: At, anchor: At) -> int:
    """What to add to wall times written down at ``at``, by an anchor of the same boot."""
    return offset_us(anchor) - offset_us(at)


def stepped(before: At, after: At) -> bool:
    """True when the wall clock was set in between, or began to be trusted, or ceased to be."""
    return before.quality != after.quality or abs(offset_us(after) - offset_us(before)) > STEP_US


class Age:
    """Says whether age by the wall clock may delete anything.

    Args:
        known: the last moment that could be believed, as a process before wrote it down.
    """

    def __init__(self, known: At | None = None) -> None:
        self.known = known

    def is_sure(self, at: At) -> bool:
        """True unless the clock jumped more than a day ahead without being synchronised."""
        if at.quality != "synced" and self.known is not None and self._ahead_us(self.known, at) > FORWARD_JUMP_US:
            return False
        self.known = at
        return True

    def _ahead_us(self, known: At, at: At) -> int:
        """How much more time has passed by the wall clock than can be accounted for."""
        same_boot = known.boot_id == at.boot_id
        return shift_us(known, at) if same_boot else at.wall_us - known.wall_us
