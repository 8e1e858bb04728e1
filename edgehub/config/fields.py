# ruff: noqa: D102 - Kind says once what every read and schema does
"""What a single value may be: each kind reads a scalar strictly, and describes itself to JSON Schema.

Our own declarations rather than pydantic: importing pydantic costs a Pi as much as asyncio, bleak and yaml together
(82 ms of CPU and 7.7 MiB on a desktop), the floor for the gateway's imports is 1.3 times its six named packages (SPD9),
and every message here must name a line, a column and a remedy anyway.
"""

import re
from contextlib import suppress
from typing import Any, Protocol

from edgehub.config.nodes import Listing, Node, Scalar, Table
from edgehub.config.page import Page
from edgehub.config.problems import Mark, Mistake, did_you_mean
from edgehub.core.data import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A value on its way to being read: what messages call it, where its name stands, and what is written."""

    name: str
    at: Mark
    """Of the name."""
    node: Node
    path: tuple[str, ...] = ()
    """From the top of the file down to here, this name included."""


class Kind(Protocol):
    """What a value may be."""

    def read(self, entry: Entry, page: Page) -> Any:
        """Return the value, or raise Mistake."""

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the value."""


def one_value(entry: Entry, page: Page, what: str) -> Scalar:
    """Return the scalar of an entry that must be a single value, or raise Mistake. ``what`` names what is wanted."""
    match entry.node:
        case Listing(_, mark):
            raise Mistake(mark, f'"{entry.name}" is {what}, not a list', "Remove the square brackets or dashes.")
        case Table(_, mark):
            raise Mistake(mark, f'"{entry.name}" is {what}, not a group of settings')
        case Scalar() as scalar if scalar.empty:
            raise page.lost_to_comment(scalar.mark) or Mistake(
                entry.at, f'"{entry.name}" is empty', f"Write {what} behind it."
            )
        case Scalar(tag=str()) as scalar:
            raise Mistake(scalar.mark, f'"{entry.name}" is not a secret', "Write the value itself.")
        case Scalar() as scalar:
            return scalar


class Text:
    """Any text, or text of a certain form: ``off``, ``18:00`` and ``1.10`` stay as written."""

    def __init__(self, what: str = "a text", pattern: str = r"\S(.*\S)?", hint: str = "") -> None:
        self.what = what
        self.pattern = pattern
        self.hint = hint

    def read(self, entry: Entry, page: Page) -> str:
        scalar = one_value(entry, page, self.what)
        if not re.fullmatch(self.pattern, scalar.text):
            raise Mistake(scalar.mark, f'"{entry.name}" is {self.what} and "{scalar.text}" is not one', self.hint)
        return scalar.text

    def schema(self) -> dict[str, Any]:
        # `badge: 9001` is fine without quotes, though an editor takes it for a number.
        return {"type": ["string", "number"], "pattern": f"^({self.pattern})$"}


class Secret:
    """A password or PIN: only ``!secret NAME`` will do, so that this file can be shown to anybody."""

    def read(self, entry: Entry, page: Page) -> str:
        match entry.node:
            case Scalar(tag="!secret") as scalar if page.secret:
                return page.secret(scalar)
            case node:
                hint = f"Write {entry.name}: !secret {entry.name}  and put the value into secrets.yaml."
                raise Mistake(node.mark, f'"{entry.name}" must not be written in this file', hint)

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


class Number:
    """A whole number in a range."""

    def __init__(self, low: int, high: int) -> None:
        self.low = low
        self.high = high

    def read(self, entry: Entry, page: Page) -> int:
        what = f"a whole number from {self.low} to {self.high}"
        scalar = one_value(entry, page, what)
        if re.fullmatch("[0-9]{1,9}", scalar.text) and self.low <= int(scalar.text) <= self.high:
            return int(scalar.text)
        raise Mistake(scalar.mark, f'"{entry.name}" is {what} and "{scalar.text}" is not one')

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


class YesNo:
    """True or false, in these two words only: ``no`` and ``off`` mean too many things to too many programs."""

    def read(self, entry: Entry, page: Page) -> bool:
        scalar = one_value(entry, page, "true or false")
        if scalar.text in {"true", "false"} and not scalar.quoted:
            return scalar.text == "true"
        likely = {"yes": "true", "on": "true", "true": "true", "1": "true"}.get(scalar.text.lower(), "false")
        raise Mistake(
            scalar.mark, f'"{entry.name}" is true or false and "{scalar.text}" is neither', f"Did you mean {likely}?"
        )

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Choice:
    """One of a few words; each stands for a value of the program, by default for itself."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words

    def read(self, entry: Entry, page: Page) -> str:
        scalar = one_value(entry, page, "one of: " + ", ".join(self.words))
        if scalar.text in self.words:
            return scalar.text
        raise Mistake(
            scalar.mark, f'"{entry.name}" cannot be "{scalar.text}"', f"You can use: {', '.join(self.words)}."
        )

    def schema(self) -> dict[str, Any]:
        # An editor shows 5 as a number and "5" as text; both are fine here.
        numbers = [int(word) for word in self.words if word.isdecimal()]
        return {"enum": [*self.words, *numbers]}


_SECONDS = {"s": 1, "m": 60, "h": 3600}


class Duration:
    """A length of time with its unit, in s: ``90s``, ``6m``, ``1h``; ``after`` is what may have to follow it."""

    def __init__(self, after: str = "") -> None:
        self.after = after

    def read(self, entry: Entry, page: Page) -> float:
        scalar = one_value(entry, page, "a length of time")
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", scalar.text):
            n = scalar.text
            raise Mistake(
                scalar.mark,
                f'"{entry.name}" is {n} of what?',
                f"Write seconds, minutes or hours: {n}s{self.after}, {n}m{self.after} or {n}h{self.after}.",
            )
        if found := re.fullmatch(rf"([0-9]{{1,9}}(?:\.[0-9]{{1,9}})?) ?([smh]){self.after}", scalar.text):
            return float(found[1]) * _SECONDS[found[2]]
        example = f"24h{self.after}" if self.after else "20s, 6m or 1h"
        if found := re.fullmatch("([0-9]+) ?([smh])[a-z]+", scalar.text):
            example = f"{found[1]}{found[2]}{self.after}"
        message = f'"{entry.name}" is a length of time and "{scalar.text}" is not one'
        raise Mistake(scalar.mark, message, f"Write it like {example}.")

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": rf"^[0-9]+(\.[0-9]+)? ?[smh]{self.after}$"}


_BYTES = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "KB": 10**3, "MB": 10**6, "GB": 10**9}


class Size:
    """An amount of storage with its unit, in bytes: ``512 MiB``."""

    def __init__(self, low: int) -> None:
        self.low = low

    def read(self, entry: Entry, page: Page) -> int:
        scalar = one_value(entry, page, "an amount of storage")
        if re.fullmatch(r"[0-9]+", scalar.text):
            n = scalar.text
            raise Mistake(scalar.mark, f'"{entry.name}" is {n} of what?', f"Write it like {n} MiB or {n} GiB.")
        found = re.fullmatch(r"([0-9]{1,9}) ?([KMG]i?B)", scalar.text)
        if not found:
            message = f'"{entry.name}" is an amount of storage and "{scalar.text}" is not one'
            raise Mistake(scalar.mark, message, "Write it like 512 MiB or 2 GiB.")
        if (size := int(found[1]) * _BYTES[found[2]]) < self.low:
            raise Mistake(scalar.mark, f'"{entry.name}" is too small', f"Give it at least {self.low // 2**20} MiB.")
        return size

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[0-9]+ ?[KMG]i?B$"}


class TimeOfDay:
    """A time of day, as text: ``08:30``, with or without quotes."""

    def read(self, entry: Entry, page: Page) -> str:
        scalar = one_value(entry, page, "a time of day")
        if re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", scalar.text):
            return scalar.text
        hint = 'Write it like "20:00".'
        if found := re.fullmatch(r"([01]?[0-9]|2[0-3])[.:h]?([0-5][0-9])?", scalar.text):
            hint = f'Write it like "{int(found[1]):02}:{found[2] or "00"}".'
        raise Mistake(scalar.mark, f'"{scalar.text}" is not a time of day', hint)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}


class Day:
    """A day of the calendar, as text: ``2026-11-23``, with or without quotes."""

    def read(self, entry: Entry, page: Page) -> str:
        from datetime import date

        scalar = one_value(entry, page, "a day")
        try:
            if len(scalar.text) == len("2026-11-23"):
                return date.fromisoformat(scalar.text).isoformat()
        except ValueError:
            pass
        raise Mistake(scalar.mark, f'"{scalar.text}" is not a day', "Write year, month and day like 2026-11-23.")

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}


class TimeZone:
    """A time zone by its official name."""

    def read(self, entry: Entry, page: Page) -> str:
        import zoneinfo

        scalar = one_value(entry, page, "a time zone")
        with suppress(zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            return zoneinfo.ZoneInfo(scalar.text).key
        known = zoneinfo.available_timezones()  # slow on a Pi, so only for a mistake
        if not known:  # a machine without the tz database cannot judge
            return scalar.text
        hint = did_you_mean(scalar.text, known, "Write it like Europe/Amsterdam or America/Los_Angeles.")
        raise Mistake(scalar.mark, f'there is no time zone called "{scalar.text}"', hint)

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: what it may be, what it is for, an example, and whether it may be left out."""

    kind: Kind
    doc: str
    example: Any
    required: bool = False
    default: Any = None
