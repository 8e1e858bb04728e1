"""One file being read: its lines, its tree, and the mistakes found in it so far."""

import re
from collections.abc import Callable
from pathlib import Path

from edgehub.config import yaml
from edgehub.config.nodes import Node, Scalar, Table, find
from edgehub.config.problems import START, ConfigError, Mark, Mistake, Problem

# Two hundred zones fill about 40 KB.
MAX_BYTES = 1_000_000


class Page:
    """A staff file. Mistakes are collected, never raised, so that one look finds them all.

    ``private`` files (secrets, guests) never show their lines in a message: messages end up in logs.
    """

    def __init__(self, path: Path, *, private: bool = False, secret: Callable[[Scalar], str] | None = None) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self.secret = secret
        """Finds what ``!secret NAME`` stands for, or raises Mistake; None where the file may not use secrets."""
        self.root: Table | None = None
        self._private = private
        self._lines: list[str] = []

    @property
    def broken(self) -> bool:
        """True when a mistake was found, warnings aside."""
        return any(problem.severity == "error" for problem in self.problems)

    def tree(self) -> Table | None:
        """Read the file; None, and a mistake reported, when there is nothing to go on with."""
        try:
            text = read_text(self.path)
            self._lines = text.splitlines()
            node, repeated = yaml.parse(text)
            for mistake in repeated:
                self.report(mistake)
            self.root = _top(node)
        except Mistake as mistake:
            self.report(mistake)
        return self.root

    def report(self, mistake: Mistake) -> None:
        """Add a mistake."""
        self.problems.append(self._problem(mistake.mark, mistake.message, mistake.hint))

    def warn(self, mark: Mark, message: str, hint: str = "") -> None:
        """Add something that works, but hardly as it was meant."""
        problem = self._problem(mark, message, hint)
        self.problems.append(Problem(problem.file, mark, message, hint, problem.source, "warning"))

    def raise_mistakes(self) -> None:
        """Raise ConfigError unless the file is fine, warnings aside."""
        if self.broken:
            raise ConfigError(self.problems)

    def mark(self, *path: str) -> Mark:
        """Where the value at a path of names stands; the start of the file when nothing is written there."""
        node = None if self.root is None else find(self.root, *path)
        return START if node is None else node.mark

    def written(self, *path: str) -> str:
        """The value at a path of names, as written; empty when it is not a single value."""
        node = None if self.root is None else find(self.root, *path)
        return node.text if isinstance(node, Scalar) else ""

    def lost_to_comment(self, mark: Mark) -> Mistake | None:
        """Return the mistake of a value that begins with #, and so is a comment and no value."""
        line = self.source(mark)
        found = re.compile(r"[\s:]*\s(#\S.*?)\s*(?:\s#.*)?$").match(line, mark.column - 1)
        if found is None:
            return None
        from edgehub.config.diagnosis import swallowed  # only mistakes need it

        return swallowed(Mark(mark.line, found.start(1) + 1), found[1])

    def source(self, mark: Mark) -> str:
        """The line as written."""
        return self._lines[mark.line - 1] if 0 < mark.line <= len(self._lines) else ""

    def _problem(self, mark: Mark, message: str, hint: str) -> Problem:
        return Problem(self.path.name, mark, message, hint, "" if self._private else self.source(mark))


def read_text(path: Path) -> str:
    """Return the text of a file, whatever editor wrote it: a byte order mark and Windows line ends are dropped.

    Raises:
        Mistake: it is missing, unreadable, too large, or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise Mistake(START, f"there is no such file in {path.parent}", "Was it moved, or is --config wrong?") from None
    except OSError as error:
        raise Mistake(START, f"this file cannot be read ({error.strerror})", "Mend its owner and rights.") from None
    if len(data) > MAX_BYTES:
        raise Mistake(START, "this file is larger than any configuration", "Is it the right file?")
    return _decoded(data)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        mark = Mark(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        hint = 'Save the file with the encoding "UTF-8".'
        raise Mistake(mark, "a character here is not written in UTF-8", hint) from None


def _top(node: Node) -> Table:
    match node:
        case Table():
            return node
        case Scalar() if node.empty:
            raise Mistake(START, "this file is empty", "Was it saved? An example comes with edgehub, in config/.")
        case _:
            raise Mistake(node.mark, "this file has no settings", 'A setting is a name, a ":", and a value.')
