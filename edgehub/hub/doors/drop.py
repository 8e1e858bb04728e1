"""The file drop: a folder for each source; what is put there is read, reported on, and taken away.

``DROP/crm/contacts.csv`` is a file of the source `crm`. Once its facts are committed the file is removed, for what lies
about cannot be forgotten when a guest asks; rows that could not be taken wait in ``DROP/crm/rejected`` to be mended and
dropped again, and ``DROP/crm/reports`` says of every row what was wrong, by line and field, without a value.
The same file again changes nothing; a copy of a later date confirms what is known, and no purchase counts twice.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any

import structlog

from edgehub.config.data_layer import Source
from edgehub.hub.data_layer import DataLayer, Reading, flattened, record_key
from edgehub.hub.doors.records import ENDINGS, Record, UnreadableFile, read_sheet
from edgehub.hub.fact import Fact, Take
from edgehub.hub.store import StoreError
from edgehub.hub.traces import Traces
from edgehub.hub.values import Refused, typed

log = structlog.get_logger("edgehub.hub")

EVERY_S = 2.0
BATCH = 500
"""Facts of one commit: a file of 100,000 rows must not keep the gateways' events waiting."""
REJECTED = "rejected"
REPORTS = "reports"
MOST_TOLD = 1_000
"""Rows told one by one in a report; the rest is counted."""


@dataclass(slots=True)
class Report:
    """What became of a file. Nothing in it is a guest's data."""

    source: str
    file: str
    rows: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """new, again, conflict, forgotten, rejected."""
    problems: list[str] = field(default_factory=list)
    """One sentence a row: where and why."""
    unmapped: Counter[str] = field(default_factory=Counter)
    unreadable: str = ""

    def tell(self, line: int, why: str) -> None:
        """Something was wrong in a row."""
        self.problems.append(f"line {line}: {why}")

    def text(self) -> str:
        """For people."""
        if self.unreadable:
            return f"{self.file}: nothing was read: {self.unreadable}.\n"
        counts = ", ".join(
            f"{self.outcomes[what]} {what}" for what in ("new", "again", "conflict", "forgotten", "rejected")
        )
        lines = [f"{self.file}: {self.rows} rows of {self.source}: {counts}.", *self.problems[:MOST_TOLD]]
        if len(self.problems) > MOST_TOLD:
            lines.append(f"… and {len(self.problems) - MOST_TOLD} more like these.")
        lines += [f"nobody mapped the field {name} ({often} rows)" for name, often in self.unmapped.most_common()]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Row:
    """A record and the fact in it; without one it is rejected."""

    record: Record
    fact: Fact | None


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file as it was read."""

    path: Path
    report: Report
    heading: str
    ending: str
    rows: Sequence[Row]

    @property
    def facts(self) -> list[tuple[int, Fact]]:
        """What it tells, with the lines."""
        return [(row.record.line, row.fact) for row in self.rows if row.fact is not None]

    @property
    def rejected(self) -> str:
        """The rows that tell nothing, as a file of their own; empty when there are none."""
        lines = [row.record.written for row in self.rows if row.fact is None]
        return "\n".join([self.heading, *lines] if self.heading else lines) + "\n" if lines else ""


class Drop:
    """Watches the folders.

    Args:
        root: with one folder for each source of the door `file`; they are made when absent.
        layer: what the sources' fields mean.
        take: keeps facts.
        wall_us: the wall clock, µs since 1970.
        told: is given each report, and the unmapped fields in it.
    """

    def __init__(
        self,
        root: Path,
        layer: DataLayer,
        take: Take,
        *,
        wall_us: Callable[[], int],
        told: Callable[[Report], None] = lambda _: None,
    ) -> None:
        self._root = root
        self.layer = layer
        self._take = take
        self._wall_us = wall_us
        self._told = told
        self._seen: dict[Path, tuple[int, int]] = {}
        self._unreadable: dict[Path, str] = {}

    async def run(self) -> None:
        """Look again and again. Never returns."""
        while True:
            try:
                await self.look()
            except (OSError, StoreError) as error:
                log.error("drop.failing", why=str(error))  # noqa: TRY400  # a state, told in a sentence
            await asyncio.sleep(EVERY_S)

    async def look(self) -> list[Report]:
        """Read every file that did not change since the last look: who is still writing is given time."""
        found = [await self._look_at(source, path) for source, path in self._files()]
        return [report for report in found if report is not None]

    async def _look_at(self, source: Source, path: Path) -> Report | None:
        """Read a file that did not change since the last look; one that cannot be read keeps no other waiting."""
        try:
            # In a thread: a hundred thousand rows take seconds, and the gateways' events do not wait.
            dropped = await asyncio.to_thread(self._read_settled, source, path)
        except OSError as error:
            if self._unreadable.get(path) != error.strerror:
                self._unreadable[path] = str(error.strerror)
                log.error("drop.unreadable", source=source.id, why=error.strerror)  # noqa: TRY400  # a state, in a sentence
            return None
        if dropped is None:
            return None
        await self._keep(dropped)
        put_away(dropped)
        del self._seen[path]
        self._unreadable.pop(path, None)
        report = dropped.report
        self._told(report)
        log.info("drop.read", source=report.source, rows=report.rows, **report.outcomes)
        return report

    def forget(self, traces: Traces) -> None:
        """Take a guest's rows out of those that wait to be mended."""
        for source in self.layer.settings.sources.values():
            for path in sorted((self._root / source.id / REJECTED).glob("*")):
                self._take_out(source, path, traces)

    def _take_out(self, source: Source, path: Path, traces: Traces) -> None:
        def about(record: Record) -> bool:
            read = () if record.raw is None else self.layer.read(source.id, record.raw).ids
            return traces.are_in(record.written) or not traces.names.isdisjoint(read)

        text = path.read_text("utf-8", "replace")
        try:
            sheet = read_sheet(path.name.lower(), path.read_bytes())
            rest = [one.written for one in sheet.records if not about(one)]
            lines, whole = [sheet.heading, *rest] if sheet.heading and rest else rest, len(sheet.records)
        except UnreadableFile:
            rest = lines = [line for line in text.splitlines() if not traces.are_in(line)]
            whole = len(text.splitlines())
        if not lines:
            path.unlink()
        elif len(rest) < whole:
            _write(path, "\n".join(lines) + "\n")

    def _files(self) -> Iterator[tuple[Source, Path]]:
        for source in self.layer.settings.sources.values():
            if source.door == "file":
                folder = self._root / source.id
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                yield from ((source, path) for path in sorted(folder.iterdir()) if path.suffix.lower() in ENDINGS)

    def _read_settled(self, source: Source, path: Path) -> Dropped | None:
        """Read a file; None for one that changed since the last look. Raises OSError."""
        found = path.stat()
        state = found.st_mtime_ns, found.st_size
        before, self._seen[path] = self._seen.get(path), state
        return self._read(source, path, found.st_mtime_ns // 1000) if before == state else None

    def _read(self, source: Source, path: Path, told_us: int) -> Dropped:
        report = Report(source.id, path.name)
        try:
            sheet = read_sheet(path.name.lower(), path.read_bytes())
        except UnreadableFile as error:
            report.unreadable = str(error)
            return Dropped(path, report, "", path.suffix, ())
        rows = [self._row(source, record, told_us, report) for record in sheet.records]
        report.rows = len(rows)
        return Dropped(path, report, sheet.heading, sheet.ending, rows)

    async def _keep(self, dropped: Dropped) -> None:
        for batch in batches(dropped.facts, BATCH):
            outcomes = await self._take([fact for _, fact in batch])
            dropped.report.outcomes.update(outcomes)
            for (line, _), taken in zip(batch, outcomes, strict=True):
                if taken == "conflict":
                    dropped.report.tell(line, "another record with this key was told before, and stays")

    def _row(self, source: Source, record: Record, told_us: int, report: Report) -> Row:
        why = record.why
        if record.raw is not None:
            reading = self.layer.read(source.id, record.raw)
            report.unmapped.update(set(reading.unmapped) - {source.key, source.time})
            for refusal in reading.refused:
                report.tell(record.line, f"{refusal.field} {refusal.why}")
            try:
                return Row(record, self._fact(source, record, reading, told_us))
            except Refused as error:
                why = str(error)
        report.outcomes["rejected"] += 1
        report.tell(record.line, f"rejected: {why}")
        return Row(record, None)

    def _fact(self, source: Source, record: Record, reading: Reading, told_us: int) -> Fact:
        assert record.raw is not None
        if not reading.ids:
            raise Refused("it names no guest")
        at_us = self._when(source, record, told_us)
        key = record_key(record.raw, source.key)
        return Fact(
            source=source.id,
            # What is known of a guest is told again when it changed; what happened, happened once.
            key=key if source.rows else f"{key}@{at_us}",
            type="track" if source.rows else "identify",
            name=source.rows,
            at_us=at_us,
            received_us=self._wall_us(),
            ids=reading.ids,
            values=reading.values,
        )

    def _when(self, source: Source, record: Record, told_us: int) -> int:
        assert record.raw is not None
        written: Any = None if source.time is None else dict(flattened(record.raw)).get(source.time)
        if written in (None, ""):
            return told_us
        try:
            return int(typed("time", written, self.layer.scheme))
        except Refused as error:
            raise Refused(f"{source.time} {error}") from error


def batches(facts: Sequence[tuple[int, Fact]], size: int) -> Iterator[Sequence[tuple[int, Fact]]]:
    """Cut into parts of at most ``size``."""
    return (facts[start : start + size] for start in range(0, len(facts), size))


def put_away(dropped: Dropped) -> None:
    """Report, keep what was rejected, take the rest away.

    Only when all is committed: a hub killed before reads the file once more, which changes nothing.
    """
    path, folder = dropped.path, dropped.path.parent
    _write(_free(folder / REPORTS / f"{path.name}.txt"), dropped.report.text())
    if dropped.report.unreadable:
        path.replace(_free(folder / REJECTED / path.name))
        return
    if dropped.rejected:
        _write(_free(folder / REJECTED / f"{path.stem}{dropped.ending}"), dropped.rejected)
    path.unlink()


def _free(path: Path) -> Path:
    """The path, or one with a number, so that nothing that waits there is written over."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))
    return next(one for one in chain([path], numbered) if not one.exists())


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")
