"""Visits: one person in one zone, from enter to leave, and how long that was.

Presence says when a stay begins and ends, back-dated. This ledger turns stays into visits: it waits for ``arrive_after``
before a visit counts, holds a visit for ``leave_after`` in case the guest comes back, continues what was open when the
power failed, and reports progress once a minute so that little is lost if it fails again.

All times are decision time in s. One deadline is released at a time, oldest first; extra ticks change nothing.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from edgehub.core.data import dataclass
from edgehub.core.venue import Zone

PROGRESS_EVERY_S = 60.0
"""At most one `dwell.progress` a minute and visit (wire.md); also how much dwell a power cut may cost."""
RESUME_WITHIN_S = 60.0
"""A guest not seen again this long after a restart left when last seen: the longest learned leave time is 60 s."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One person in one zone. ``left_at`` is None while it lasts."""

    id: str
    person: str
    zone: str
    entered_at: float
    last_seen_at: float
    left_at: float | None = None

    @property
    def dwell_s(self) -> float:
        """How long it was, or has been so far."""
        end = self.last_seen_at if self.left_at is None else self.left_at
        return max(0.0, end - self.entered_at)


@dataclass(frozen=True, slots=True)
class VisitOpened:
    """The stay lasted long enough to count."""

    visit: Visit
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VisitProgressed:
    """A minute more of it."""

    visit: Visit


@dataclass(frozen=True, slots=True)
class VisitClosed:
    """The guest left; ``visit.left_at`` is back-dated."""

    visit: Visit


@dataclass(frozen=True, slots=True)
class VisitCorrected:
    """Later evidence moved the bounds of a visit reported before."""

    visit: Visit


VisitChange = VisitOpened | VisitProgressed | VisitClosed | VisitCorrected


@dataclass(slots=True)
class _Stay:
    visit: Visit
    evidence: Mapping[str, Any]
    counts_from: float
    due: float = 0.0
    """The one deadline of this stay; an older one in the heap is passed over."""
    counted: bool = False
    told_at: float = 0.0
    """When it was reported last, opened or in progress."""
    gone_since: float | None = None
    """When the guest was last there, while the visit is held for a return."""
    resumed: bool = False
    """Read from the journal and not seen again yet."""


class Visits:
    """The ledger of all visits this gateway knows of, reported or in the shadow of another gateway."""

    def __init__(self, zones: Mapping[str, Zone], new_id: Callable[[], str]) -> None:
        self._zones = zones
        self._new_id = new_id
        self._stays: dict[str, _Stay] = {}
        self._deadlines: list[tuple[float, str, str]] = []
        """(when, person, visit id)."""

    def __iter__(self) -> Iterator[Visit]:
        """The open visits that count."""
        return (stay.visit for stay in self._stays.values() if stay.counted)

    def of(self, person: str) -> Visit | None:
        """The open visit of a person, if it counts already."""
        stay = self._stays.get(person)
        return stay.visit if stay is not None and stay.counted else None

    def evidence(self, person: str) -> Mapping[str, Any]:
        """Why the person's open visit was opened."""
        stay = self._stays.get(person)
        return {} if stay is None else stay.evidence

    def swap(self, zones: Mapping[str, Zone]) -> None:
        """Take a changed venue; open visits survive by zone id."""
        self._zones = zones

    def resume(self, visit: Visit, now: float) -> None:
        """Take up a visit that was open when the last process ended; it closes unless the guest is seen again."""
        stay = _Stay(visit, {"test": "resumed"}, visit.entered_at, counted=True, resumed=True)
        stay.gone_since, stay.told_at = visit.last_seen_at, now
        self._stays[visit.person] = stay
        self._remind(now + RESUME_WITHIN_S, stay)

    def enter(self, person: str, zone: str, at: float, since: float, evidence: Mapping[str, Any]) -> list[VisitChange]:
        """A stay began at ``since``, as was decided at ``at``."""
        changes: list[VisitChange] = []
        stay = self._stays.get(person)
        if stay is not None and stay.visit.zone == zone:
            stay.gone_since, stay.resumed = None, False
            stay.visit = replace(stay.visit, last_seen_at=max(at, stay.visit.last_seen_at))
            self._remind(stay.told_at + PROGRESS_EVERY_S if stay.counted else stay.counts_from, stay)
            return changes
        if stay is not None:
            end = since if stay.gone_since is None else min(stay.gone_since, since)
            changes += self._close(stay, end)
        wait = self._zones[zone].arrive_after_s if zone in self._zones else 0.0
        stay = _Stay(Visit(self._new_id(), person, zone, since, at), evidence, counts_from=since + wait)
        self._stays[person] = stay
        if at >= stay.counts_from:
            changes += self._count(stay, at)
        else:
            self._remind(stay.counts_from, stay)
        return changes

    def leave(self, person: str, zone: str, at: float, until: float) -> list[VisitChange]:
        """The stay ended at ``until``, as was decided at ``at``; held as long as the zone's ``leave_after`` says."""
        stay = self._stays.get(person)
        if stay is None or stay.visit.zone != zone or stay.resumed:
            return []
        stay.gone_since = max(until, stay.visit.entered_at)
        release_at = until + ((self._zones[zone].leave_after_s if zone in self._zones else None) or 0.0)
        if at >= release_at:
            return self._close(stay, stay.gone_since)
        self._remind(release_at, stay)
        return []

    def correct(self, person: str, first: float, since: float, until: float | None) -> list[VisitChange]:
        """Later evidence moved the stay first reported as beginning at ``first``."""
        stay = self._stays.get(person)
        if stay is None or abs(stay.visit.entered_at - first) > 1e-6:
            return []
        stay.visit = replace(stay.visit, entered_at=since)
        if until is not None and stay.gone_since is not None:
            stay.gone_since = until
        return [VisitCorrected(stay.visit)] if stay.counted else []

    def renew(self, person: str, *, since: float | None = None) -> None:
        """Give the open visit a new id: what was reported under the old one has been closed.

        With ``since`` it counts from then on only: before, the guest had not agreed to it.
        """
        stay = self._stays.get(person)
        if stay is not None:
            entered_at = stay.visit.entered_at if since is None else since
            stay.visit = replace(stay.visit, id=self._new_id(), entered_at=entered_at)
            self._remind(stay.due, stay)

    def last_there(self, person: str, now: float) -> float:
        """Until when the person's open visit is known to have lasted: now, or when last seen while it is held."""
        stay = self._stays.get(person)
        return now if stay is None or stay.gone_since is None else stay.gone_since

    def drop(self, person: str, at: float) -> list[VisitChange]:
        """Stop following a person (consent withdrawn, profile erased): what is open closes now."""
        stay = self._stays.get(person)
        if stay is None:
            return []
        return self._close(stay, self.last_there(person, at))

    def next_deadline(self) -> float | None:
        """When ``advance`` has something to do next."""
        while self._deadlines and not self._fits(self._deadlines[0]):
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def advance(self, now: float) -> list[VisitChange]:
        """Release every deadline up to ``now``, oldest first."""
        changes: list[VisitChange] = []
        while (due := self.next_deadline()) is not None and due <= now:
            at, person, _ = heapq.heappop(self._deadlines)
            changes += self._release(self._stays[person], at)
        return changes

    def _release(self, stay: _Stay, at: float) -> list[VisitChange]:
        if stay.gone_since is not None:
            return self._close(stay, stay.gone_since)
        if not stay.counted:
            return self._count(stay, at)
        self._tell(stay, at)
        return [VisitProgressed(stay.visit)]

    def _count(self, stay: _Stay, at: float) -> list[VisitChange]:
        stay.counted = True
        self._tell(stay, at)
        return [VisitOpened(stay.visit, stay.evidence)]

    def _tell(self, stay: _Stay, at: float) -> None:
        stay.visit, stay.told_at = replace(stay.visit, last_seen_at=at), at
        self._remind(at + PROGRESS_EVERY_S, stay)

    def _close(self, stay: _Stay, end: float) -> list[VisitChange]:
        del self._stays[stay.visit.person]
        end = max(end, stay.visit.entered_at)
        closed = replace(stay.visit, last_seen_at=end, left_at=end)
        if stay.counted:
            return [VisitClosed(closed)]
        if end < stay.counts_from:
            return []
        return [VisitOpened(replace(stay.visit, last_seen_at=end), stay.evidence), VisitClosed(closed)]

    def _remind(self, at: float, stay: _Stay) -> None:
        stay.due = at
        heapq.heappush(self._deadlines, (at, stay.visit.person, stay.visit.id))

    def _fits(self, deadline: tuple[float, str, str]) -> bool:
        at, person, visit = deadline
        stay = self._stays.get(person)
        return stay is not None and stay.visit.id == visit and stay.due == at
