"""Recordings and walks: what was heard, and where the person who wore the badge says they were."""

import gzip
import heapq
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple


class RecordingError(Exception):
    """A file cannot be used; the text says where and what to do."""


class Heard(NamedTuple):
    """One line of a recording: one packet at one receiver."""

    t: float
    receiver: str
    beacon: str
    rssi_dbm: float


@dataclass(frozen=True, slots=True)
class Walk:
    """A labelled piece of a recording: this badge was in this zone (None: between zones) from then to then."""

    beacon: str
    zone: str | None
    spot: str | None
    t_in: float
    t_out: float


def read_recordings(paths: Iterable[Path]) -> Iterator[Heard]:
    """Read recordings as one stream in time order; several files share one clock.

    Raises:
        RecordingError: a file is missing, is not gzip though named so, or a line is not an observation.
    """
    return heapq.merge(*(_read(path) for path in paths), key=lambda heard: heard[0])


def _read(path: Path) -> Iterator[Heard]:
    number, last, build = 0, float("-inf"), tuple.__new__
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):  # noqa: B007 - the message below wants the last number
                if line.isspace():
                    continue
                row = json.loads(line)
                t = row["t"]
                # A line that comes a little late is heard now: time never runs back.
                last = max(last, t)
                yield build(Heard, (last, row["receiver"], row["beacon"], row["rssi"] + 0.0))
    except OSError as error:
        raise RecordingError(
            f"{path}: {error.strerror or 'this is no gzip file; rename it to end in .jsonl'}"
        ) from error
    except (ValueError, KeyError, TypeError, EOFError) as error:
        raise RecordingError(
            f"{path}:{number}: not an observation ({type(error).__name__}: {error}). Every line must be JSON like "
            '{"t": 12.3, "receiver": "kitchen", "beacon": "1042", "rssi": -71}'
        ) from error


def read_walks(path: Path) -> list[Walk]:
    """Read the labels of a calibration walk.

    Raises:
        RecordingError: the file is missing or an entry is no walk.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise RecordingError(f"{path}: not JSON: {error}") from error
    if not isinstance(entries, list):
        raise RecordingError(f'{path}: a list of walks is needed: [{{"beacon", "zone", "t_in", "t_out"}}, …]')
    return [_walk(path, number, entry) for number, entry in enumerate(entries, 1)]


def _walk(path: Path, number: int, entry: Any) -> Walk:
    try:
        walk = Walk(entry["beacon"], entry["zone"], entry.get("spot"), float(entry["t_in"]), float(entry["t_out"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordingError(
            f"{path}: walk {number} ({type(error).__name__}: {error}). A walk is like "
            '{"beacon": "1042", "zone": "kitchen", "t_in": 10, "t_out": 70}; zone null means between zones'
        ) from error
    if walk.t_out <= walk.t_in:
        raise RecordingError(f"{path}: walk {number} ends at {walk.t_out} before it begins at {walk.t_in}")
    return walk
