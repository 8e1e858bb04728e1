"""What presence says: where a badge is now, and which stays its past consists of."""

from collections.abc import Mapping

from edgehub.core.data import dataclass


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a zone was decided: the levels of the deciding second and how clear the case was."""

    levels: Mapping[str, float]
    """Receiver → level in dBm, of the receivers that heard the badge since the step before."""
    probability: float
    """Of the zone decided, 0 to 1."""
    runner_up: str | None
    """The next likely zone; None when it is elsewhere, or there is none."""
    margin: float
    """Log-odds (nat) of the zone decided against the next likely one."""
    test: str
    """Which test decided, in words for a log line."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The fast output: the badge is in this zone now (None: nowhere). Lights follow it; dwell does not."""

    badge: str
    zone: str | None
    at: float
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Entered:
    """The steady output: a stay began at ``since``, which is earlier than ``at``, the time of knowing it."""

    badge: str
    zone: str
    at: float
    since: float
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Left:
    """The steady output: the stay last entered ended at ``until``, which is not later than ``at``."""

    badge: str
    zone: str
    at: float
    until: float
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Corrected:
    """A stay reported earlier as begun at ``first`` is now known to have lasted from ``since`` to ``until``."""

    badge: str
    zone: str
    at: float
    first: float
    since: float
    until: float | None


Transition = Moved | Entered | Left | Corrected
