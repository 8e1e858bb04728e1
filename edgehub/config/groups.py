# ruff: noqa: D102 - Kind says once what every read and schema does
"""What values are made of: groups of settings, lists, and tables whose names the staff choose."""

from collections.abc import Iterator, Mapping
from typing import Any

from edgehub.config.fields import Entry, Field, Kind
from edgehub.config.nodes import Listing, Node, Scalar, Table
from edgehub.config.page import Page
from edgehub.config.problems import START, Mistake, did_you_mean


class Group:
    """Settings with fixed names. Reads to a dict: set ones, defaults for unset ones, and nothing for mistaken ones.

    A mistaken value is reported and left out, so that what depends on it is not reported as well.
    """

    def __init__(self, fields: Mapping[str, Field]) -> None:
        self.fields = fields

    def read(self, entry: Entry, page: Page) -> dict[str, Any]:
        table = _table(entry, page)
        unset = ((name, field) for name, field in self.fields.items() if name not in table.entries)
        values = {name: field.default for name, field in unset if not field.required}
        for key, node in table.entries.values():
            if key.text in self.fields:
                child = Entry(key.text, key.mark, node, (*entry.path, key.text))
                _read_into(values, key.text, self.fields[key.text].kind, child, page)
        self._report_names(entry, table, page)
        return values

    def _report_names(self, entry: Entry, table: Table, page: Page) -> None:
        if len(table.entries) > 1 and not self.fields.keys() & table.entries.keys():
            page.report(self._misplaced(entry))  # one cause, not a message for each of its lines
            return
        missing = [n for n, field in self.fields.items() if field.required and n not in table.entries]
        for key, node in table.entries.values():
            if key.text not in self.fields:
                mistake, meant = self._unknown(entry, key, node, page)
                page.report(mistake)
                missing = [name for name in missing if name != meant]  # one cause, one message
        for name in missing:
            page.report(self._missing(entry, name, page))

    def _misplaced(self, entry: Entry) -> Mistake:
        hint = f"Is it indented as it should be? You can use: {', '.join(self.fields)}."
        return Mistake(entry.at, f'nothing below "{entry.name}" is a setting of it', hint)

    def _unknown(self, entry: Entry, key: Scalar, node: Node, page: Page) -> tuple[Mistake, str | None]:
        first, _, rest = key.text.partition(" ")
        if rest and first in self.fields and isinstance(node, Scalar) and node.empty:
            return Mistake(key.mark, f'a ":" is missing after "{first}"', f"Write {first}: {rest}"), first
        absent = [name for name in self.fields if name != key.text]
        hint = did_you_mean(key.text, absent, f"You can use: {', '.join(self.fields)}.")
        meant = next((name for name in absent if hint == f'Did you mean "{name}"?'), None)
        where = " → ".join(entry.path) or page.path.name
        return Mistake(key.mark, f'"{key.text}" is not a setting of {where}', hint), meant

    def _missing(self, entry: Entry, name: str, page: Page) -> Mistake:
        example = f"{name}: {_inline(self.fields[name].example)}"
        if not entry.path:
            return Mistake(START, f'{page.path.name} has no "{name}"', f"Add a line, for example: {example}")
        return Mistake(entry.at, f'"{entry.name}" has no "{name}"', f"Add a line below it, for example: {example}")

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: _field_schema(field) for name, field in self.fields.items()},
        }
        if required := [name for name, field in self.fields.items() if field.required]:
            schema["required"] = required
        return schema


class ListOf:
    """Several values of one kind, each once, in the order written; it may be empty where ``least`` is 0."""

    def __init__(self, kind: Kind, least: int = 0) -> None:
        self.kind = kind
        self.least = least

    def read(self, entry: Entry, page: Page) -> tuple[Any, ...]:
        match entry.node:
            case Listing(items, mark):
                values = tuple(self._values(entry, items, page))
                if len(items) < self.least:
                    raise Mistake(mark, f'"{entry.name}" is empty', "Write at least one between the brackets.")
                return values
            case Scalar() as scalar if not scalar.empty:
                hint = f"Put it in square brackets: {entry.name}: [{scalar.text}]"
                if scalar.text.startswith("-"):
                    hint = 'Put a space after each "-".'
                raise Mistake(scalar.mark, f'"{entry.name}" is a list', hint)
            case Scalar(mark=mark):
                raise page.lost_to_comment(mark) or Mistake(
                    entry.at, f'"{entry.name}" is empty', f"For none write {entry.name}: []"
                )
            case Table(_, mark):
                raise Mistake(mark, f'"{entry.name}" is a list', "Write its members between square brackets.")

    def _values(self, entry: Entry, items: tuple[Node, ...], page: Page) -> Iterator[Any]:
        seen: set[Any] = set()
        for node in items:
            child = Entry(entry.name, node.mark, node, entry.path)
            try:
                value = self.kind.read(child, page)
            except Mistake as mistake:
                page.report(mistake)
                continue
            if value in seen:
                page.report(Mistake(node.mark, f'"{value}" is in this list twice', "Keep one of them."))
            else:
                seen.add(value)
                yield value

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.kind.schema(), "uniqueItems": True, "minItems": self.least}


class MapOf:
    """Things with names the staff choose: ``zones:``, ``markers:``, ``hue:``. Reads to a dict by name."""

    def __init__(self, kind: Kind, thing: str, pattern: str = "[a-z0-9][a-z0-9_-]{0,62}", least: int = 0) -> None:
        # thing: what one of them is called in a message, "a zone".
        # pattern: of their names, which go into MQTT topics, file names and web addresses.
        self.kind = kind
        self.thing = thing
        self.pattern = pattern
        self.least = least

    def read(self, entry: Entry, page: Page) -> dict[str, Any]:
        values: dict[str, Any] = {}
        table = _table(entry, page, allow_empty=self.least == 0)
        for key, node in table.entries.values():
            if self._well_named(key, page):
                child = Entry(key.text, key.mark, node, (*entry.path, key.text))
                _read_into(values, key.text, self.kind, child, page)
        if len(table.entries) < self.least:
            raise Mistake(entry.at, f'"{entry.name}" is empty', f"Describe at least one {self.thing} below it.")
        return values

    def _well_named(self, key: Scalar, page: Page) -> bool:
        import re

        if re.fullmatch(self.pattern, key.text):
            return True
        better = re.sub(r"[^a-z0-9_-]+", "-", key.text.lower()).strip("-")
        hint = (
            f"Use lower-case letters, digits, - and _ only{f': {better}' if better else ''}. Its name may be any text."
        )
        page.report(Mistake(key.mark, f'"{key.text}" cannot stand for {self.thing} in messages', hint))
        return False

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^{self.pattern}$"},
            "additionalProperties": self.kind.schema(),
            "minProperties": self.least,
        }


def _read_into(values: dict[str, Any], name: str, kind: Kind, entry: Entry, page: Page) -> None:
    try:
        values[name] = kind.read(entry, page)
    except Mistake as mistake:
        page.report(mistake)


def _table(entry: Entry, page: Page, *, allow_empty: bool = False) -> Table:
    match entry.node:
        case Table() as table:
            return table
        case Scalar() as scalar if scalar.empty and allow_empty:
            return Table({}, scalar.mark)
        case Scalar() as scalar if scalar.empty:
            raise page.lost_to_comment(scalar.mark) or Mistake(
                entry.at, f'"{entry.name}" is empty', "Write its settings below it, two spaces further in."
            )
        case node:
            hint = "Write its settings below it, each as a name, a colon and a value."
            raise Mistake(node.mark, f'"{entry.name}" is a group of settings', hint)


def _field_schema(field: Field) -> dict[str, Any]:
    schema = {**field.kind.schema(), "description": field.doc, "examples": [field.example]}
    # A default that staff would write otherwise (90.0 for 90s) is said in the description instead.
    return {**schema, "default": field.default} if isinstance(field.default, str | bool) else schema


def _inline(example: Any) -> str:
    """An example as staff would write it on one line."""
    match example:
        case dict():
            return "{" + ", ".join(f"{key}: {_inline(value)}" for key, value in example.items()) + "}"
        case list():
            return "[" + ", ".join(map(_inline, example)) + "]"
        case bool():
            return str(example).lower()
        case _:
            return str(example)
