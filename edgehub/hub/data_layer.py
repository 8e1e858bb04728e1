"""The data layer: a record in a vendor's words → official names, types and identifiers of a guest.

Nothing is dropped in silence: a field that nobody mapped is listed by its name, a value that is not what its variable
says is refused with the reason. Neither the list nor the reason holds a value, for both end on a screen.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgehub.config.data_layer import DataLayerSettings, Source, Variable
from edgehub.core.venue import BadgeScheme
from edgehub.hub.fact import BADGE, Identifier, content_hash
from edgehub.hub.values import MOST_TEXT, Refused, normalised, typed

MOST_DEPTH = 8
"""Of objects within objects, as on the wire."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A field whose value is not what its variable says; never the value itself."""

    field: str
    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A record, as far as it could be read."""

    ids: tuple[Identifier, ...] = ()
    """The strongest first."""
    values: Mapping[str, Any] = field(default_factory=dict)
    unmapped: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()


class DataLayer:
    """Reads records of the sources that `data_layer.yaml` describes.

    Args:
        settings: of that file.
        scheme: what counts as a badge here.
    """

    def __init__(self, settings: DataLayerSettings, scheme: BadgeScheme) -> None:
        self.settings = settings
        self.scheme = scheme
        self._strength = {kind.kind: place for place, kind in enumerate(settings.kinds)}

    def read(self, source: str, raw: Mapping[str, Any]) -> Reading:
        """Read one record of a source; never raises on what is in it. KeyError when there is no such source."""
        described = self.settings.sources[source]
        values: dict[str, Any] = {}
        ids: list[Identifier] = []
        unmapped: list[str] = []
        refused: list[Refusal] = []
        for told, value in flattened(raw):
            name = described.fields.get(told)
            if name is None:
                if not _ignored(described, told):
                    unmapped.append(told)
                continue
            try:
                self._take(self.settings.variables[name], value, values, ids)
            except Refused as error:
                refused.append(Refusal(told, str(error)))
        return Reading(tuple(sorted(set(ids), key=self._rank)), values, tuple(unmapped), tuple(refused))

    def event(self, source: str, written: str) -> str | None:
        """The official name of a tracked event; None for one that nobody mapped."""
        return self.settings.sources[source].events.get(written)

    def fresh_for_s(self, name: str) -> float | None:
        """After how long a value is unknown again; None for one that stays."""
        variable = self.settings.variables.get(name)
        return None if variable is None else variable.fresh_for_s

    def _rank(self, identifier: Identifier) -> tuple[int, Identifier]:
        return self._strength.get(identifier.kind, len(self._strength)), identifier

    def _take(self, variable: Variable, raw: Any, values: dict[str, Any], ids: list[Identifier]) -> None:
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            return  # a vendor's way to say nothing; an empty list says that there is none
        value = normalised(variable.normalise, typed(variable.type, raw, self.scheme))
        if variable.identifies is not None:
            ids.append(Identifier(variable.identifies, str(value)))
        elif variable.type == "badge":
            ids.append(Identifier(BADGE, value))
        values[variable.name] = value


def flattened(raw: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Fields of a record with the names of objects within objects joined by dots; lists stay whole."""
    yield from _flattened(raw, "", MOST_DEPTH)


def _flattened(raw: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in raw.items():
        if isinstance(value, Mapping) and depth > 1:
            yield from _flattened(value, f"{prefix}{name}.", depth - 1)
        else:
            yield f"{prefix}{name}", value


def _ignored(source: Source, field: str) -> bool:
    return any(
        field == pattern or (pattern.endswith(".*") and field.startswith(pattern[:-1])) for pattern in source.ignore
    )


def record_key(raw: Mapping[str, Any], field: str | None) -> str:
    """What tells a record from others of its source: its key field, else all that is in it."""
    if field is not None:
        named = dict(flattened(raw)).get(field)
        if named not in (None, ""):
            return str(named)[:MOST_TEXT]
    text = json.dumps(raw, sort_keys=True, ensure_ascii=False, default=str)
    return content_hash(text.encode()).hex()
