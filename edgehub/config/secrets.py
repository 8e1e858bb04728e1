"""Where ``!secret NAME`` is looked up: systemd's credentials first, then secrets.yaml, readable by its owner alone."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edgehub.config.fields import Entry, Field, Text
from edgehub.config.groups import MapOf
from edgehub.config.nodes import Scalar
from edgehub.config.page import Page
from edgehub.config.problems import START, Mistake, Problem, did_you_mean

FILE: Final = "secrets.yaml"
NAME: Final = "[a-z][a-z0-9_]{0,62}"

SETTINGS = Field(
    MapOf(Text("a text", r"[^\r\n]+"), "a secret", NAME),
    "Passwords and PINs by name. The file must be readable by its owner alone (chmod 600 secrets.yaml).",
    {"staff_pin": "4711"},
)


class Secrets:
    """The secrets of one configuration folder; secrets.yaml is read only when something asks for it or it is there."""

    def __init__(self, directory: Path, credentials: Path | None = None) -> None:
        self._credentials = credentials
        self._page = Page(directory / FILE, private=True)
        self._values = self._read() if self._page.path.exists() else {}

    @classmethod
    def of(cls, directory: Path) -> "Secrets":
        """The secrets of a folder, and those systemd loaded for this service (LoadCredential=)."""
        loaded = os.environ.get("CREDENTIALS_DIRECTORY")
        return cls(directory, Path(loaded) if loaded else None)

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with secrets.yaml itself."""
        return self._page.problems

    def find(self, scalar: Scalar) -> str:
        """Return what ``!secret NAME`` stands for.

        Raises:
            Mistake: there is none of this name; the hint lists those there are.
        """
        name = scalar.text
        if (value := self._credential(name)) is not None:
            return value
        if name in self._values:
            return self._values[name]
        if self._page.broken:  # said already, and nothing starts before it is mended: any text will do until then
            return name
        raise Mistake(scalar.mark, f'there is no secret called "{name}"', self._hint(name))

    def _credential(self, name: str) -> str | None:
        import re

        if self._credentials is None or not re.fullmatch(NAME, name):  # no path may be built from anything else
            return None
        try:
            return (self._credentials / name).read_text("utf-8").rstrip("\r\n")
        except OSError:
            return None

    def _hint(self, name: str) -> str:
        if not self._values:
            return f'Add a line to {FILE}: {name}: "…"'
        listed = f"{FILE} has: {', '.join(sorted(self._values))}."
        return f"{listed} {did_you_mean(name, self._values)}".strip()

    def _read(self) -> Mapping[str, str]:
        try:
            _refuse_readable(self._page.path)
        except Mistake as mistake:
            self._page.report(mistake)
            return {}
        tree = self._page.tree()
        if tree is None:
            return {}
        values: dict[str, str] = SETTINGS.kind.read(Entry(FILE, START, tree), self._page)
        return values


def exposed(path: Path) -> str | None:
    """How others than its owner may use a file that holds a secret, like "mode 644"; None when they may not.

    Raises:
        OSError: it is not there, or in a folder that is closed to us.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    return f"mode {mode:03o}" if mode & 0o077 else None


def refuse_exposed(path: Path) -> None:
    """Do not use a file that holds a secret and is no secret.

    Raises:
        PermissionError: others than its owner may read it; says what to do.
        OSError: it is not there, or in a folder that is closed to us.
    """
    if mode := exposed(path):
        raise PermissionError(f"others on this machine may read {path} ({mode}); run: chmod 600 {path}")


def _refuse_readable(path: Path) -> None:
    try:
        mode = exposed(path)
    except OSError as error:  # deleted a moment ago, or in a folder that is closed to us
        raise Mistake(START, f"this file cannot be read ({error.strerror})", "Mend its owner and rights.") from None
    if mode is not None:
        raise Mistake(START, f"others on this machine may read this file ({mode})", f"Run: chmod 600 {path}")
