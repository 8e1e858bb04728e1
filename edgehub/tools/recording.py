"""Recordings and walks: what was heard, and where the person who wore the badge says they were."""

import gzip
import heapq
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import isfinite
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

Result = TypeVar("Result")
Row = tuple[float, str, str, float]

BATCH = 1024  # lines parsed together
LATE_S = 10.0  # no radio delivers later
SHOWN = 5  # bad lines that are shown in words


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


@dataclass(slots=True)
class Notes:
    """What reading noticed beside the observations."""

    receivers: set[str] = field(default_factory=set)
    skipped: list[str] = field(default_factory=list)
    """``FILE:LINE: what is wrong`` of every line that could not be used."""


class OutOfOrder(RecordingError):  # noqa: N818 - it says what the lines are
    """A line is later than the radio could be; reading must begin again and sort."""


def use_recordings(paths: Sequence[Path], use: Callable[[Iterator[Heard]], Result], notes: Notes) -> Result:
    """Let `use` read recordings, a second time and sorted when lines turn out to be far out of order.

    What was skipped or sorted is said on standard error: a bad line costs that line and nothing else.

    Raises:
        RecordingError: as `read_recordings`.
    """
    try:
        result = use(read_recordings(paths, notes))
    except OutOfOrder as error:
        print(f"warning: {error}; everything is sorted by time", file=sys.stderr)
        notes.skipped.clear()
        result = use(read_sorted(paths, notes))
    for line in notes.skipped[:SHOWN]:
        print(f"warning: {line}", file=sys.stderr)
    if notes.skipped:
        print(f"warning: skipped {len(notes.skipped)} bad line(s); all others were used", file=sys.stderr)
    return result


def read_recordings(paths: Sequence[Path], notes: Notes | None = None) -> Iterator[Heard]:
    """Read recordings as one stream in time order; several files share one clock.

    Raises:
        OutOfOrder: a line comes more than LATE_S after a later one.
        RecordingError: a file is missing, is not gzip though named so, or no line of it is an observation.
    """
    files = [_in_order(path, notes or Notes()) for path in paths]
    return files[0] if len(files) == 1 else heapq.merge(*files, key=itemgetter(0))


def read_sorted(paths: Sequence[Path], notes: Notes) -> Iterator[Heard]:
    """Read recordings whose lines are in no order; all of them are in memory meanwhile."""
    return iter(
        sorted((Heard(*row) for path in paths for _, rows in _read(path, notes) for row in rows), key=itemgetter(0))
    )


def _in_order(path: Path, notes: Notes) -> Iterator[Heard]:
    last = float("-inf")
    for number, rows in _read(path, notes):
        for t, receiver, beacon, rssi_dbm in rows:
            # A line that comes a little late is heard now: time never runs back.
            if t > last:
                last = t
            elif last - t > LATE_S:
                raise OutOfOrder(f"{path}: past line {number} a line is {last - t:.6g} s earlier than one before it")
            yield Heard(last, receiver, beacon, rssi_dbm)


def _read(path: Path, notes: Notes) -> Iterator[tuple[int, list[Row]]]:
    """Give the observations of a file in pieces, each with the number of lines before it."""
    number, good, skipped = 0, False, len(notes.skipped)
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            while lines := list(islice(file, BATCH)):
                rows = _observations(f"{path}", number, lines, notes)
                good = good or bool(rows)
                yield number, rows
                number += len(lines)
    except OSError as error:
        raise RecordingError(
            f"{path}: {error.strerror or 'this is no gzip file; rename it to end in .jsonl'}"
        ) from error
    except (EOFError, UnicodeDecodeError) as error:
        raise RecordingError(f"{path}: cut short or damaged after line {number} ({error})") from error
    if not good and len(notes.skipped) > skipped:
        raise RecordingError(notes.skipped[skipped])


def _observations(path: str, number: int, lines: list[str], notes: Notes) -> list[Row]:
    """Parse lines, together because that is twice as fast, and one by one where one of them is wrong."""
    try:
        found = json.loads(f"[{','.join(lines)}]", parse_constant=_refuse)
        rows = [(row["t"] + 0.0, row["receiver"], row["beacon"], row["rssi"] + 0.0) for row in found]
        times, receivers, beacons, levels = zip(*rows, strict=True)
        "".join(beacons + receivers)  # text, all of them
        sound = isfinite(sum(times)) and _sound(min(levels)) and _sound(max(levels))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        sound = False
    if sound:
        notes.receivers.update(receivers)
        return rows
    return list(_one_by_one(path, number, lines, notes))


def _one_by_one(path: str, number: int, lines: list[str], notes: Notes) -> Iterator[Row]:
    for line_number, line in enumerate(lines, number + 1):
        if line.isspace():
            continue
        try:
            row = _observation(line)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            notes.skipped.append(
                f"{path}:{line_number}: not an observation ({_reason(error)}). Every line must be JSON like "
                '{"t": 12.3, "receiver": "kitchen", "beacon": "1042", "rssi": -71}'
            )
        else:
            notes.receivers.add(row[1])
            yield row


def _observation(line: str) -> Row:
    row = json.loads(line, parse_constant=_refuse)
    if not isinstance(row, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one kind of error for all that a line may hold
    t, receiver, beacon, rssi_dbm = row["t"], row["receiver"], row["beacon"], row["rssi"]
    for name, value in (("receiver", receiver), ("beacon", beacon)):
        if not isinstance(value, str):
            raise ValueError(f"{name} is {json.dumps(value)}, not a text")  # noqa: TRY004
    for name, value in (("t", t), ("rssi", rssi_dbm)):
        if not isinstance(value, int | float) or not isfinite(value):
            raise ValueError(f"{name} is {json.dumps(value)}, not a number")
    if not _sound(rssi_dbm):
        raise ValueError(f"rssi is {rssi_dbm}, and a packet has from -128 to 127 dBm")
    return (t + 0.0, receiver, beacon, rssi_dbm + 0.0)


def _sound(rssi_dbm: float) -> bool:
    return -128 <= rssi_dbm <= 127


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _reason(error: Exception) -> str:
    match error:
        case json.JSONDecodeError():
            return f"not JSON: {error}"
        case KeyError():
            return f"it has no {error.args[0]}"
        case RecursionError():
            return "too deep"
        case _:
            return str(error)


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
