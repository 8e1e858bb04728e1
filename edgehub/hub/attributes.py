"""Attributes: what the hub counts of a guest, always from the whole log, so that late news change the past.

*Unknown is not false*: a count is 0 only when somebody who would know has spoken since the period began. An attribute
whose sources never spoke is `UNKNOWN`, and refuses to be taken for true or false.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from edgehub.hub.definition import Definition, Told, Visits
from edgehub.hub.fact import Fact
from edgehub.hub.measures import Thing, measured
from edgehub.hub.periods import Calendar, Period
from edgehub.hub.visits import CountedVisit


class Unknown:
    """What nobody told. There is one, `UNKNOWN`; it is neither true nor false."""

    __slots__ = ()

    def __bool__(self) -> bool:
        raise TypeError("unknown is neither true nor false: compare with `is UNKNOWN` first")

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, slots=True)
class Value:
    """Something known: what, as of when (µs since 1970), and who told last. ``None`` is known to be nothing."""

    value: Any
    at_us: int
    source: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a guest by period; a period that is not here is unknown."""

    per: Period
    current: str
    """The period it was folded in."""
    known: Mapping[str, Value]
    unit: str | None = None
    """Of the values, as `Definition.unit` says."""

    def value(self, label: str | None = None) -> Value | Unknown:
        """Of a period, such as "2026-11-23"; of the current one without a label."""
        return self.known.get(self.current if label is None else label, UNKNOWN)


class Voice(NamedTuple):
    """Who spoke of the guest, and when."""

    at_us: int
    source: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All there is about one guest that attributes are made from. Wall times in µs since 1970."""

    visits: Sequence[CountedVisit]
    facts: Mapping[str, Sequence[Fact]]
    """By type, in order of their time."""
    spoken: Mapping[str, Voice]
    """When each source spoke of the guest last."""
    seen: Voice | None
    """When the guest was seen last, whether that counts or not."""
    now_us: int

    @classmethod
    def gathered(cls, visits: Sequence[CountedVisit], facts: Iterable[Fact], now_us: int) -> "Evidence":
        """From visits, and facts in order of their time."""
        types: dict[str, list[Fact]] = {}
        spoken: dict[str, Voice] = {}
        for fact in facts:
            types.setdefault(fact.type, []).append(fact)
            spoken[fact.source] = Voice(fact.at_us, fact.source)
        seen = max((Voice(visit.end_us, visit.source) for visit in visits), default=None)
        return cls(visits, types, spoken, seen, now_us)


def evaluate(definition: Definition, evidence: Evidence, calendar: Calendar) -> Attribute:
    """Count one attribute, in every period in which something of it is known."""
    of, per = definition.of, definition.per
    things, voice, silent = (
        _visits(of, per, evidence, calendar) if isinstance(of, Visits) else _told(of, per, evidence, calendar)
    )
    current = calendar.label(per, evidence.now_us)
    known = {}
    for label in sorted({*calendar.labels(per), *things, current}):
        begin_us, end_us = calendar.span(per, label)
        heard = voice if voice is not None and voice.at_us >= begin_us else None
        if heard is None and silent:
            heard = Voice(min(evidence.now_us, end_us), "hub")
        if heard is not None and begin_us <= evidence.now_us:
            known[label] = Value(measured(definition, things.get(label, [])), heard.at_us, heard.source)
    return Attribute(per, current, known, definition.unit)


Things = dict[str, list[Thing]]


def _visits(of: Visits, per: Period, evidence: Evidence, calendar: Calendar) -> tuple[Things, Voice | None, bool]:
    """Visits by period. One is counted where it began; its time, where it was spent."""
    things: Things = {}
    for visit in evidence.visits:
        elsewhere = of.zones and visit.zone not in of.zones
        if elsewhere or not visit.counts or visit.length_us < of.each_of_s * 1e6:
            continue
        if per == "visit":
            things.clear()
        began = calendar.within(per, visit.begin_us)
        shares: dict[str, int] = {} if began is None else {began: 0}
        for begin_us, end_us in visit.pieces:
            for label, length_us in calendar.cut(per, begin_us, end_us):
                shares[label] = shares.get(label, 0) + length_us
        for label, length_us in shares.items():
            part = Thing(visit.begin_us, visit.end_us, (visit.zone,), length_us, label == began)
            things.setdefault(label, []).append(part)
    return things, evidence.seen, False


def _told(of: Told, per: Period, evidence: Evidence, calendar: Calendar) -> tuple[Things, Voice | None, bool]:
    """Facts by period."""
    things: Things = {}
    voices = [evidence.spoken[source] for source in of.told_by if source in evidence.spoken]
    fitting = [fact for fact in evidence.facts.get(of.type, ()) if _fits(of, fact)]
    for fact in fitting:
        if (label := calendar.within(per, fact.at_us)) is not None:
            things.setdefault(label, []).append(Thing(fact.at_us, fact.at_us, _what(of, fact), 0))
    voices += [Voice(fact.at_us, fact.source) for fact in fitting[-1:]]
    return things, max(voices, default=None), of.silence_is_none


def _fits(of: Told, fact: Fact) -> bool:
    return (
        (of.name is None or of.name == fact.name)
        and (of.variable is None or fact.values.get(of.variable) is not None)
        and (not of.where or all(fact.values.get(name) == value for name, value in of.where.items()))
    )


def _what(of: Told, fact: Fact) -> tuple[Any, ...]:
    if of.variable is None:
        return (fact.name or fact.type,)
    value = fact.values[of.variable]
    return tuple(value) if isinstance(value, list | tuple) else (value,)
