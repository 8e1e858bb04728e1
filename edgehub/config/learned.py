"""learned.yaml: what edgehub found out by itself. Written by machines, kept in the state folder, never staff's work."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from edgehub.config import yaml
from edgehub.config.nodes import plain
from edgehub.config.problems import START, ConfigError, Mark, Mistake, Problem
from edgehub.core.data import dataclass
from edgehub.durable import replace_file

FILE: Final = "learned.yaml"
VERSION: Final = 1
_HEAD: Final = "# Written by edgehub; staff settings belong into zones.yaml. Delete this file to begin learning anew.\n"


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned, as plain data; each part belongs to the module that wrote it."""

    survey: Mapping[str, Any] | None = None
    """How zones sound, from ``edgehub calibrate``."""
    plan: Mapping[str, Any] | None = None
    """Where zones lie on the floor plan."""
    bridges: Mapping[str, Any] = field(default_factory=dict)
    """Last seen of each Hue bridge, by nickname: ``{rooms: [...], scenes: [...]}``; a room missing here is a warning."""


def load_learned(path: Path | str) -> Learned:
    """Return what was learned; nothing when the file is not there. ``path``: the file, or the folder it is in.

    Raises:
        ConfigError: the file was damaged.
    """
    path = Path(path)
    path = path / FILE if path.is_dir() else path
    if not path.exists():
        return Learned()
    try:
        return _learned(plain(yaml.parse_own(path.read_text("utf-8"))))
    except Mistake as mistake:
        raise ConfigError([_damaged(path, mistake.mark, mistake.message)]) from mistake
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([_damaged(path, START, f"this file cannot be read ({error})")]) from error


def save_learned(path: Path | str, learned: Learned) -> None:
    """Write what was learned, whole or not at all: a power cut leaves the old file or the new one."""
    path = Path(path)
    path = path / FILE if path.is_dir() else path
    parts = {"survey": learned.survey, "plan": learned.plan, "bridges": learned.bridges}
    data = {"version": VERSION, **{name: part for name, part in parts.items() if part}}
    replace_file(path, _HEAD + yaml.dump(data))


def _learned(data: Any) -> Learned:
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise Mistake(START, f"this file does not begin with version: {VERSION}")
    parts = {name: data.get(name) for name in ("survey", "plan", "bridges")}
    for name, part in parts.items():
        if part is not None and not isinstance(part, dict):
            raise Mistake(START, f'"{name}" is damaged')
    return Learned(parts["survey"], parts["plan"], parts["bridges"] or {})


def _damaged(path: Path, mark: Mark, message: str) -> Problem:
    return Problem(path.name, mark, message, f"Move {path} away, and run edgehub calibrate again.")
