"""Figures of an attribute: from the things that are counted to the one value."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from edgehub.hub.definition import Definition, Told


class Thing(NamedTuple):
    """What is counted: a visit, or the part of it in a period, or a fact."""

    at_us: int
    until_us: int
    what: tuple[Any, ...]
    """The zone, or the values of the variable."""
    length_us: int
    began: bool = True
    """False for the rest of a visit that began in the period before."""


def measured(definition: Definition, things: Sequence[Thing]) -> Any:
    """The one figure, text or list. Lengths are in s, moments in µs since 1970."""
    begun = [one for one in things if one.began]
    match definition.kind:
        case "count":
            return len(begun) if definition.within_s is None else _densest(begun, definition.within_s)
        case "total stay":
            return sum(one.length_us for one in things) / 1e6
        case "longest":
            return max((one.length_us for one in things), default=0) / 1e6
        case "first":
            return _shown(definition, begun[0], begun[0].at_us) if begun else None
        case "last":
            last = max(reversed(things), key=lambda one: one.until_us, default=None)
            return None if last is None else _shown(definition, last, last.until_us)
        case "set":
            found = {_spelt(what): what for one in things for what in one.what}
            return tuple(found[spelt] for spelt in sorted(found))
        case "most frequent":
            return _commonest(what for one in begun for what in one.what)
        case "score":
            return sum(_worth(definition.points, what) for one in begun for what in one.what)
        case "timeline":
            return tuple((one.at_us, *one.what) for one in begun[-definition.most :])


def _densest(things: Sequence[Thing], within_s: float) -> int:
    """The most that began within any stretch of this length."""
    most = first = 0
    for last, one in enumerate(things):
        while one.at_us - things[first].at_us > within_s * 1e6:
            first += 1
        most = max(most, last - first + 1)
    return most


def _shown(definition: Definition, thing: Thing, at_us: int) -> Any:
    """What of a first or last thing is the value: the variable that was asked for, else when it was."""
    variable = definition.of.variable if isinstance(definition.of, Told) else None
    return at_us if variable is None else next(iter(thing.what), None)


def _commonest(values: Iterable[Any]) -> Any:
    """What there is most of; of several, the first in order."""
    found: dict[str, Any] = {}
    counted: Counter[str] = Counter()
    for value in values:
        spelt = _spelt(value)
        found.setdefault(spelt, value)
        counted[spelt] += 1
    return found[min(counted, key=lambda spelt: (-counted[spelt], spelt))] if counted else None


_JSON: Final = json.JSONEncoder(sort_keys=True)


def _spelt(value: Any) -> str:
    """Something to compare values of any type by."""
    return f'"{value}' if isinstance(value, str) else _JSON.encode(value)


def _worth(points: Mapping[str, float], value: Any) -> float:
    if points:
        return points.get(str(value), 0)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 1
