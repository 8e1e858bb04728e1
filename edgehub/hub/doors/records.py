"""A dropped file as records: CSV with a heading, JSON, or one JSON object a line."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_BYTES = 50_000_000
"""A CRM of 100,000 contacts fills half of it."""
ENDINGS = (".csv", ".json", ".jsonl")
DELIMITERS = ",;\t|"


class UnreadableFile(Exception):  # noqa: N818 - named for what it is
    """Nothing of a file can be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record, and where it stands; ``why`` is set instead of ``raw`` when it cannot be read."""

    line: int
    """From 1; for JSON the number of the record."""
    written: str
    """As it stands there, for a file of those to be mended."""
    raw: Mapping[str, Any] | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The records of a file, and what must stand above some of them to make a file of its own."""

    heading: str
    records: Sequence[Record]
    ending: str


def read_sheet(name: str, data: bytes) -> Sheet:
    """The records of a file. Raises UnreadableFile when none can be read."""
    text = _decoded(data)
    if name.endswith(".csv"):
        return _of_csv(text)
    records = _of_lines(text) if name.endswith(".jsonl") else _of_json(text)
    return Sheet("", list(records), ".jsonl")


def _decoded(data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise UnreadableFile(f"it is larger than {MOST_BYTES // 1_000_000} MB; drop it in parts")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UnreadableFile(f"line {line} is not written in UTF-8; save it as CSV UTF-8") from error


def _of_csv(text: str) -> Sheet:
    heading = text.partition("\n")[0].rstrip("\r")
    delimiter = max(DELIMITERS, key=heading.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [cell.strip() for cell in next(reader, [])]
    except csv.Error as error:
        raise UnreadableFile(f"its first line does not read as CSV ({error})") from error
    if not all(names) or not names or len(set(names)) < len(names):
        raise UnreadableFile("its first line must name each column once")
    return Sheet(heading, list(_rows(reader, names, text.splitlines(), delimiter)), ".csv")


def _rows(reader: Any, names: list[str], lines: Sequence[str], delimiter: str) -> Iterator[Record]:
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # Where a quote is left open nobody can say where the next row begins.
            why = f"does not read as CSV ({error}), nor does what follows it"
            yield Record(line, "\n".join(lines[line - 1 :]), None, why)
            return
        written = _row(cells, delimiter)
        if len(cells) > len(names):
            yield Record(line, written, None, f"it has {len(cells)} cells, and the first line {len(names)}")
        elif any(cell.strip() for cell in cells):
            yield Record(line, written, dict(zip(names, cells, strict=False)))


def _row(cells: Sequence[str], delimiter: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="").writerow(cells)
    return out.getvalue()


def _of_lines(text: str) -> Iterator[Record]:
    for line, written in enumerate(text.splitlines(), 1):
        if written.strip():
            try:
                yield _object(line, _parsed(written))
            except ValueError:
                yield Record(line, written, None, "it does not read as JSON")


def _of_json(text: str) -> Iterator[Record]:
    try:
        found = _parsed(text)
    except ValueError as error:
        raise UnreadableFile(f"it does not read as JSON ({error})") from error
    if isinstance(found, Mapping):  # a vendor's envelope: {"records": […], "total": 400}
        lists = [value for value in found.values() if isinstance(value, list)]
        found = lists[0] if len(lists) == 1 else [found]
    if not isinstance(found, list):
        raise UnreadableFile("it holds no list of records")
    return (_object(number, one) for number, one in enumerate(found, 1))


def _object(line: int, found: Any) -> Record:
    written = json.dumps(found, ensure_ascii=False)
    if isinstance(found, dict):
        return Record(line, written, found)
    return Record(line, written, None, "it is not an object with fields")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")
