"""Presence: levels in, transitions out, for every badge on its own adverts, about once a second."""

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from math import inf

from edgehub.core.presence.decide import LAG_S, leave, say
from edgehub.core.presence.events import Transition
from edgehub.core.presence.hearing import Hearing
from edgehub.core.presence.model import MOST_SENT, Model
from edgehub.core.presence.neighbourhood import Neighbourhood, Neighbourhoods
from edgehub.core.presence.track import Track

STEP_S = 1.0
# While a receiver is deaf: after this silence a badge may be where only that one hears it, and is believed there for a
# quarter of an hour, longer than most visits.
SEARCH_S, LONGEST_HIDE_S = 5.0, 900.0
AUDIT_S, AUDITS_S = 5.0, 0.2  # between two questions to one badge, and to any


class Presence:
    """Which zone each badge is in. Time is decision time, s, and comes in order; levels are dBm.

    The fast output (``Moved``) is the best zone now, with hysteresis. The steady output (``Entered``, ``Left``) is the
    best history as it looks some seconds later, dated back.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._near = Neighbourhoods(model)
        self._tracks: dict[str, Track] = {}
        self._deadlines: list[tuple[float, str]] = []
        self._hearing = Hearing(model.receivers)
        self._told_deaf: frozenset[str] = frozenset()
        self._suspects: frozenset[str] = frozenset()
        self._next_audit = -inf

    # --- what happens ----------------------------------------------------------------------------------------------

    def hear(self, badge: str, receiver: str, level_dbm: float, at: float, n: int = 1) -> Sequence[Transition]:
        """Take one packet's level, or a peer's mean of ``n``; a step that is due happens at once."""
        track, total_dbm = self.track(badge), level_dbm * n
        return () if track.hear(receiver, total_dbm, n, at) else self.step(track, receiver, total_dbm, n, at)

    def track(self, badge: str) -> Track:
        """The track of a badge, for whoever hears it often: `Track.hear` takes what `step` need not look at."""
        track = self._tracks.get(badge)
        if track is None:
            track = self._tracks[badge] = Track(badge)
        return track

    def advance(self, now: float) -> list[Transition]:
        """Let silence speak: release every deadline up to ``now``, one at a time, oldest first."""
        transitions: list[Transition] = []
        while self._deadlines and self._deadlines[0][0] <= now:
            due, badge = heappop(self._deadlines)
            track = self._tracks.get(badge)
            if track is not None and track.armed == due:
                transitions += self._silence(track, due)
        return transitions

    def next_deadline(self) -> float | None:
        """When ``advance`` has something to look at next."""
        return self._deadlines[0][0] if self._deadlines else None

    def set_receiver(self, receiver: str, healthy: bool, at: float) -> None:
        """Say whether a receiver hears. The silence of one that does not is no evidence; when all are deaf nobody leaves."""
        self._told_deaf = self._told_deaf - {receiver} if healthy else self._told_deaf | {receiver}
        self._deafen(at)

    def hear_marker(self, marker: str, receiver: str, at: float) -> None:
        """Take one reception of a marker: it says nothing of badges, but that this receiver hears."""
        self._hearing.tell_marker(marker, receiver, at)

    @property
    def suspects(self) -> frozenset[str]:
        """The receivers that seem to be deaf, by what their neighbours hear and their markers; not those it was told of."""
        return self._suspects - self._told_deaf

    def forget(self, badge: str) -> None:
        """Drop everything known of a badge, without a transition."""
        self._tracks.pop(badge, None)

    def swap(self, model: Model) -> None:
        """Go on with another model; badges stay in their zones, by zone id."""
        self._model = model
        self._near = Neighbourhoods(model, self._near.deaf)
        if set(model.receivers) != self._hearing.receivers:
            self._hearing = Hearing(model.receivers)
        for track in self._tracks.values():
            if track.near is not None:
                track.move(self._near.around(track.near.home or ""))

    def belief(self, badge: str) -> Mapping[str, float]:
        """Zone → probability; what is missing from 1 is elsewhere."""
        track = self._tracks.get(badge)
        return {} if track is None else track.belief()

    # --- a step ----------------------------------------------------------------------------------------------------

    def step(self, track: Track, receiver: str, total_dbm: float, n: int, at: float) -> Sequence[Transition]:
        """Take the packets that a step was waiting for, after whatever was due before them. HOT PATH."""
        before = self.advance(at) if self._deadlines and self._deadlines[0][0] <= at else ()
        sent = track.count(n, at)
        track.due = at + STEP_S
        track.hear(receiver, total_dbm, n, at)
        track.decider = receiver if n == 1 else ""
        near = self._follow(track, receiver, at)
        track.update(near.unlikelihood(track.heard, min(sent, MOST_SENT)), at)
        # In most steps nothing changes, and nothing has to be said.
        settled = track.leader is track.fixed and near.zones[track.best] == track.live
        after = () if settled else say(track, at)
        track.horizon = at - LAG_S
        self._hearing.acquit(track.heard, at)
        if at >= track.audit_due and at >= self._next_audit:
            self._audit(track, at)
        track.heard, track.searched = {}, False
        if track.armed is None or (self._near.deaf and track.armed > at + self._patience(track)):
            self._arm(track)
        return (*before, *after) if before else after

    def _follow(self, track: Track, receiver: str, at: float) -> Neighbourhood:
        """The places among which the badge is, now that this receiver has heard it."""
        near = track.near
        if near is None:
            near = self._near.around(receiver)
            track.begin(near, at)
        elif near.home is not None and (moved := self._near.follow(near, track.loudest())) is not near:
            track.move(near := moved)
        return near

    def _audit(self, track: Track, at: float) -> None:
        """Ask what this badge says about the receivers: now and then, for it costs as much as a few steps."""
        track.audit_due, self._next_audit = at + AUDIT_S, at + AUDITS_S
        self._hearing.tell(track.badge, {name: total / n for name, (total, n) in track.heard.items()}, at)
        self._suspects = self._hearing.deaf(at)
        self._deafen(at)

    def _deafen(self, at: float) -> None:
        """Go on with the receivers that hear, when they are others than before."""
        deaf = self._told_deaf | self._suspects
        if deaf == self._near.deaf:
            return
        recovered = bool(self._near.deaf - deaf)
        self._near = Neighbourhoods(self._model, deaf)
        for track in self._tracks.values():
            if track.near is not None:
                track.near = self._near.around(track.near.home or "")
                # A receiver that hears again gets the time to hear who is there.
                track.last = max(track.last, at) if recovered else track.last
                self._arm(track)

    # --- silence ---------------------------------------------------------------------------------------------------

    def _arm(self, track: Track) -> None:
        due = track.last + self._patience(track)
        track.armed = due if due < inf else None
        if track.armed is not None:
            heappush(self._deadlines, (due, track.badge))

    def _patience(self, track: Track) -> float:
        """How much silence says something: that the badge has left, or that it is where nobody can hear it."""
        near = track.near
        assert near is not None
        if not near.audible[track.best]:
            return LONGEST_HIDE_S if any(near.audible) else inf
        if near.hidden and not track.searched:
            return max(SEARCH_S, 3.0 * track.interval_s)
        return max(track.leave_s, self._model.leave_after_s.get(track.live or "", 0.0))

    def _silence(self, track: Track, due: float) -> list[Transition]:
        """The badge may be gone: unless it was heard meanwhile, or is where nobody is left who could hear it."""
        near = track.near
        assert near is not None
        if track.last + self._patience(track) > due:
            self._arm(track)
            return []
        if near.hidden and not track.searched and near.audible[track.best]:
            track.update(near.base[MOST_SENT], due)
            track.searched = True
            transitions = say(track, due)
            self._arm(track)
            return transitions
        transitions = leave(track, due)
        track.end()
        return transitions
