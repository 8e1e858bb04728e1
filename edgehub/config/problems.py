"""What is wrong with a staff file, where, and what to do about it."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from edgehub.core.data import dataclass


class Mark(NamedTuple):
    """A place in a file; line and column count from 1, columns in characters."""

    line: int
    column: int


START = Mark(1, 1)

_SHOWN = 160
"""Most characters of a line that a message shows."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, said once. Printed as ``file:line:column: message``, the line, a caret under the word, the hint."""

    file: str
    mark: Mark
    message: str
    hint: str = ""
    source: str = ""
    """The line as written; empty where it may hold a secret or a guest's data."""
    severity: Literal["error", "warning"] = "error"
    unquoted: str = ""
    """The message without a guest's data, where ``message`` quotes some."""

    @property
    def for_log(self) -> str:
        """The same for logs, which outlive the event: nothing of a guest is in it."""
        head = f"{self.file}:{self.mark.line}:{self.mark.column}: "
        return head + self.unquoted if self.unquoted else str(self)

    def __str__(self) -> str:
        head = f"{self.file}:{self.mark.line}:{self.mark.column}: {self.message}"
        return "\n".join([head, *self._pointer(), *([f"  → {self.hint}"] if self.hint else [])])

    def _pointer(self) -> list[str]:
        if not self.source.strip():
            return []
        # JSON may be one line of 40 KB: only what stands around the word is shown.
        start = max(0, self.mark.column - 1 - _SHOWN // 2) if len(self.source) > _SHOWN else 0
        shown = self.source[start : start + _SHOWN]
        # A tab before the word is kept, so that the caret stands under it in any terminal.
        before = shown[: self.mark.column - 1 - start]
        blank = "".join("\t" if character == "\t" else " " for character in before)
        return [f"    {shown}", f"    {blank}^"]

    def to_dict(self) -> dict[str, str | int]:
        """The same for programs: file, line, column, severity, message, hint."""
        return {
            "file": self.file,
            "line": self.mark.line,
            "column": self.mark.column,
            "severity": self.severity,
            "message": self.message,
            "hint": self.hint,
        }


class ConfigError(Exception):
    """The configuration cannot be used; ``problems`` holds every mistake found, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class Mistake(Exception):  # noqa: N818 - it is a staff member's mistake, not an error of the program
    """A value that cannot be read, on its way to the page that turns it into a Problem."""

    def __init__(self, mark: Mark, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.mark = mark
        self.message = message
        self.hint = hint


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return the hint that names the closest known word, or ``otherwise`` when none is close."""
    import difflib  # only mistakes need it, and imports of the gateway are counted (SPD9)

    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1)
    return f'Did you mean "{by_lower[near[0]]}"?' if near else otherwise
