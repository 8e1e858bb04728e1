"""Reporting: of the visits this gateway follows, which ones it tells the hub, and in what words.

Every gateway that hears a zone keeps the zone's visits; only the one that speaks for the zone reports them. When the
speaker changes, the old one closes what it reported and the new one reports the same stay, back-dated: the hub joins
visits of one person in one zone that touch.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, assert_never

from edgehub.core.events import DropVisit, Effect, KeepVisit, Moment, Record
from edgehub.core.venue import Zone
from edgehub.core.visit import Visit, VisitChange, VisitClosed, VisitCorrected, VisitOpened, VisitProgressed, Visits
from edgehub.core.wire import events as wire


class Reporter:
    """The ledger of visits and which of them the hub knows.

    Args:
        zones: of the venue.
        new_id: gives a fresh visit id.
        counts: whether a person's visits may be kept.
    """

    def __init__(self, zones: Mapping[str, Zone], new_id: Callable[[], str], counts: Callable[[str], bool]) -> None:
        self.visits = Visits(zones, new_id)
        self.mine: frozenset[str] = frozenset()
        """The zones we speak for."""
        self._counts = counts
        self._reported: set[str] = set()

    def resume(self, visit: Visit, now: Moment) -> None:
        """Take up a visit that was reported and open when the last process ended."""
        self._reported.add(visit.id)
        self.visits.resume(visit, now.decision)

    def occupancy(self) -> dict[str, int]:
        """Zone → guests in it, of the zones we speak for."""
        counts = dict.fromkeys(self.mine, 0)
        for visit in self.visits:
            if visit.zone in counts:
                counts[visit.zone] += 1
        return counts

    def report(self, changes: Iterable[VisitChange], now: Moment) -> list[Effect]:
        """What the hub is told of these changes."""
        return [effect for change in changes for effect in self._report(change, now)]

    def take_over(self, mine: frozenset[str], theirs: frozenset[str], now: Moment) -> list[Effect]:
        """Speak for the zones in ``mine`` from now on, others for those in ``theirs``.

        Where nobody can speak, what was reported stays open: that nobody hears does not mean that everybody left.
        """
        self.mine, effects = mine, list[Effect]()
        for visit in list(self.visits):
            if visit.id in self._reported and visit.zone in theirs:
                effects += self._end(visit, now)
            elif visit.id not in self._reported:
                effects += self._open(visit, {**self.visits.evidence(visit.person), "takeover": True}, now)
        return effects

    def reconsider(self, person: str, now: Moment) -> list[Effect]:
        """A consent changed: what was reported may have to end, or to begin; never before the consent was given."""
        visit = self.visits.of(person)
        if visit is None:
            return []
        if visit.id in self._reported:
            return [] if self._counts(person) else self._end(visit, now)
        if visit.zone not in self.mine or not self._counts(person):
            return []
        self.visits.renew(person, since=now.decision)
        visit = self.visits.of(person) or visit
        return list(self._open(visit, self.visits.evidence(person), now))

    def _end(self, visit: Visit, now: Moment) -> list[Effect]:
        """Close what was reported, while the stay itself goes on."""
        effects = list(self._close(_ended(visit, self.visits.last_there(visit.person, now.decision)), now))
        self.visits.renew(visit.person)
        return effects

    def _report(self, change: VisitChange, now: Moment) -> Sequence[Effect]:
        visit = change.visit
        if isinstance(change, VisitOpened):
            return self._open(visit, change.evidence, now)
        if visit.id not in self._reported:
            return ()
        match change:
            case VisitProgressed():
                told = wire.DwellProgress(**_named(visit), dwell_s=round(visit.dwell_s, 3))
                return Record(told, visit.person, now.decision), KeepVisit(visit)
            case VisitCorrected():
                return Record(wire.VisitCorrected(**_bounds(visit, now)), visit.person, now.decision), KeepVisit(visit)
            case VisitClosed():
                return self._close(visit, now)
            case _:
                assert_never(change)

    def _open(self, visit: Visit, evidence: Mapping[str, Any], now: Moment) -> Sequence[Effect]:
        if visit.zone not in self.mine or not self._counts(visit.person):
            return ()
        self._reported.add(visit.id)
        told = wire.VisitEntered(**_bounds(replace(visit, left_at=None), now), evidence=evidence)
        return Record(told, visit.person, now.decision), KeepVisit(visit)

    def _close(self, visit: Visit, now: Moment) -> Sequence[Effect]:
        self._reported.discard(visit.id)
        return Record(wire.VisitLeft(**_bounds(visit, now)), visit.person, now.decision), DropVisit(visit)


def _named(visit: Visit) -> dict[str, Any]:
    return {"visit": visit.id, "person": visit.person, "zone": visit.zone}


def _bounds(visit: Visit, now: Moment) -> dict[str, Any]:
    body = {**_named(visit), "entered_at": now.wall_of(visit.entered_at)}
    if visit.left_at is not None:
        body |= {"left_at": now.wall_of(visit.left_at), "dwell_s": round(visit.dwell_s, 3)}
    return body


def _ended(visit: Visit, at: float) -> Visit:
    at = max(at, visit.entered_at)
    return replace(visit, last_seen_at=at, left_at=at)
