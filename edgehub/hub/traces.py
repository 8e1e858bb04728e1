"""Traces of a guest in texts that nobody could read as data: a message set aside, a row that was rejected. Pure."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from edgehub.hub.fact import PERSON, Identifier

SHORTEST: Final = 3
"""Characters: what is shorter is in every text."""


@dataclass(frozen=True)  # no slots: it remembers its pattern
class Traces:
    """What gives a guest away."""

    names: frozenset[Identifier]
    texts: frozenset[str] = frozenset()
    """Other values of theirs, such as a first name."""

    def to_json(self) -> str:
        """As the store keeps it for a while."""
        return json.dumps([[str(one) for one in sorted(self.names)], sorted(self.texts)])

    @classmethod
    def of_all(cls, kept: Iterable[str]) -> "Traces":
        """Of several guests, from what `to_json` wrote."""
        both = [json.loads(one) for one in kept]
        names = frozenset(Identifier.parse(name) for names, _ in both for name in names)
        return cls(names, frozenset(text for _, texts in both for text in texts))

    def are_in(self, text: str) -> bool:
        """Whether a text holds one of the names or values, as a word of its own and in any spelling of capitals."""
        return self._pattern is not None and self._pattern.search(text) is not None

    @cached_property
    def needles(self) -> tuple[bytes, ...]:
        """Names that are found nowhere but where the guest is meant: no bare numbers, nor ids that tombstones keep."""
        values = {one.value for one in self.names if one.kind != PERSON}
        return tuple(value.encode() for value in values if len(value) > SHORTEST and not value.isdigit())

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        values = {one.value for one in self.names} | self.texts
        forms = {form for value in values if len(value) >= SHORTEST for form in _spellings(value)}
        return re.compile(rf"(?<!\w)(?:{'|'.join(sorted(forms))})(?!\w)", re.IGNORECASE) if forms else None


def _spellings(value: str) -> Iterable[str]:
    """As patterns: as it is, as JSON writes it, and a number with zeros before it."""
    if value.isdigit():
        return [f"0*{value}"]
    return [re.escape(value), *(re.escape(json.dumps(case)[1:-1]) for case in (value, value.lower(), value.upper()))]
