"""Presence: levels in, transitions out, for every badge on its own adverts, about once a second.

The fast output is the best zone now, with hysteresis. The steady output is the best history as it looks ``LAG_S`` later.
"""

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from math import exp, inf

from edgehub.core.presence.events import Entered, Evidence, Left, Moved, Transition
from edgehub.core.presence.model import LOUDEST_DBM, QUIETEST_DBM, Model
from edgehub.core.presence.neighbourhood import MOST_SENT, Neighbourhoods
from edgehub.core.presence.track import Segment, Track

STEP_S = 1.0
LONGEST_HIDE_S = 900.0  # a badge that vanished where the receiver is deaf is believed there this long
LEAD = 1.0  # nat by which another zone must lead before the badge has moved
SETTLE_S = 3.0  # after this a new badge is somewhere, however unclear
HOLD_S = 20.0  # on the ways between zones the last zone stays lit this long
LAG_S = 12.0  # the steady output looks back from here
BRIDGE_S = 12.0  # a shorter absence between two stays in one zone was none

LOUD = LOUDEST_DBM - QUIETEST_DBM


class Presence:
    """Which zone each badge is in. Time is decision time, s, and comes in order; levels are dBm."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._near = Neighbourhoods(model)
        self._tracks: dict[str, Track] = {}
        self._deadlines: list[tuple[float, str]] = []

    # --- what happens ----------------------------------------------------------------------------------------------

    def hear(self, badge: str, receiver: str, level_dbm: float, at: float, n: int = 1) -> Sequence[Transition]:
        """Take one packet's level, or a peer's mean of ``n``; a step that is due happens at once."""
        track = self._tracks.get(badge)
        if track is None:
            track = self._tracks[badge] = Track(badge, at)
        elif at < track.due:
            heard = track.heard.get(receiver)
            if heard is None:
                track.heard[receiver] = [level_dbm * n, n]
            else:
                heard[0] += level_dbm * n
                heard[1] += n
            track.last = at
            return ()
        return self._due(track, receiver, level_dbm, at, n)

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
        """Say whether a receiver hears. The silence of one that does not is no evidence."""
        deaf = self._near.deaf - {receiver} if healthy else self._near.deaf | {receiver}
        if deaf == self._near.deaf:
            return
        self._near = Neighbourhoods(self._model, deaf)
        for track in self._present():
            track.near = self._near.around(track.near.home)
            if not track.near.deaf or track.armed is None:
                track.last = max(track.last, at)
                self._arm(track)

    def forget(self, badge: str) -> None:
        """Drop everything known of a badge, without a transition."""
        self._tracks.pop(badge, None)

    def swap(self, model: Model) -> None:
        """Go on with another model; badges stay in their zones, by zone id."""
        self._model = model
        self._near = Neighbourhoods(model, self._near.deaf)
        for track in self._present():
            track.move(self._near.around(track.near.home))

    def belief(self, badge: str) -> Mapping[str, float]:
        """Zone → probability; what is missing from 1 is elsewhere."""
        track = self._tracks.get(badge)
        return {} if track is None else track.belief()

    def _present(self) -> list[Track]:
        return [track for track in self._tracks.values() if track.near is not None]

    # --- a step ----------------------------------------------------------------------------------------------------

    def _due(self, track: Track, receiver: str, level_dbm: float, at: float, n: int) -> list[Transition]:
        """Take the advert that a step was waiting for, after whatever was due before it."""
        before = self.advance(at) if self._deadlines and self._deadlines[0][0] <= at else []
        sent = track.sent(n, at)
        heard = track.heard.setdefault(receiver, [0.0, 0])
        heard[0] += level_dbm * n
        heard[1] += n
        track.learn_interval(at)
        track.last, track.due, track.decider = at, at + STEP_S, receiver if n == 1 else ""
        if track.near is None:
            track.begin(self._near.around(receiver), at)
            self._arm(track)
        return before + self._step(track, min(sent, MOST_SENT), at)

    def _step(self, track: Track, sent: int, at: float) -> list[Transition]:
        near = track.near
        assert near is not None
        likelihood: Sequence[float] = near.base[sent]
        for receiver, (total, n) in track.heard.items():
            rows = near.rows.get(receiver)
            if rows is not None:
                level = int(total / n + 0.5 - QUIETEST_DBM)
                key = (0 if level < 0 else LOUD if level > LOUD else level) << 4 | sent
                row = rows.get(key) or near.row(receiver, key)
                likelihood = [a + b for a, b in zip(likelihood, row, strict=True)]
        track.update(likelihood, at)
        transitions: list[Transition] = []
        self._say(track, at, transitions)
        self._follow(track)
        track.heard, track.searched = {}, False
        if track.armed is None:
            self._arm(track)
        return transitions

    def _say(self, track: Track, at: float, transitions: list[Transition]) -> None:
        assert track.near is not None
        if track.near.zones[track.best] != track.live:
            self._decide(track, at, transitions)
        if track.head() is not track.fixed:
            self._fix(track, at - LAG_S, at, transitions)
        track.horizon = max(track.horizon, at - LAG_S)

    def _follow(self, track: Track) -> None:
        """In a large venue, keep the neighbourhood around the receiver that hears the badge loudest."""
        assert track.near is not None
        if track.near.home is not None:
            loudest = max(track.heard, key=lambda name: track.heard[name][0] / track.heard[name][1])
            if loudest != track.near.home:
                track.move(self._near.around(loudest))

    def _decide(self, track: Track, at: float, transitions: list[Transition]) -> None:
        """The fast output: move when another zone leads clearly."""
        assert track.near is not None
        zone = track.near.zones[track.best]
        scores = track.zone_scores()
        lost = scores.get(track.live, -inf)
        if zone is None and (track.live is None or at - track.segments[track.best].since < HOLD_S):
            return
        if track.live is None:
            lost = max((score for name, score in scores.items() if name not in (zone, None)), default=-inf)
            if at - track.since >= SETTLE_S:
                lost = -inf
        if scores[zone] - lost >= LEAD:
            track.live = zone
            transitions.append(Moved(track.badge, zone, at, self._evidence(track, zone, "led")))

    def _fix(self, track: Track, horizon: float, at: float, transitions: list[Transition]) -> None:
        """The steady output: report the stays of the best history that began before the horizon."""
        history = track.history()
        for number, piece in enumerate(history):
            if piece.since > horizon:
                break
            self._report(track, number, history, at, transitions)
            track.fixed = piece
            piece.before = None

    def _report(
        self, track: Track, number: int, history: list[Segment], at: float, transitions: list[Transition]
    ) -> None:
        piece, stay = history[number], track.stay
        if stay is not None and piece.zone == stay[0]:
            return
        if piece.zone is None and stay is not None:
            later = next((p for p in history[number + 1 :] if p.zone is not None), None)
            if later is not None and later.zone == stay[0] and later.since - piece.since < BRIDGE_S:
                return
        when = (
            max(piece.since, track.horizon)
            if number == 0 and track.fixed is not None and piece.before is None
            else piece.since
        )
        if stay is not None:
            when = max(when, stay[1])
            transitions.append(Left(track.badge, stay[0], at, when, self._evidence(track, stay[0], "history")))
            track.stay = None
        if piece.zone is not None:
            track.stay = (piece.zone, when)
            transitions.append(Entered(track.badge, piece.zone, at, when, self._evidence(track, piece.zone, "history")))

    # --- silence ---------------------------------------------------------------------------------------------------

    def _arm(self, track: Track) -> None:
        track.armed = track.last + self._patience(track)
        heappush(self._deadlines, (track.armed, track.badge))

    def _patience(self, track: Track) -> float:
        """How much silence means something: that the badge has left, or where it is that nobody hears it."""
        assert track.near is not None
        if not track.searched and track.near.hidden and track.near.audible[track.best]:
            return max(3.0, 3.0 * track.interval_s)
        if not track.near.audible[track.best]:
            return inf if not any(track.near.audible) else LONGEST_HIDE_S
        return max(track.leave_s, self._model.leave_after_s.get(track.live or "", 0.0))

    def _silence(self, track: Track, due: float) -> list[Transition]:
        """The badge may be gone: unless it was heard meanwhile, or is where nobody is left who could hear it."""
        track.armed = None
        if track.last + self._patience(track) > due:
            self._arm(track)
            return []
        transitions: list[Transition] = []
        if not track.searched and track.near.hidden and track.near.audible[track.best]:
            track.update(track.near.base[MOST_SENT], due)
            track.searched = True
            self._say(track, due, transitions)
            self._arm(track)
            return transitions
        self._fix(track, inf, due, transitions)
        if track.stay is not None:
            evidence = self._evidence(track, track.stay[0], "silence")
            transitions.append(Left(track.badge, track.stay[0], due, max(track.last, track.stay[1]), evidence))
        if track.live is not None:
            transitions.append(Moved(track.badge, None, due, self._evidence(track, track.live, "silence")))
        track.end()
        return transitions

    def _evidence(self, track: Track, zone: str | None, test: str) -> Evidence:
        scores = track.zone_scores()
        odds = {name: exp(score) for name, score in scores.items()}
        others = {name: score for name, score in scores.items() if name != zone}
        runner_up = max(others, key=lambda name: others[name], default=None)
        margin = scores.get(zone, -inf) - max(others.values(), default=-inf)
        levels = {name: total / n for name, (total, n) in track.heard.items()}
        return Evidence(levels, odds.get(zone, 0.0) / sum(odds.values()), runner_up, margin, test)
