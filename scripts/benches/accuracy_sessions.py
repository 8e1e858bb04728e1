"""Recorded sessions with their truth, and the product's own calibrate and replay run on them."""

import gzip
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from accuracy_scores import Score, Stay

from edgehub.core.presence import Distances, Model, Presence, Survey
from edgehub.core.venue import Venue, Zone
from edgehub.tools.calibrate import follow, survey_of
from edgehub.tools.recording import Heard, Walk, read_recordings
from edgehub.tools.replay import Outage, decide

SURVEY_S = 60.0  # of level L1: per room, and of passages


class Session:
    """One recording and what is true about it."""

    def __init__(self, truth_path: Path, hz: float | None = None) -> None:
        self._base = truth_path.with_name(truth_path.name.removesuffix(".truth.json"))
        self.truth: dict[str, Any] = json.loads(truth_path.read_text(encoding="utf-8"))
        self.name: str = self.truth["session"]
        self.badges: list[str] = self.truth["beacons"]
        self.receivers: list[str] = list(self.truth["receivers"])
        heard = list(read_recordings([self._base.with_name(self._base.name + ".obs.jsonl.gz")]))
        self.heard = thinned(heard, self.name, hz) if hz else heard
        self.stays = [_stay(entry) for entry in self.truth["intervals"]]
        self.rooms = [_stay(entry) for entry in self.truth.get("rooms", self.truth["intervals"])]
        self.zones: list[str] = self.truth["zones"]

    def venue(self) -> Venue:
        """What an installer would write: zones, and which receiver is in which."""
        by_zone: dict[str, list[str]] = {zone: [] for zone in self.zones}
        for name, receiver in self.truth["receivers"].items():
            by_zone.setdefault(receiver["zone"], []).append(name)
        return Venue(zones={zone: Zone(zone, zone, tuple(names)) for zone, names in by_zone.items()})

    def distances(self) -> list[dict[str, Any]]:
        """Labels: where known, how far a badge was from a receiver."""
        with gzip.open(self._base.with_name(self._base.name + ".dist.jsonl.gz"), "rt", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def walks(self, badge: str, limit_s: float = SURVEY_S) -> list[Walk]:
        """The first seconds of this person in every room, and as many of the ways between zones."""
        mine = sorted((stay for stay in self.stays if stay.badge == badge), key=lambda stay: stay.t_in)
        found = list(self._room_walks(badge, mine, limit_s))
        left = limit_s
        for before, after in pairwise(mine):
            way = min(left, after.t_in - before.t_out)
            if way > 0.0 and after.t_in - before.t_out <= LONGEST_PASSAGE_S:
                found.append(Walk(badge, None, None, before.t_out, before.t_out + way))
                left -= way
        return found

    def _room_walks(self, badge: str, mine: Sequence[Stay], limit_s: float) -> Iterator[Walk]:
        left: dict[str, float] = {}
        for room in sorted((room for room in self.rooms if room.badge == badge), key=lambda room: room.t_in):
            zone = next((stay.zone for stay in mine if stay.t_in <= room.t_in + 0.01 < stay.t_out), None)
            length = min(left.get(room.zone, limit_s), room.t_out - room.t_in)
            if zone is not None and length > 0.0:
                left[room.zone] = left.get(room.zone, limit_s) - length
                spot = None if room.zone == zone else room.zone
                yield Walk(badge, zone, spot, room.t_in, room.t_in + length)


LONGEST_PASSAGE_S = 60.0  # a longer gap in the truth is not known to be a way between zones


def _stay(entry: dict[str, Any]) -> Stay:
    return Stay(entry["beacon"], entry["zone"], entry["t_in"], entry["t_out"])


def sessions(streams: Path, dataset: str, hz: float | None = None) -> list[Session]:
    """All recordings of a set; none when the set is not there."""
    return [Session(path, hz) for path in sorted((streams / dataset).glob("*.truth.json"))]


def thinned(heard: list[Heard], name: str, hz: float) -> list[Heard]:
    """Keep whole packets at random so that about ``hz`` a second remain of each badge.

    Receptions within 50 ms are one packet. The choice is that of the evaluation's replay script, so figures compare.
    """
    times: dict[str, set[float]] = {}
    for one in heard:
        times.setdefault(one.beacon, set()).add(one.t)
    kept = {badge: _chosen(sorted(ts), random.Random(f"{name}/{badge}"), hz) for badge, ts in times.items()}
    return [one for one in heard if one.t in kept[one.beacon]]


def _chosen(times: list[float], dice: random.Random, hz: float) -> set[float]:
    gaps = [b - a for a, b in pairwise(times)]
    packets = 1 + sum(gap > 0.05 for gap in gaps)
    share = min(1.0, hz * (sum(min(gap, 5.0) for gap in gaps) or 1.0) / packets)
    chosen: set[float] = set()
    keep = True
    for gap, t in zip([1.0, *gaps], times, strict=True):
        keep = dice.random() < share if gap > 0.05 else keep
        if keep:
            chosen.add(t)
    return chosen


def surveyed(walks: Iterable[tuple[Session, list[Walk]]], receivers: Sequence[str] | None = None) -> Survey:
    """What `edgehub calibrate` learns from these walks, run after run, through the form it is stored in."""
    survey = Survey()
    for session, mine in walks:
        heard = (one for one in session.heard if receivers is None or one.receiver in receivers)
        survey.merge(survey_of(follow(heard, mine)))
    return Survey.from_dict(survey.to_dict())


def answer(
    session: Session,
    survey: Survey | None = None,
    *,
    badges: Sequence[str] | None = None,
    receivers: Sequence[str] | None = None,
    down: Sequence[str] = (),
    distance: bool = False,
) -> list[dict[str, Any]]:
    """The lines `edgehub replay` writes for a session."""
    heard = (
        one
        for one in session.heard
        if (badges is None or one.beacon in badges) and (receivers is None or one.receiver in receivers)
    )
    presence = Presence(Model.of(session.venue(), survey, ()))
    return list(decide(heard, presence, [Outage(name) for name in down], Distances() if distance else None))


def score(into: Score, session: Session, lines: list[dict[str, Any]], badges: Sequence[str] | None = None) -> None:
    """Add a session's lines to a score."""
    end = session.heard[-1].t + 5.0
    for badge in badges or session.badges:
        mine = [line for line in lines if line["beacon"] == badge]
        moves = [(line["t"], line["zone"]) for line in mine if "t" in line and "zone" in line]
        spans = zip(moves, [*moves[1:], (end, None)], strict=True)
        live = [Stay(badge, zone, t, until) for (t, zone), (until, _) in spans if zone is not None]
        stays = [_stay(line) for line in mine if "t_in" in line]
        truth = [stay for stay in session.stays if stay.badge == badge]
        into.add(truth, live, stays or live, session.truth["scored"].get(badge, []), session.zones)
