"""``edgehub replay``: decide again what a recording heard, on a virtual clock."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from edgehub.core.presence import Distances, Entered, Presence, Transition
    from edgehub.core.venue import Venue
    from edgehub.tools.recording import Heard

EPILOG = """\
The output is JSON Lines: live lines {"t", "beacon", "zone"} (zone null: nowhere), with --distance also
{"t", "beacon", "receiver", "d", "low", "high"} in metres, then stays {"beacon", "zone", "t_in", "t_out"}.

examples:
  edgehub replay evening.jsonl.gz --zones zones.yaml --out evening.out.jsonl
  edgehub replay evening.jsonl.gz --zones zones.yaml --learned learned.yaml --out evening.out.jsonl
  edgehub replay evening.jsonl.gz --zones zones.yaml --down pi-lounge --down pi-bar@600-1200 --out what-if.jsonl
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.description = "Decide again, offline, which zone each badge of a recording was in, and for how long."
    parser.epilog = EPILOG
    parser.add_argument("recordings", nargs="+", type=Path, metavar="FILE", help="recording, .jsonl or .jsonl.gz")
    parser.add_argument("--zones", required=True, type=Path, help="zones.yaml of the venue")
    parser.add_argument("--learned", type=Path, help="learned.yaml written by `edgehub calibrate`")
    parser.add_argument(
        "--down",
        action="append",
        default=[],
        type=Outage.parse,
        metavar="RECEIVER[@T0-T1]",
        help="leave this receiver out, all the time or from T0 to T1 s, and tell presence so",
    )
    parser.add_argument("--distance", action="store_true", help="also estimate distances")
    parser.add_argument("--out", required=True, type=Path, help="file to write")


@dataclass(frozen=True, slots=True)
class Outage:
    """A receiver that does not hear for a time, s of the recording."""

    receiver: str
    begin: float = float("-inf")
    end: float = float("inf")

    @classmethod
    def parse(cls, text: str) -> "Outage":
        """Read ``RECEIVER``, or ``RECEIVER@T0-T1``."""
        name, at, times = text.rpartition("@")
        if not at:
            return cls(text)
        begin, dash, end = times.partition("-")
        try:
            outage = cls(name, float(begin), float(end))
        except ValueError:
            dash = ""
        if not dash or not name or not outage.begin < outage.end:  # nor with nan
            raise argparse.ArgumentTypeError(f"{text!r} is not RECEIVER or RECEIVER@T0-T1, like pi-bar@600-1200")
        return outage


def run(args: argparse.Namespace) -> int:
    """Replay; 2 when an input cannot be used."""
    from edgehub.config import ConfigError, load_venue
    from edgehub.core.presence import Distances, Model, Presence, Survey
    from edgehub.tools.calibrate import learned_survey
    from edgehub.tools.output import refuse_inputs, replacing
    from edgehub.tools.recording import Notes, RecordingError, use_recordings

    notes = Notes()
    try:
        refuse_inputs(args.out, [*args.recordings, args.zones, *([args.learned] if args.learned else [])])
        venue = load_venue(args.zones)
        survey = None if args.learned is None else Survey.from_dict(learned_survey(args.learned))
        model = Model.of(venue, survey, ())

        def replay(heard: "Iterable[Heard]") -> None:
            with replacing(args.out) as out:
                write(decide(heard, Presence(model), args.down, Distances() if args.distance else None), out)
                check_outages(args.down, notes.receivers | venue_receivers(venue))

        use_recordings(args.recordings, replay, notes)
    except (ConfigError, RecordingError, ValueError, OSError) as error:
        print(f"edgehub replay: {error}", file=sys.stderr)
        return 2
    return 0


def venue_receivers(venue: "Venue") -> set[str]:
    """Every receiver that a zone names."""
    return {receiver for zone in venue.zones.values() for receiver in zone.heard_by}


def check_outages(outages: Iterable[Outage], receivers: set[str]) -> None:
    """Raise ValueError when a receiver that is to be left out is not there at all."""
    for outage in outages:
        if outage.receiver not in receivers:
            known = ", ".join(sorted(receivers)) or "none"
            raise ValueError(f"--down {outage.receiver}: there is no such receiver; there are: {known}")


Line = dict[str, object]
AFTERWARDS_S = 3600.0  # longer than any leave time: after the last line of a recording everybody leaves


def write(lines: Iterable[Line], out: TextIO) -> None:
    """Write lines as JSON."""
    out.writelines(json.dumps(line) + "\n" for line in lines)


def decide(
    heard: "Iterable[Heard]", presence: "Presence", outages: Iterable[Outage] = (), distances: "Distances | None" = None
) -> Iterator[Line]:
    """Feed a recording to presence as a gateway would; yield the lines of the output, the stays last."""
    health, stays, t = Health(presence, outages), Stays(), 0.0
    for t, receiver, beacon, rssi_dbm in heard:
        if t >= health.due:
            health.advance(t)
        deadline = presence.next_deadline()
        if deadline is not None and deadline <= t:
            yield from stays.take(presence.advance(t))
        if receiver in health.down:
            continue
        if transitions := presence.hear(beacon, receiver, rssi_dbm, t):
            yield from stays.take(transitions)
        if distances is not None and (estimate := distances.hear(beacon, receiver, rssi_dbm, t)):
            yield {"t": t, "beacon": beacon, "receiver": receiver, **estimate._asdict()}
    yield from stays.take(presence.advance(t + AFTERWARDS_S))
    yield from stays.close(t)


class Health:
    """Takes receivers down and up again as the command line says."""

    def __init__(self, presence: "Presence", outages: Iterable[Outage]) -> None:
        self._presence = presence
        changes = [(o.begin, o.receiver, False) for o in outages] + [(o.end, o.receiver, True) for o in outages]
        self._changes = sorted(changes, reverse=True)
        self.down: set[str] = set()
        self.due = float("-inf")

    def advance(self, now: float) -> None:
        """Make the changes that are due."""
        while self._changes and self._changes[-1][0] <= now:
            _, receiver, healthy = self._changes.pop()
            (self.down.discard if healthy else self.down.add)(receiver)
            self._presence.set_receiver(receiver, healthy, now)
        self.due = self._changes[-1][0] if self._changes else float("inf")


class Stays:
    """Turns transitions into lines: moves at once, stays kept for the end."""

    def __init__(self) -> None:
        self._open: dict[str, Entered] = {}
        self._closed: list[Line] = []
        self._said: dict[str, float] = {}

    def take(self, transitions: "Iterable[Transition]") -> Iterator[Line]:
        """Note what happened; yield its live lines."""
        from edgehub.core.presence import Entered, Left, Moved

        for event in transitions:
            match event:
                case Moved(badge, zone, at):
                    # One beacon's lines have times of their own, so that sorting by time keeps their order.
                    self._said[badge] = at = max(at, self._said.get(badge, at - 1.0) + 0.001)
                    yield {"t": round(at, 3), "beacon": badge, "zone": zone}
                case Entered(badge):
                    self._open[badge] = event
                case Left(badge, until=until):
                    self._keep(self._open.pop(badge), until)

    def close(self, now: float) -> list[Line]:
        """All stays in time order; those still open (nobody could hear them leave) end now."""
        for entered in list(self._open.values()):
            self._keep(entered, now)
        return sorted(self._closed, key=lambda stay: (stay["t_in"], stay["beacon"]))

    def _keep(self, entered: "Entered", until: float) -> None:
        if until > entered.since:
            times = {"t_in": round(entered.since, 3), "t_out": round(until, 3)}
            self._closed.append({"beacon": entered.badge, "zone": entered.zone, **times})
