"""The rows of a bench: printed for a person, written as JSON for a machine, judged for a script."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

Cell = float | int | str | None


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure beside its floor and its peer."""

    id: str
    """Of the design files: SPD1, ACC3."""
    name: str
    value: Cell
    unit: str
    floor: str
    """What the value must keep, in words a person reads: "≤ 15 %"."""
    peer: str = ""
    """Who it is measured against, and that one's figure."""
    ratio: float | None = None
    """How many times better than the peer; below 1 is worse."""
    ok: bool | None = None
    """True or False against the floor; None when this row is for information or could not be measured here."""


def report(rows: Iterable[Row], json_path: str | Path | None = None, **context: object) -> int:
    """Print the rows as an aligned table and write them with `context` as JSON; 1 when any row misses its floor, else 0."""
    rows = list(rows)
    _print_table(rows)
    if json_path is not None:
        document = {**context, "rows": [asdict(row) for row in rows]}
        Path(json_path).write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    missed = [row for row in rows if row.ok is False]
    print(
        f"\n{len(rows)} rows, {len(missed)} below their floor{': ' if missed else ''}{', '.join(r.id for r in missed)}"
    )
    return 1 if missed else 0


HEADER = ("id", "figure", "value", "unit", "floor", "peer", "ratio", "ok")


def _print_table(rows: Sequence[Row]) -> None:
    lines = [HEADER, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    for line in lines:
        print("  ".join(_aligned(cell, widths[i], right=i in {2, 6}) for i, cell in enumerate(line)).rstrip())


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.ratio is None else f"{row.ratio:.3g}x"
    verdict = {True: "yes", False: "NO", None: "-"}[row.ok]
    return (row.id, row.name, _number(row.value), row.unit, row.floor, row.peer, ratio, verdict)


def _number(value: Cell) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _aligned(cell: str, width: int, *, right: bool) -> str:
    return cell.rjust(width) if right else cell.ljust(width)
