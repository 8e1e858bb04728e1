"""Recordings and walks: what was heard, and where the person who wore the badge says they were."""

import gzip
import heapq
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

BATCH = 1024  # lines parsed together


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


def read_recordings(paths: Sequence[Path]) -> Iterator[Heard]:
    """Read recordings as one stream in time order; several files share one clock.

    Raises:
        RecordingError: a file is missing, is not gzip though named so, or a line is not an observation.
    """
    files = [_read(path) for path in paths]
    return files[0] if len(files) == 1 else heapq.merge(*files, key=itemgetter(0))


def _read(path: Path) -> Iterator[Heard]:
    last, number = float("-inf"), 1
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            while lines := list(islice(file, BATCH)):
                for t, receiver, beacon, rssi_dbm in _observations(path, number, lines):
                    # A line that comes a little late is heard now: time never runs back.
                    if t > last:  # noqa: PLR1730 - a call of max() for every line is a tenth of reading
                        last = t
                    yield Heard(last, receiver, beacon, rssi_dbm)
                number += len(lines)
    except OSError as error:
        raise RecordingError(
            f"{path}: {error.strerror or 'this is no gzip file; rename it to end in .jsonl'}"
        ) from error
    except (EOFError, UnicodeDecodeError) as error:
        raise RecordingError(f"{path}: cut short or damaged after line {number - 1} ({error})") from error


def _observations(path: Path, number: int, lines: list[str]) -> list[tuple[float, str, str, float]]:
    """Parse lines, together because that is twice as fast, and one by one to say which of them is wrong."""
    try:
        rows = json.loads(f"[{','.join(lines)}]")
        return [(row["t"] + 0.0, row["receiver"], row["beacon"], row["rssi"] + 0.0) for row in rows]
    except (ValueError, KeyError, TypeError):
        return [_observation(path, number + k, line) for k, line in enumerate(lines) if not line.isspace()]


def _observation(path: Path, number: int, line: str) -> tuple[float, str, str, float]:
    try:
        row = json.loads(line)
        return (row["t"] + 0.0, row["receiver"], row["beacon"], row["rssi"] + 0.0)
    except (ValueError, KeyError, TypeError) as error:
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
