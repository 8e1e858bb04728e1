"""The ledger of stays: who was where, and for how long, with no minute counted twice.

Gateways report stays; after a takeover or an outage two of them may report one stay, or stays of one guest in two
zones that overlap. Stays of one guest in one zone that overlap or touch are one. Where stays in different zones
overlap, the later arrival has the time: somebody who walked into B has left A, and is back in A when B is over.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

TOUCH_US = 2_000_000
"""Stays at most this far apart touch: a takeover closes one and opens the next within a second or two."""
STALE_US = 120_000_000
"""An open stay is reported once a minute; unheard of for twice that, it counts no further."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A stay as a gateway reported it. Wall times in µs since 1970."""

    gateway: str
    visit: str
    person: str
    zone: str
    entered_us: int
    seen_us: int
    left_us: int | None
    start: int
    seq: int
    """With ``start``, where the report stands in the gateway's sequence: the later one is right."""

    @property
    def key(self) -> tuple[str, str]:
        """Which stay."""
        return self.gateway, self.visit

    def row(self) -> dict[str, Any]:
        """As the store keeps it."""
        return {name: getattr(self, name) for name in self.__slots__}

    def supersedes(self, other: "Stay") -> bool:
        """True when this was reported later."""
        return (self.start, self.seq) > (other.start, other.seq)

    def until(self, now_us: int) -> int:
        """When it ended, or up to when it counts so far."""
        if self.left_us is not None:
            return self.left_us
        return max(self.seen_us, min(now_us, self.seen_us + STALE_US))


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time in a zone."""

    zone: str
    begin_us: int
    end_us: int


def joined(intervals: Iterable[Interval]) -> list[Interval]:
    """Intervals of one zone, overlapping and touching ones made one; in order."""
    made: list[Interval] = []
    for one in sorted(intervals, key=lambda interval: interval.begin_us):
        if made and one.begin_us <= made[-1].end_us + TOUCH_US:
            made[-1] = Interval(one.zone, made[-1].begin_us, max(made[-1].end_us, one.end_us))
        else:
            made.append(one)
    return made


def reconciled(intervals: Iterable[Interval]) -> list[Interval]:
    """Intervals of one guest, cut so that no two overlap: at each moment the latest arrival has the time."""
    begun = sorted((one for one in intervals if one.begin_us < one.end_us), key=lambda one: one.begin_us)
    return [piece for group in _touching(begun) for piece in (group if len(group) == 1 else _cut(group))]


def _touching(begun: Iterable[Interval]) -> Iterator[list[Interval]]:
    """Groups of intervals that overlap or touch; most stays are alone."""
    group: list[Interval] = []
    end_us = 0
    for one in begun:
        if group and one.begin_us > end_us:
            yield group
            group = []
        group.append(one)
        end_us = one.end_us if len(group) == 1 else max(end_us, one.end_us)
    if group:
        yield group


def _cut(begun: Iterable[Interval]) -> list[Interval]:
    waiting = list(begun)[::-1]
    edges = sorted({edge for one in waiting for edge in (one.begin_us, one.end_us)})
    here: list[Interval] = []
    made: list[Interval] = []
    for begin, end in pairwise(edges):
        while waiting and waiting[-1].begin_us <= begin:
            here.append(waiting.pop())
        here = [one for one in here if end <= one.end_us]
        if here:
            zone = max(here, key=lambda one: (one.begin_us, -one.end_us, one.zone)).zone
            if made and made[-1].zone == zone and made[-1].end_us == begin:
                made[-1] = Interval(zone, made[-1].begin_us, end)
            else:
                made.append(Interval(zone, begin, end))
    return made


def beneath(trusted: Iterable[Interval], others: Iterable[Interval]) -> list[Interval]:
    """What is left of intervals told by somebody of less trust: where gateways saw the guest, theirs alone counts."""
    left = list(others)
    for one in trusted:
        left = [rest for other in left for rest in _without(other, one)]
    return sorted(left, key=lambda interval: interval.begin_us)


def _without(other: Interval, one: Interval) -> list[Interval]:
    before = Interval(other.zone, other.begin_us, min(other.end_us, one.begin_us))
    after = Interval(other.zone, max(other.begin_us, one.end_us), other.end_us)
    return [part for part in (before, after) if part.begin_us < part.end_us]


class Ledger:
    """Stays, by guest: all of those who are at the venue, and of nobody who has long gone."""

    def __init__(self, stays: Iterable[Stay] = ()) -> None:
        self._stays: dict[tuple[str, str], Stay] = {}
        self._people: dict[str, set[tuple[str, str]]] = {}
        for stay in stays:
            self.put(stay)

    def find(self, gateway: str, visit: str) -> Stay | None:
        """The stay as last reported."""
        return self._stays.get((gateway, visit))

    def put(self, stay: Stay) -> None:
        """Take a report."""
        self._stays[stay.key] = stay
        self._people.setdefault(stay.person, set()).add(stay.key)

    def __contains__(self, person: object) -> bool:
        return person in self._people

    def leave_out(self, before_us: int) -> None:
        """Let go of everybody who was in no zone since; the store knows them."""
        for person in [one for one in self._people if (self.last_us(one) or 0) < before_us]:
            self.forget(person)

    def forget(self, person: str) -> None:
        """Drop everything about a guest."""
        for key in self._people.pop(person, ()):
            del self._stays[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._people)

    def visits(self, person: str, now_us: int) -> list[Interval]:
        """The guest's visits, joined: as they are counted."""
        zones: dict[str, list[Interval]] = {}
        for key in self._people.get(person, ()):
            stay = self._stays[key]
            zones.setdefault(stay.zone, []).append(Interval(stay.zone, stay.entered_us, stay.until(now_us)))
        return [visit for intervals in zones.values() for visit in joined(intervals)]

    def dwell_s(self, person: str, now_us: int) -> Mapping[str, float]:
        """Zone → seconds the guest was in it."""
        totals: dict[str, float] = {}
        for one in reconciled(self.visits(person, now_us)):
            totals[one.zone] = totals.get(one.zone, 0.0) + (one.end_us - one.begin_us) / 1e6
        return totals

    def whereabouts(self, person: str, now_us: int) -> Stay | None:
        """The open stay the guest is in: the latest arrival, unless long unheard of."""
        stays = (self._stays[key] for key in self._people.get(person, ()))
        here = [stay for stay in stays if stay.left_us is None and now_us - stay.seen_us <= STALE_US]
        return max(here, key=lambda stay: stay.entered_us, default=None)

    def last_us(self, person: str) -> int | None:
        """When the guest was last in any zone; None before the first stay."""
        return max(
            (self._stays[key].left_us or self._stays[key].seen_us for key in self._people.get(person, ())), default=None
        )
