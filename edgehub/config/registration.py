"""registration.csv: the guests as the ticket system lists them. Read by the hub, and by a gateway without one.

Columns ``badge,first_name,colour,bands,consent`` in any order; bands and consent are separated by ``;``. Other
columns are read only by a hub whose data_layer.yaml asks for them: what edgehub does not hold, it cannot lose.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from edgehub.config.page import read_text
from edgehub.config.problems import START, ConfigError, Mark, Mistake, Problem, did_you_mean
from edgehub.core.badge import canonical_badge
from edgehub.core.data import dataclass
from edgehub.core.profile import CONSENT_PURPOSES, shared_set
from edgehub.core.venue import BadgeScheme

FILE: Final = "registration.csv"
COLUMNS: Final = ("badge", "first_name", "colour", "bands", "consent")


class Registrant(NamedTuple):
    """One guest's line."""

    line: int
    badge: str
    """Badge key."""
    first_name: str | None = None
    colour: str | None = None
    """"#rrggbb", lower case."""
    bands: tuple[str, ...] = ()
    consent: frozenset[str] = frozenset()
    more: Mapping[str, str] = MappingProxyType({})
    """Other columns that were asked for, as written."""


@dataclass(frozen=True, slots=True)
class Registration:
    """The guests of a registration file, in its order, and what was wrong with some of its lines.

    A line whose badge cannot be read, or was taken before, is left out. Any other mistake leaves out one value and
    keeps the guest. These are warnings: one bad line must not keep four hundred guests out. They never
    show a line, and ``Problem.for_log`` shows no value either: they are a guest's data.
    """

    rows: tuple[Registrant, ...] = ()
    problems: tuple[Problem, ...] = ()
    unread: int = 0
    """Lines with a badge that cannot be read. Each may be that of a guest who seems to be missing."""

    def __iter__(self) -> Iterator[Registrant]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def read_registration(
    path: Path | str,
    scheme: BadgeScheme,
    markers: Mapping[str, str] = MappingProxyType({}),
    more: Collection[str] = (),
) -> Registration:
    """Return the guests of a registration file.

    ``markers``: badge key → marker, which no guest can wear. ``more``: other columns to be read, in lower case.

    Raises:
        ConfigError: no line of it can be used: it is missing, not text, or has no column ``badge``.
    """
    reader = _Reader(Path(path), scheme, markers, more)
    try:
        rows = tuple(reader.rows(read_text(Path(path))))
    except Mistake as mistake:
        problem = Problem(Path(path).name, mistake.mark, mistake.message, mistake.hint)
        raise ConfigError([problem]) from mistake
    return Registration(rows, tuple(reader.problems), reader.unread)


class _Reader:
    """One look at the file: the badges taken so far, and the problems found."""

    def __init__(self, path: Path, scheme: BadgeScheme, markers: Mapping[str, str], more: Collection[str]) -> None:
        self.path = path
        self.scheme = scheme
        self.markers = markers
        self.more = more
        self.problems: list[Problem] = []
        self.taken: dict[str, int] = {}
        self.unread = 0

    def rows(self, text: str) -> Iterator[Registrant]:
        import csv

        table = csv.reader(text.splitlines(keepends=True), strict=True)
        try:
            header = self._header(next(table, []), text)
            for cells in table:
                if any(cell.strip() for cell in cells):
                    yield from self._row(table.line_num, dict(zip(header, cells, strict=False)), cells)
        except csv.Error:
            hint = 'A quote inside a quoted text is written twice: "Jo ""the voice"" Park".'
            raise Mistake(Mark(table.line_num, 1), "the quotes of this line do not match", hint) from None

    def _header(self, cells: list[str], text: str) -> list[str]:
        header = [cell.strip().lower() for cell in cells]
        if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
            hint = f"Save it as CSV with commas; the first line is {','.join(COLUMNS)}"
            raise Mistake(START, "the columns of this file are not separated by commas", hint)
        if "badge" not in header:
            message = "this file is empty" if not text.strip() else 'there is no column "badge"'
            raise Mistake(START, message, f"The first line is {','.join(COLUMNS)}")
        for position, name in enumerate(header):
            self._misspelt(name, header, Mark(1, sum(len(cell) + 1 for cell in cells[:position]) + 1))
        return header

    def _misspelt(self, name: str, header: list[str], mark: Mark) -> None:
        absent = [column for column in COLUMNS if column not in header]
        if name not in COLUMNS and name not in self.more and (hint := did_you_mean(name, absent)):
            self._report(mark, f'the column "{name}" is not read', hint)

    def _row(self, line: int, values: dict[str, str], cells: list[str]) -> Iterator[Registrant]:
        if len(cells) < len(values) or None in values:
            return
        values = {name: value.strip() for name, value in values.items()}
        written = values.get("badge", "")
        badge = canonical_badge(written, self.scheme) if written else None
        if badge is None:
            self._no_badge(line, written)
        elif badge in self.markers:
            marker = f'is the marker "{self.markers[badge]}"'
            hint = "The guest is left out. Give them another badge."
            self._report(Mark(line, 1), f"badge {written} {marker}", hint, f"this badge {marker}")
        elif badge in self.taken:
            taken = f"is already that of line {self.taken[badge]}"
            hint = "The guest is left out. One badge is worn by one guest."
            self._report(Mark(line, 1), f"badge {written} {taken}", hint, f"this badge {taken}")
        else:
            self.taken[badge] = line
            yield self._registrant(line, badge, values)

    def _no_badge(self, line: int, written: str) -> None:
        self.unread += bool(written)
        hint = "The guest is left out. Write the number printed on the badge."
        if not written:
            self._report(Mark(line, 1), "there is no badge in this line", hint)
        else:
            unquoted = f"what stands under badge names no badge of this venue. {hint}"
            self._report(Mark(line, 1), f'"{written}" names no badge of this venue', hint, unquoted)

    def _registrant(self, line: int, badge: str, values: dict[str, str]) -> Registrant:
        return Registrant(
            line=line,
            badge=badge,
            first_name=values.get("first_name") or None,
            colour=self._colour(line, values.get("colour", "")),
            bands=tuple(_parts(values.get("bands", ""))),
            consent=shared_set(frozenset(self._consent(line, values.get("consent", "")))),
            more={name: values[name] for name in self.more if values.get(name)},
        )

    def _colour(self, line: int, text: str) -> str | None:
        from edgehub.config.colours import CSS, colour  # with a list of guests only: their names are many

        found = colour(text)
        if text and found is None:
            hint = did_you_mean(text, CSS, "Write a CSS name like teal, or #rrggbb.")
            unquoted = "what stands under colour is none: a CSS name like teal, or #rrggbb; the guest has none now"
            self._report(Mark(line, 1), f'"{text}" is not a colour; the guest has none now', hint, unquoted)
        return found

    def _consent(self, line: int, text: str) -> Iterator[str]:
        for purpose in map(str.lower, _parts(text)):
            if purpose in CONSENT_PURPOSES:
                yield purpose
            else:
                known = sorted(CONSENT_PURPOSES)
                usable = f"You can use: {', '.join(known)}."
                hint = did_you_mean(purpose, known, usable)
                unquoted = f"a word under consent is nothing a guest can agree to; taken as no. {usable}"
                message = f'"{purpose}" is nothing a guest can agree to; taken as no'
                self._report(Mark(line, 1), message, hint, unquoted)

    def _report(self, mark: Mark, message: str, hint: str, unquoted: str = "") -> None:
        problem = Problem(self.path.name, mark, message, hint, severity="warning", unquoted=unquoted)
        self.problems.append(problem)


def _parts(text: str) -> Iterable[str]:
    return (part.strip() for part in text.split(";") if part.strip())
