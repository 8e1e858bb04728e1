"""What a message may hold, said once: its reader, its writer and its published JSON Schema follow from the dataclass.

The annotation of each field is its shape. Plain types mean what the contract means by them (a ``str`` is 1 to 512
characters, an ``int`` is from 0 to 2^53), ``Annotated`` narrows or widens that, ``X | None`` may be left out or null,
and a field with a default may be left out::

    watermark: int
    nonce: Annotated[str, Text(16, 16, "[0-9a-f]{16}")]
    also: Annotated[tuple[Range, ...], Most(4096)] = ()

What JSON Schema makes of these is no business of a gateway: `edgehub.tools.json_schema` knows it.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType
from typing import Annotated, Any, ClassVar, NamedTuple, Protocol, Self, get_args, get_origin

from edgehub.core.data import dataclass
from edgehub.core.wire.fields import (
    MAX_INTEGER,
    MAX_MESSAGE,
    MAX_TEXT,
    WireError,
    a_boolean,
    a_number,
    a_text,
    an_array,
    an_integer,
    an_object,
    dump,
    read_object,
)


class Shape(Protocol):
    """What a value may be."""

    def read(self, value: Any, name: str) -> Any:
        """``value`` as we keep it, when it may be that; else WireError."""

    def write(self, value: Any) -> Any:
        """``value`` as JSON says it."""


@dataclass(frozen=True, slots=True)
class Text:
    """Text of so many characters, and of a form when there is a pattern."""

    least: int = 1
    most: int = MAX_TEXT
    pattern: str = ""
    """Of the whole text; the same to Python and to JavaScript."""

    def read(self, value: Any, name: str) -> str:  # noqa: D102 - see Shape, here and below
        if type(value) is not str or not self.least <= len(value) <= self.most:
            return a_text(value, name, least=self.least, most=self.most)
        if self.pattern and _form(self.pattern).fullmatch(value) is None:
            raise WireError(f"{name} is not of the form {self.pattern}")
        return value

    def write(self, value: str) -> str:  # noqa: D102
        return value


@cache  # quicker than asking `re`, which looks into its own cache at length
def _form(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer that JavaScript can hold."""

    least: int = 0

    def read(self, value: Any, name: str) -> int:  # noqa: D102
        if type(value) is int and self.least <= value <= MAX_INTEGER:
            return value
        return an_integer(value, name, least=self.least)

    def write(self, value: int) -> int:  # noqa: D102
        return value


class Number:
    """Any finite number."""

    def read(self, value: Any, name: str) -> float:  # noqa: D102
        return value if type(value) is float else a_number(value, name)

    def write(self, value: float) -> float:  # noqa: D102
        return value


class Boolean:
    """True or false."""

    def read(self, value: Any, name: str) -> bool:  # noqa: D102
        return a_boolean(value, name)

    def write(self, value: bool) -> bool:  # noqa: D102
        return value


class Free:
    """An object that may hold anything."""

    def read(self, value: Any, name: str) -> dict[str, Any]:  # noqa: D102
        return an_object(value, name)

    def write(self, value: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: D102
        return value


@dataclass(frozen=True, slots=True)
class Many:
    """So many of a kind, at most."""

    of: Shape
    most: int

    def read(self, value: Any, name: str) -> tuple[Any, ...]:  # noqa: D102
        read = self.of.read
        return tuple([read(item, name) for item in an_array(value, name, most=self.most)])

    def write(self, value: Any) -> list[Any]:  # noqa: D102
        return [self.of.write(item) for item in value]


class Row:
    """An array with a meaning at each place."""

    __slots__ = ("_reads", "of")

    def __init__(self, of: tuple[Shape, ...]) -> None:
        self.of = of
        self._reads = tuple(shape.read for shape in of)  # of levels thousands are read in a second

    def read(self, value: Any, name: str) -> tuple[Any, ...]:  # noqa: D102
        if type(value) is not list or len(value) != len(self.of):
            raise WireError(f"an entry of {name} is not an array of {len(self.of)}")
        return tuple([read(item, name) for read, item in zip(self._reads, value, strict=False)])

    def write(self, value: tuple[Any, ...]) -> list[Any]:  # noqa: D102
        return [shape.write(item) for shape, item in zip(self.of, value, strict=True)]


class Span:
    """[from, to] of sequences, both included."""

    row: ClassVar = Row((Integer(1), Integer(1)))

    def read(self, value: Any, name: str) -> tuple[int, int]:  # noqa: D102
        low, high = self.row.read(value, name)
        if low > high:
            raise WireError(f"a range in {name} ends before it begins")
        return low, high

    def write(self, value: tuple[int, int]) -> list[int]:  # noqa: D102
        return list(value)


Range = Annotated[tuple[int, int], Span()]


# --- how an annotation says more than its type


@dataclass(frozen=True, slots=True)
class Most:
    """So many entries, at most."""

    entries: int


@dataclass(frozen=True, slots=True)
class As:
    """What JSON calls it, where Python must not."""

    name: str


class Local:
    """Ours alone: not part of the message."""


class Inline:
    """The parts of this record stand among our own."""


class Rest:
    """Everything else in the message, unread."""


class Needed:
    """To be said, although we have a default."""


class Part(NamedTuple):
    """A field of a message."""

    name: str
    attribute: str
    shape: Shape
    needed: bool
    nullable: bool


class Record:
    """An object with named parts, made into a dataclass; what else it holds is ignored, so that a version can grow.

    Args:
        kind: the dataclass.
        parts: of the message.
        inline: records whose parts stand among these, by attribute.
        rest: the attribute that takes everything else.
    """

    __slots__ = ("_reads", "inline", "kind", "parts", "rest")

    def __init__(
        self, kind: Any, parts: tuple[Part, ...], inline: tuple[tuple[str, "Record"], ...], rest: str | None
    ) -> None:
        self.kind, self.parts, self.inline, self.rest = kind, parts, inline, rest
        # Of events thousands are read in a second.
        self._reads = tuple((name, attribute, shape.read, nullable) for name, attribute, shape, _, nullable in parts)

    def read(self, value: Any, name: str) -> Any:  # noqa: D102
        return self.kind(**self.values(an_object(value, name)))

    def values(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The parts by the names of our attributes, without those that are inline."""
        values: dict[str, Any] = {}
        for name, attribute, read, nullable in self._reads:
            if name in raw:
                value = raw[name]
                if value is not None or not nullable:
                    values[attribute] = read(value, name)
        if len(values) < len(self.parts):
            self._need(raw)
        if self.rest is not None:
            known = {part.name for part in self.parts}
            values[self.rest] = {name: value for name, value in raw.items() if name not in known}
        return values

    def _need(self, raw: Mapping[str, Any]) -> None:
        for part in self.parts:
            if part.needed and part.name not in raw:
                raise WireError(f"{part.name} is missing")

    def write(self, value: Any) -> dict[str, Any]:  # noqa: D102
        written: dict[str, Any] = {} if self.rest is None else dict(getattr(value, self.rest))
        for name, attribute, shape, _, _ in self.parts:
            part = getattr(value, attribute)
            if part is not None:  # what is not there is left out
                written[name] = shape.write(part)
        return written


_PLAIN: Mapping[Any, Shape] = {
    str: Text(),
    int: Integer(),
    float: Number(),
    bool: Boolean(),
    Mapping[str, Any]: Free(),
}
_MOST = 1000
"""Entries of an array that says nothing else."""


def shape_of(annotation: Any) -> Shape:
    """The shape that an annotation stands for."""
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if isinstance(annotation, type) and is_dataclass(annotation):
        return record_of(annotation)
    kinds = get_args(annotation)
    if get_origin(annotation) is not tuple:
        raise TypeError(f"{annotation} is nothing a message can hold")
    if kinds[-1] is Ellipsis:
        return Many(_part_shape(kinds[0]), _MOST)
    return Row(tuple(_part_shape(kind) for kind in kinds))


def _part_shape(annotation: Any, hints: tuple[Any, ...] = ()) -> Shape:
    if get_origin(annotation) is Annotated:
        return _part_shape(annotation.__origin__, annotation.__metadata__)
    for hint in hints:
        match hint:
            case Most(entries):
                return Many(_part_shape(get_args(annotation)[0]), entries)
            case As() | Needed():
                continue
            case _:
                return hint  # type: ignore[no-any-return]  # a shape
    return shape_of(annotation)


@cache
def record_of(kind: Any) -> Record:
    """How a dataclass travels."""
    parts: list[Part] = []
    inline: list[tuple[str, Record]] = []
    rest: str | None = None
    for field in fields(kind):
        annotation, hints, nullable = _taken_apart(field.type)
        match [hint for hint in hints if isinstance(hint, Local | Inline | Rest)]:
            case [Inline()]:
                inline.append((field.name, record_of(annotation)))
            case [Rest()]:
                rest = field.name
            case []:
                needed = field.default is MISSING or any(isinstance(hint, Needed) for hint in hints)
                name = next((hint.name for hint in hints if isinstance(hint, As)), field.name)
                parts.append(Part(name, field.name, _part_shape(annotation, hints), needed, nullable))
    return Record(kind, tuple(parts), tuple(inline), rest)


def _taken_apart(annotation: Any) -> tuple[Any, tuple[Any, ...], bool]:
    """Type, hints, and whether it may be None: ``Annotated[X, …]``, ``X | None`` or ``Annotated[X, …] | None``."""
    hints: tuple[Any, ...] = ()
    if get_origin(annotation) is Annotated:
        annotation, hints = annotation.__origin__, annotation.__metadata__
    kinds = get_args(annotation)
    if NoneType not in kinds:
        return annotation, hints, False
    inner, more, _ = _taken_apart(kinds[0])
    return inner, (*hints, *more), True


def write(value: Any) -> dict[str, Any]:
    """A record as JSON says it."""
    kind: Any = type(value)
    return record_of(kind).write(value)


def read(kind: Any, value: Any, name: str) -> Any:
    """``value`` as a record of this kind. Raises WireError."""
    return record_of(kind).read(value, name)


class Message:
    """A dataclass that travels on its own, as one JSON object."""

    __slots__ = ()
    LIMIT: ClassVar[int] = MAX_MESSAGE
    """Bytes."""

    def to_json(self) -> bytes:
        """As it is sent."""
        return dump(write(self))

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read what was sent. Raises WireError."""
        message: Self = read(cls, read_object(data, limit=cls.LIMIT), "the message")
        return message
