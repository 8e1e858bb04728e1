"""``edgehub calibrate``: learn how each zone sounds from labelled walks."""

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from edgehub.core.presence import Place, Reading, Survey
    from edgehub.core.presence.contrast import Contrast
    from edgehub.core.venue import Venue
    from edgehub.tools.recording import Heard, Walk

EPILOG = """\
One person wears any badge and walks every zone for about 60 s: walk, do not stand, and turn around. Then write down
where they were, in seconds of the recording:

  [{"beacon": "1042", "zone": "kitchen", "t_in": 10, "t_out": 70},
   {"beacon": "1042", "zone": null, "t_in": 70, "t_out": 82},
   {"beacon": "1042", "zone": "lounge", "spot": "bar", "t_in": 82, "t_out": 142}]

zone null is the way between zones. A spot is a room or corner of a zone that sounds different from the rest of it.
More walks make it better: --learned learned.yaml adds to what was learned before.

examples:
  edgehub calibrate --recording walk.jsonl.gz --walks walk.json --zones zones.yaml --out learned.yaml
  edgehub calibrate --recording b.jsonl --walks b.json --zones zones.yaml --learned learned.yaml --out learned.yaml
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.description = "Learn how each zone of the venue sounds from walks that are labelled with where they went."
    parser.epilog = EPILOG
    parser.add_argument(
        "--recording", required=True, action="extend", nargs="+", type=Path, metavar="FILE", help=".jsonl or .jsonl.gz"
    )
    parser.add_argument("--walks", required=True, type=Path, help="labels of the walks, JSON")
    parser.add_argument("--zones", required=True, type=Path, help="zones.yaml of the venue")
    parser.add_argument("--learned", type=Path, help="learned.yaml to go on from")
    parser.add_argument("--out", required=True, type=Path, help="learned.yaml to write")


def run(args: argparse.Namespace) -> int:
    """Calibrate; 2 when an input cannot be used."""
    from dataclasses import replace

    from edgehub.config import ConfigError, load_learned, load_venue, save_learned
    from edgehub.core.presence import Survey
    from edgehub.core.presence.contrast import contrasts
    from edgehub.tools.output import refuse_inputs
    from edgehub.tools.recording import Notes, RecordingError, read_walks, use_recordings

    try:
        refuse_inputs(args.out, [*args.recording, args.walks, args.zones])
        venue = load_venue(args.zones)
        walks = read_walks(args.walks)
        check_zones(walks, venue)
        walked = use_recordings(args.recording, lambda heard: follow(heard, walks), Notes())
        survey = survey_of(walked)
        if args.learned is not None:
            survey.merge(Survey.from_dict(learned_survey(args.learned)))
        # What else was learned, like the floor plan, is not ours to lose.
        save_learned(args.out, replace(load_learned(args.learned or args.out), survey=survey.to_dict()))
    except (ConfigError, RecordingError, ValueError, OSError) as error:
        print(f"edgehub calibrate: {error}", file=sys.stderr)
        return 2
    print("\n".join([*warnings(walks, walked), *summary(venue, survey, contrasts(venue, list(walked.values())))]))
    return 0


def learned_survey(path: Path) -> "Mapping[str, Any]":
    """The survey in a learned.yaml.

    Raises:
        ValueError: there is none.
    """
    from edgehub.config import load_learned

    survey = load_learned(path).survey
    if survey is None:
        raise ValueError(f"{path}: no survey in this file; make one with `edgehub calibrate`, or leave out --learned")
    return survey


def check_zones(walks: "Sequence[Walk]", venue: "Venue") -> None:
    """Raise ValueError when a walk is in a zone the venue does not have."""
    for number, walk in enumerate(walks, 1):
        if walk.zone is not None and walk.zone not in venue.zones:
            raise ValueError(
                f"walk {number} is in zone {walk.zone!r}, which the zones file does not have; it has: {', '.join(venue.zones)}"
            )


def follow(heard: "Iterable[Heard]", walks: "Sequence[Walk]") -> "dict[Walk, tuple[Place, list[Reading]]]":
    """Cut the readings of every walk out of the recording.

    Raises:
        ValueError: no walk has a single packet, so nothing can be learned.
    """
    from edgehub.core.presence import Place, readings

    by_beacon: defaultdict[str, list[Walk]] = defaultdict(list)
    for walk in walks:
        by_beacon[walk.beacon].append(walk)
    sightings: dict[Walk, list[tuple[float, str, float]]] = {walk: [] for walk in walks}
    beacons = set()
    for t, receiver, beacon, rssi_dbm in heard:
        beacons.add(beacon)
        for walk in by_beacon.get(beacon, ()):
            if walk.t_in <= t < walk.t_out:
                sightings[walk].append((t, receiver, rssi_dbm))
    if not any(sightings.values()):
        raise ValueError(
            "the recording has no packet of any walk. Are the beacons named as in the recording, and the times in its "
            f"seconds? It has the beacons: {', '.join(sorted(beacons)[:10]) or 'none'}"
        )
    return {walk: (Place(walk.zone, walk.spot), list(readings(sightings[walk]))) for walk in walks}


def survey_of(walked: "dict[Walk, tuple[Place, list[Reading]]]") -> "Survey":
    """What all walks together teach."""
    from edgehub.core.presence import Survey

    survey = Survey()
    for place, walk in walked.values():
        if walk:
            survey.add(place, walk)
    return survey


def warnings(walks: "Sequence[Walk]", walked: "dict[Walk, tuple[Place, list[Reading]]]") -> list[str]:
    """Walks that taught nothing."""
    return [
        f"walk {number} ({walk.beacon}, {walk.zone or 'between zones'}, {walk.t_in:g} to {walk.t_out:g} s) "
        "has no packets in the recording and teaches nothing: are the badge's name and the times right?"
        for number, walk in enumerate(walks, 1)
        if not walked[walk][1]
    ]


ENOUGH_READINGS = 45  # of a walk of a minute, some seconds pass unheard
DOUBTFUL, HOPELESS = 0.9, 0.7


def summary(venue: "Venue", survey: "Survey", pairs: "Sequence[Contrast]") -> list[str]:
    """What was learned, in words for the person who walked."""
    readings: defaultdict[str, int] = defaultdict(int)
    for place, fingerprint in survey.places.items():
        if place.zone is not None:
            readings[place.zone] += fingerprint.readings
    name = {zone.id: zone.name or zone.id for zone in venue.zones.values()}
    lines = [f"{name[zone]}: {readings[zone]} readings{_more(readings[zone])}" for zone in venue.zones]
    for pair in pairs:
        share = pair.right / pair.asked
        if share < 0.995 or len(pairs) <= 6:
            lines.append(
                f"{100 * share:.0f} of 100 readings tell {name[pair.one]} from {name[pair.other]}{_judged(share)}"
            )
    return lines


def _more(readings: int) -> str:
    if not readings:
        return ": not walked yet, so it is guessed from which receiver is loudest"
    return "" if readings >= ENOUGH_READINGS else "; walk it for a minute to be sure of it"


def _judged(share: float) -> str:
    if share < HOPELESS:
        return ": it cannot tell them apart; move a receiver between them, or make them one zone"
    return ": seconds will be wrong, whole visits seldom; walk both again, in other corners" if share < DOUBTFUL else ""
