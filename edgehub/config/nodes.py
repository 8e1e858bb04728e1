"""A YAML file as a tree of nodes that remember where they stand; every scalar is still text."""

import re
from collections.abc import Mapping
from typing import Any

from edgehub.config.problems import Mark
from edgehub.core.data import dataclass


@dataclass(frozen=True, slots=True)
class Scalar:
    """One word, number or text. What it means is decided by whoever reads it: that is how ``off`` stays text."""

    text: str
    mark: Mark
    quoted: bool = False
    tag: str | None = None
    """"!secret" or None."""

    @property
    def empty(self) -> bool:
        """True for a key with nothing behind it."""
        return not self.quoted and self.tag is None and self.text in {"", "~", "null"}


@dataclass(frozen=True, slots=True)
class Listing:
    """``[a, b]`` or lines that begin with a dash."""

    items: tuple["Node", ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Table:
    """``{a: 1}`` or lines of ``a: 1``. Keys are unique: the second of two is reported and left out."""

    entries: Mapping[str, tuple[Scalar, "Node"]]
    mark: Mark


Node = Scalar | Listing | Table

# YAML 1.2's core schema, as far as our own dumper writes it: `1e3`, `0x10`, `0o7`, `.5` and `12:30` stay text.
_INTEGER = r"[-+]?(0|[1-9][0-9]*)"
_FLOAT = r"[-+]?[0-9]+\.[0-9]*([eE][-+][0-9]+)?"
_WORDS: Mapping[str, Any] = {
    "true": True,
    "false": False,
    "null": None,
    "~": None,
    "": None,
    ".inf": float("inf"),
    "-.inf": float("-inf"),
    ".nan": float("nan"),
}


def find(node: Node, *path: str) -> Node | None:
    """Return the node at a path of names, None when nothing is written there."""
    for name in path:
        if not isinstance(node, Table) or name not in node.entries:
            return None
        node = node.entries[name][1]
    return node


def plain(node: Node) -> Any:
    """Return the node as Python data, for files no field description speaks of (learned.yaml)."""
    match node:
        case Table(entries):
            return {_value(key): plain(value) for key, value in entries.values()}
        case Listing(items):
            return [plain(item) for item in items]
        case Scalar():
            return _value(node)


def _value(scalar: Scalar) -> Any:
    if scalar.quoted:
        return scalar.text
    if scalar.text in _WORDS:
        return _WORDS[scalar.text]
    if re.fullmatch(_INTEGER, scalar.text):
        return int(scalar.text)
    if re.fullmatch(_FLOAT, scalar.text):
        return float(scalar.text)
    return scalar.text
