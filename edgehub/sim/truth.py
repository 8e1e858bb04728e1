"""What really happened, as stays; and how much of it somebody else's stays got right."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from edgehub.sim.world import Truth


class Stay(NamedTuple):
    """Somebody was in a zone from one moment to another, s since the doors opened. Zone None: between zones."""

    who: int
    zone: str | None
    start: float
    end: float

    @property
    def length(self) -> float:
        """Seconds."""
        return self.end - self.start


def stays(truth: Iterable[Truth], end: float) -> list[Stay]:
    """The truth as stays, cut to what happened while the doors were open; nobody has one before they come."""
    return [stay for stay in _between(sorted(truth, key=lambda t: (t.number, t.at)), end) if stay.length > 0]


def _between(moments: Sequence[Truth], end: float) -> Iterator[Stay]:
    for moment, following in zip(moments, [*moments[1:], None], strict=True):
        until = following.at if following is not None and following.number == moment.number else end
        yield Stay(moment.number, moment.zone, max(0.0, moment.at), min(end, until))


def accuracy(truth: Sequence[Stay], reported: Sequence[Stay]) -> float:
    """Share of all guest seconds that `reported` has in the right zone, or in none where that is the truth."""
    by_guest: dict[int, list[Stay]] = {}
    for stay in reported:
        by_guest.setdefault(stay.who, []).append(stay)
    right = sum(_right(stay, by_guest.get(stay.who, ())) for stay in truth)
    return right / (sum(stay.length for stay in truth) or 1.0)


def _right(stay: Stay, reported: Iterable[Stay]) -> float:
    """Seconds of this stay that were reported as they were."""
    if stay.zone is None:
        return stay.length - _covered(stay, (other for other in reported if other.zone is not None))
    return _covered(stay, (other for other in reported if other.zone == stay.zone))


def _covered(stay: Stay, others: Iterable[Stay]) -> float:
    """Seconds of a stay that any of the others covers; told twice is told once."""
    covered, until = 0.0, stay.start
    for other in sorted(others, key=lambda o: o.start):
        covered += max(0.0, min(stay.end, other.end) - max(until, other.start))
        until = max(until, other.end)
    return covered
