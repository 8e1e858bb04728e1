"""What may come through an HTTP door: each shape reads a value strictly, and describes itself to OpenAPI.

One definition for both, so that the document cannot promise what the reader does not do.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from edgehub.core.wire.fields import MAX_INTEGER


class Unfit(ValueError):  # noqa: N818  # says what it is
    """A value is not what the door takes; names the place, never the value."""


class Shape(Protocol):
    """What a value may be."""

    def read(self, value: Any, name: str) -> Any:
        """Return the value, or raise Unfit; ``name`` is what the message calls it."""
        ...

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A text of so many characters, of a certain form if there is a pattern."""

    most: int = 200
    least: int = 1
    pattern: str | None = None
    format: str | None = None

    def read(self, value: Any, name: str) -> str:
        """Return the text."""
        if not isinstance(value, str):
            raise Unfit(f"{name} is not text")
        if not self.least <= len(value) <= self.most:
            raise Unfit(f"{name} has {len(value)} characters, not {self.least} to {self.most}")
        if self.pattern is not None and not re.search(self.pattern, value):
            raise Unfit(f"{name} is not written as it must be")
        if "\0" in value:
            raise Unfit(f"{name} has a character that no text has")
        return value

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        made: dict[str, Any] = {"type": "string", "minLength": self.least, "maxLength": self.most}
        return made | {key: value for key, value in (("pattern", self.pattern), ("format", self.format)) if value}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]

    def read(self, value: Any, name: str) -> str:
        """Return the word."""
        if not isinstance(value, str) or value not in self.words:
            raise Unfit(f"{name} is not one of: {', '.join(self.words)}")
        return value

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Number:
    """A number within bounds; ``whole`` ones have no fraction."""

    least: float = -MAX_INTEGER
    most: float = MAX_INTEGER
    whole: bool = False

    def read(self, value: Any, name: str) -> float:
        """Return the number."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            raise Unfit(f"{name} is not a {'whole ' if self.whole else ''}number")
        if not self.least <= value <= self.most:
            raise Unfit(f"{name} is not from {self.least:g} to {self.most:g}")
        return value

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        return {"type": "integer" if self.whole else "number", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def read(self, value: Any, name: str) -> bool:
        """Return it."""
        if not isinstance(value, bool):
            raise Unfit(f"{name} is neither true nor false")
        return value

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Anything:
    """An object whose fields are somebody else's business: the data layer reads them."""

    def read(self, value: Any, name: str) -> Mapping[str, Any]:
        """Return the object."""
        if not isinstance(value, dict):
            raise Unfit(f"{name} is not an object")
        return value

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        return {"type": "object"}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list. ``one_by_one`` leaves its items unread, so that one that is unfit does not spoil the others."""

    item: Shape
    most: int
    least: int = 1
    one_by_one: bool = False

    def read(self, value: Any, name: str) -> Sequence[Any]:
        """Return the items."""
        if not isinstance(value, list):
            raise Unfit(f"{name} is not a list")
        if not self.least <= len(value) <= self.most:
            raise Unfit(f"{name} has {len(value)} items, not {self.least} to {self.most}")
        if self.one_by_one:
            return value
        return [self.item.read(item, f"{name}[{place}]") for place, item in enumerate(value)]

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        return {"type": "array", "items": self.item.schema(), "minItems": self.least, "maxItems": self.most}


@dataclass(frozen=True, slots=True)
class Part:
    """A field of a record."""

    shape: Shape
    about: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """An object with known fields. Fields beyond them are kept (``open``) or ignored: a version can grow."""

    parts: Mapping[str, Part]
    open: bool = False
    title: str = field(default="", kw_only=True)
    """Set for a record that the document names once and refers to."""
    one_of: tuple[str, ...] = field(default=(), kw_only=True)
    """At least one of these fields must be there."""

    def read(self, value: Any, name: str) -> dict[str, Any]:
        """Return the fields that are there; one that is null is not."""
        if not isinstance(value, dict):
            raise Unfit(f"{name} is not an object")
        made = dict(value) if self.open else {}
        for key, part in self.parts.items():
            found = value.get(key)
            if found is not None:
                made[key] = part.shape.read(found, key)
            elif part.required:
                raise Unfit(f"{key} is missing")
            else:
                made.pop(key, None)
        if self.one_of and not any(key in made for key in self.one_of):
            raise Unfit(f"{' or '.join(self.one_of)} is missing")
        return made

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema, or a reference to it."""
        return {"$ref": f"#/components/schemas/{self.title}"} if self.title else self.definition()

    def definition(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        parts = {key: _described(part) for key, part in self.parts.items()}
        made: dict[str, Any] = {"type": "object", "properties": parts}
        if required := [key for key, part in self.parts.items() if part.required]:
            made["required"] = required
        if self.one_of:
            made["anyOf"] = [
                {"required": [key], "properties": {key: self.parts[key].shape.schema()}} for key in self.one_of
            ]
        return made


def _described(part: Part) -> dict[str, Any]:
    """The schema of a field: null stands for absent where it may be."""
    schema = part.shape.schema()
    if not part.required:
        schema = {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "description": part.about}
