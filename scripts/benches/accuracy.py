"""How right the zones, enters, dwell times and distances are, on recordings of real people (ACC1 to ACC9)."""

import argparse
import io
import json
import math
import random
import statistics
import sys
import tempfile
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

from accuracy_scores import CLEAR_S, Score, Stay, totals, within
from accuracy_sessions import Session, answer, score, sessions, surveyed
from table import Row, report

from edgehub.core.presence import Model, Presence
from edgehub.core.venue import Venue, Zone
from edgehub.tools.recording import Heard, Walk, read_recordings
from edgehub.tools.replay import decide, write

REDISTRIBUTABLE = Path(__file__).resolve().parents[2] / "tests" / "data" / "streams"
HOUSES = ("sphere-a", "sphere-b")
FOUR = ("s10", "s20", "s30", "s40")  # of the hall, the radios inside the four Pis
# Other people's figures, published for recordings other than these: they say what the field is at, not who wins here.
PEERS = "other recordings: "


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=Path, default=REDISTRIBUTABLE, help="folder of recorded sets")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    args = parser.parse_args()
    if not args.streams.is_dir():
        print(f"scripts/bench accuracy: no folder {args.streams}", file=sys.stderr)
        return 2
    rows = [
        *houses(args.streams),
        *unsurveyed(args.streams),
        *hall(args.streams),
        *distance(args.streams),
        *replaying(),
    ]
    print(f"Development figures, on {args.streams.name}; releases are judged on other recordings.\n")
    return report(rows, args.json, streams=args.streams.name)


def at_least(id_: str, name: str, value: float | None, floor: float, *, peer: str = "", unit: str = "") -> Row:
    """A row whose value must not be lower."""
    if value is None:
        return absent(id_, name, f"≥ {floor:g}", peer)
    return Row(id_, name, round(value, 4), unit, f"≥ {floor:g}", peer, ok=value >= floor)


def at_most(id_: str, name: str, value: float | None, floor: float, *, peer: str = "", unit: str = "") -> Row:
    """A row whose value must not be higher."""
    if value is None:
        return absent(id_, name, f"≤ {floor:g}", peer)
    return Row(id_, name, round(value, 4), unit, f"≤ {floor:g}", peer, ok=value <= floor)


def absent(id_: str, name: str, floor: str, peer: str = "") -> Row:
    """A row for a set that is not in the streams."""
    return Row(id_, name, "not measured here", "", floor, peer)


# --- houses: ACC1 to ACC5 ---------------------------------------------------------------------------------------------


class House:
    """A set of recordings of one house, each person in turn giving the survey."""

    def __init__(self, streams: Path, hz: float | None = None) -> None:
        self.sets = [found for name in HOUSES if (found := sessions(streams, name, hz))]

    def choices(self) -> Iterator[tuple[Any, list[Session]]]:
        """The survey of one person's minutes, and the recordings of everybody else."""
        for members in self.sets:
            for person in members:
                survey = surveyed([(person, [walk for badge in person.badges for walk in person.walks(badge)])])
                if others := [member for member in members if member is not person]:
                    yield survey, others

    def scores(self, down: str | None = None) -> list[Score]:
        """One score per choice."""
        found = []
        for survey, others in self.choices():
            one = Score()
            for session in others:
                for dead in session.receivers if down == "each" else [None]:
                    score(one, session, answer(session, survey, down=[dead] if dead else ()))
            found.append(one)
        return found


def houses(streams: Path) -> Iterable[Row]:
    """ACC1 to ACC5."""
    at_5_hz, at_1_hz = House(streams), House(streams, 1.0)
    scores = at_5_hz.scores()
    zone = [one.zone for one in scores]
    yield at_least("ACC1", "sphere L1 zone", mean(zone), 0.97, peer=f"{PEERS}Bermuda 0.85, ESPresense 0.86, HMM 0.983")
    yield at_least("ACC1", "sphere L1 zone, worst choice", min(zone, default=None), 0.94)
    yield at_least(
        "ACC2", "sphere L1 enter F1", mean(one.enter_f1 for one in scores), 0.93, peer=f"{PEERS}Bermuda 0.59"
    )
    flaps = mean(one.flaps_per_hour for one in scores)
    yield at_most("ACC2", "sphere L1 flaps", flaps, 2.5, peer=f"{PEERS}Bermuda 18", unit="1/h")
    dwell = mean(100.0 * one.dwell_error for one in scores)
    yield at_most("ACC3", "sphere L1 person-zone dwell error", dwell, 3.0, peer=f"{PEERS}Bermuda 27, HMM 2.5", unit="%")
    yield at_least("ACC3", "sphere L1 clear pairs in order", in_order(at_5_hz), 1.0)
    yield at_least("ACC4", "sphere L1 at 1 Hz, zone", mean(one.zone for one in at_1_hz.scores()), 0.955)
    yield at_least(
        "ACC5", "sphere L1, each receiver dead in turn, zone", mean(s.zone for s in at_5_hz.scores("each")), 0.88
    )


def mean(values: Iterable[float]) -> float | None:
    """The mean, or None of nothing."""
    found = list(values)
    return statistics.fmean(found) if found else None


def in_order(house: House) -> float | None:
    """Of pairs of people whose true totals in a zone differ clearly, all annotators agreeing, those we order alike."""
    people = []
    for survey, others in house.choices():
        for session in others:
            stays = [_stay(line) for line in answer(session, survey) if "t_in" in line]
            people += [(session, badge, [s for s in stays if s.badge == badge]) for badge in session.badges]
    right = []
    for (one, badge, mine), (other, other_badge, theirs) in combinations(people, 2):
        if (one.name, badge) == (other.name, other_badge):
            continue
        for zone in set(one.zones) & set(other.zones):
            opinions = _opinions(one, badge, other, other_badge, zone)
            if abs(opinions[0]) >= CLEAR_S and len({opinion > 0 for opinion in opinions}) == 1:
                said = _total(one, badge, mine, zone) - _total(other, other_badge, theirs, zone)
                right.append((said > 0) == (opinions[0] > 0))
    return mean(right)


def _opinions(one: Session, badge: str, other: Session, other_badge: str, zone: str) -> list[float]:
    """How much longer the one was in the zone: by the truth, then by every pair of annotators."""
    mine = [_total(one, badge, stays, zone) for stays in _opinion(one)]
    theirs = [_total(other, other_badge, stays, zone) for stays in _opinion(other)]
    return [mine[0] - theirs[0], *(a - b for a in mine[1:] for b in theirs[1:])]


def _opinion(session: Session) -> list[list[Stay]]:
    return [session.stays, *([_stay(entry) for entry in one] for one in session.truth.get("annotators", []))]


def _total(session: Session, badge: str, stays: list[Stay], zone: str) -> float:
    mine = [stay for stay in stays if stay.badge == badge]
    return totals(within(mine, session.truth["scored"].get(badge, []))).get(zone, 0.0)


def _stay(entry: dict[str, Any]) -> Stay:
    return Stay(entry["beacon"], entry["zone"], entry["t_in"], entry["t_out"])


# --- no survey: ACC6 --------------------------------------------------------------------------------------------------


def unsurveyed(streams: Path) -> Iterable[Row]:
    """ACC6: what a venue gets on its first start."""
    for name, sets, floor in (("sphere", HOUSES, 0.88), ("shib", ("shib",), 0.97)):
        scores = []
        for dataset in sets:
            one = Score()
            for session in sessions(streams, dataset):
                score(one, session, answer(session))
            scores += [one] if one.asked else []
        yield at_least("ACC6", f"{name} L0 zone", mean(one.zone for one in scores), floor)


# --- an open hall: ACC7 -----------------------------------------------------------------------------------------------


def hall(streams: Path) -> Iterable[Row]:
    """ACC7: everybody but the scored badge is the survey."""
    found = sessions(streams, "tetam-still")
    for name, receivers, floor in (("4 Pis", FOUR, 0.68), ("12 receivers", None, 0.82)):
        one = Score()
        for session in found:
            for badge in session.badges:
                walks = [(other, everywhere(other, None if other is not session else badge)) for other in found]
                survey = surveyed(walks, receivers)
                score(one, session, answer(session, survey, badges=[badge], receivers=receivers), [badge])
        yield at_least("ACC7", f"hall L2 zone, {name}", one.zone if one.asked else None, floor)


def everywhere(session: Session, but: str | None) -> list[Walk]:
    """All that is known of where the others were."""
    return [Walk(stay.badge, stay.zone, None, stay.t_in, stay.t_out) for stay in session.stays if stay.badge != but]


# --- distance: ACC8 ---------------------------------------------------------------------------------------------------


def distance(streams: Path) -> Iterable[Row]:
    """ACC8: mean error against the labels, and whether the intervals are honest."""
    sets = (("hall", "tetam-still", 2.3), ("flat", "flat", 1.6), ("body", "pipact-body", 0.85))
    for name, dataset, floor in sets:
        errors, inside = [], []
        for session in sessions(streams, dataset):
            for estimate, d in labelled(session):
                errors.append(abs(estimate["d"] - d))
                inside.append(estimate["low"] <= d <= estimate["high"])
        yield at_most("ACC8", f"distance, {name}, mean error", mean(errors), floor, unit="m")
        if errors:
            yield Row(
                "ACC8", f"distance, {name}, truth from low to high", round(100 * statistics.fmean(inside), 1), "%", ""
            )


def labelled(session: Session) -> Iterator[tuple[dict[str, Any], float]]:
    """Each label with the newest estimate, if that is at most 5 s old."""
    estimates: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in answer(session, distance=True):
        if "d" in line:
            estimates[line["beacon"], line["receiver"]].append(line)
    for label in session.distances():
        mine = estimates[label["beacon"], label["receiver"]]
        k = bisect_right(mine, label["t"], key=lambda line: line["t"]) - 1
        if k >= 0 and label["t"] - mine[k]["t"] <= 5.0:
            yield mine[k], label["d"]


# --- replaying: ACC9 --------------------------------------------------------------------------------------------------

MINUTES, BADGES, RECEIVERS, ZONES = 20, 50, 3, 5


def replaying() -> Iterable[Row]:
    """ACC9: twice the same bytes, and how much faster than life, from reading the file to writing the lines."""
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "crowd.jsonl"
        with recording.open("w", encoding="utf-8") as file:
            for t, receiver, badge, level in crowd():
                line = {"t": t, "receiver": receiver, "beacon": badge, "rssi": level}
                file.write(json.dumps(line) + "\n")
        first, seconds = replayed(recording)
        second, again = replayed(recording)
    yield Row("ACC9", "two replays, identical bytes", "yes" if first == second else "no", "", "yes", ok=first == second)
    speed = 60.0 * MINUTES / min(seconds, again)
    name = f"replay, {BADGES} badges at 1/s, {RECEIVERS} receivers, {ZONES} zones"
    yield at_least("ACC9", name, round(speed), 500.0, unit="x life")


def crowd() -> Iterator[Heard]:
    """A simulated recording: everybody changes zone about every two minutes."""
    dice = random.Random(9)
    zone = dict.fromkeys(range(BADGES), 0)
    for second in range(60 * MINUTES):
        for badge in range(BADGES):
            if dice.random() < 1 / 120:
                zone[badge] = dice.randrange(ZONES)
            t = round(second + badge / BADGES, 3)
            for receiver in range(RECEIVERS):
                away = abs(receiver * (ZONES - 1) / (RECEIVERS - 1) - zone[badge])
                level = dice.gauss(-60.0 - 12.0 * math.sqrt(away), 5.0)
                if level > -95.0:
                    yield Heard(t, f"r{receiver}", f"b{badge}", round(level))


def replayed(recording: Path) -> tuple[str, float]:
    """The output of a replay, and the CPU it took, s."""
    zones = {f"z{k}": Zone(f"z{k}", f"Zone {k}", (f"r{k // 2}",) if k % 2 == 0 else ()) for k in range(ZONES)}
    presence = Presence(Model.of(Venue(zones=zones), None, ()))
    out = io.StringIO()
    start = time.process_time()
    write(decide(read_recordings([recording]), presence), out)
    return out.getvalue(), time.process_time() - start


if __name__ == "__main__":
    sys.exit(main())
