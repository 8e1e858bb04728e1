"""What to say of a track: the move that lights follow, and the stays that dwell is counted from."""

from collections.abc import Iterator
from math import exp, inf

from edgehub.core.presence.events import Entered, Evidence, Left, Moved, Transition
from edgehub.core.presence.track import Segment, Track

LEAD = 1.0  # nat by which another zone must lead: e to 1; the cost of moving itself is in the scores
SETTLE_S = 3.0  # after this a new badge is somewhere, however unclear
HOLD_S = 20.0  # on the ways between zones the last zone stays lit this long; most ways are walked in less
LAG_S = 12.0  # the steady output looks back from here: a walk between rooms, and the seconds around it
BRIDGE_S = 12.0  # a shorter absence between two stays in one zone was none


def say(track: Track, at: float) -> list[Transition]:
    """The fast output, then the steady one, after a step."""
    assert track.near is not None
    transitions: list[Transition] = []
    if track.near.zones[track.best] != track.live:
        transitions += _move(track, at)
    if track.head() is not track.fixed:
        transitions += _fix(track, at - LAG_S, at)
    return transitions


def leave(track: Track, at: float) -> list[Transition]:
    """Close what is open: the badge has gone, and was here until it was heard last."""
    transitions = list(_fix(track, inf, at))
    if track.stay is not None:
        zone, since = track.stay
        transitions.append(Left(track.badge, zone, at, max(track.last, since), evidence(track, zone, "silence")))
    if track.live is not None:
        transitions.append(Moved(track.badge, None, at, evidence(track, track.live, "silence")))
    return transitions


def _move(track: Track, at: float) -> Iterator[Transition]:
    """Move when another zone leads clearly over the one last said, or over all others when none was."""
    assert track.near is not None
    zone, scores = track.near.zones[track.best], track.zone_scores()
    if zone is None and (track.live is None or at - track.leader.since < HOLD_S):
        return
    if track.live is not None:
        against = scores.get(track.live, -inf)
    elif at - track.since >= SETTLE_S:
        against = -inf
    else:
        against = max((score for name, score in scores.items() if name not in {zone, None}), default=-inf)
    if scores[zone] - against >= LEAD:
        track.live = zone
        yield Moved(track.badge, zone, at, evidence(track, zone, "lead"))


def _fix(track: Track, horizon: float, at: float) -> Iterator[Transition]:
    """Report the stays of the best history that began before the horizon; they are not asked about again."""
    history = track.history()
    for number, piece in enumerate(history):
        if piece.since > horizon:
            break
        if not _goes_on(track, piece, history[number + 1 :]):
            # A history that contradicts what was reported counts from where the report had come to.
            contradicts = number == 0 and track.fixed is not None and piece.before is None
            yield from _turn(track, piece.zone, max(piece.since, track.horizon) if contradicts else piece.since, at)
        track.fixed = piece
        piece.before = None


def _goes_on(track: Track, piece: Segment, later: list[Segment]) -> bool:
    """Whether the open stay lasts through this piece: the same zone, or a short absence from it."""
    if track.stay is None:
        return piece.zone is None
    if piece.zone is not None:
        return piece.zone == track.stay[0]
    back = next((after for after in later if after.zone is not None), None)
    return back is not None and back.zone == track.stay[0] and back.since - piece.since < BRIDGE_S


def _turn(track: Track, zone: str | None, when: float, at: float) -> Iterator[Transition]:
    """End the open stay and begin the next, both at that time."""
    if track.stay is not None:
        old, since = track.stay
        when = max(when, since)
        yield Left(track.badge, old, at, when, evidence(track, old, "history"))
    track.stay = None if zone is None else (zone, when)
    if zone is not None:
        yield Entered(track.badge, zone, at, when, evidence(track, zone, "history"))


def evidence(track: Track, zone: str | None, test: str) -> Evidence:
    """Why this zone: levels, probability, and the lead over the next."""
    scores = track.zone_scores()
    others = {name: score for name, score in scores.items() if name != zone}
    runner_up = max(others, key=lambda name: others[name], default=None)
    total = sum(exp(score) for score in scores.values())
    return Evidence(
        levels={name: dbm / n for name, (dbm, n) in track.heard.items()},
        probability=exp(scores.get(zone, -inf)) / total,
        runner_up=runner_up,
        margin=scores.get(zone, -inf) - max(others.values(), default=-inf),
        test=test,
    )
