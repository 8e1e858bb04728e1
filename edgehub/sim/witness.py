"""A witness of the lamps: notes every change, and tells how long after walking in a guest saw their own colour."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edgehub.core.colour import GAMUTS, for_lamp
from edgehub.sim.bridge import LampState

SAME_XY = 0.004
"""Colours nearer than this are one: lamps get four digits."""


class Change(NamedTuple):
    """A lamp took a colour. Real time, s."""

    at: float
    lamp: str
    xy: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Entry:
    """A guest who agreed to lights walked into a room with lamps, and out again. Real time, s."""

    at: float
    until: float
    room: str
    colour: str
    """"#rrggbb"."""


class Witness:
    """Watches the lamps of an emulated bridge; `note` is one of its listeners."""

    def __init__(self, rooms: Mapping[str, Sequence[str]], idle: Iterable[str], clock: Callable[[], float]) -> None:
        self._rooms = {room: frozenset(lamps) for room, lamps in rooms.items()}
        self._idle = [target(colour) for colour in idle]
        self._clock = clock
        self.changes: list[Change] = []

    def note(self, lamp: LampState) -> None:
        """Remember what a lamp shows now."""
        self.changes.append(Change(self._clock(), lamp.name, lamp.xy))

    def shown(self) -> int:
        """How often a lamp took the colour of a guest."""
        last: dict[str, tuple[float, float]] = {}
        count = 0
        for change in self.changes:
            count += not same(last.get(change.lamp, (0, 0)), change.xy) and not self._is_idle(change.xy)
            last[change.lamp] = change.xy
        return count

    def waits(self, entries: Iterable[Entry]) -> Iterator[float | None]:
        """For each entry the seconds until a lamp of the room took the guest's colour; None: it never did.

        Nobody can tell whose colour it is when the room shows it already, so those entries are passed over.
        """
        for entry in entries:
            wanted = target(entry.colour)
            if not any(same(xy, wanted) for xy in self._showing(entry.room, entry.at)):
                yield self._wait(entry, wanted)

    def _wait(self, entry: Entry, wanted: tuple[float, float]) -> float | None:
        lamps = self._rooms[entry.room]
        moments = (
            change.at
            for change in self.changes
            if entry.at <= change.at <= entry.until and change.lamp in lamps and same(change.xy, wanted)
        )
        first = next(moments, None)
        return None if first is None else first - entry.at

    def _showing(self, room: str, at: float) -> list[tuple[float, float]]:
        """What the lamps of a room show at this moment."""
        now = {change.lamp: change.xy for change in self.changes if change.at < at and change.lamp in self._rooms[room]}
        return list(now.values())

    def _is_idle(self, xy: tuple[float, float]) -> bool:
        return any(same(xy, idle) for idle in self._idle)


def target(colour: str) -> tuple[float, float]:
    """What a lamp of the demo makes of a colour."""
    return for_lamp(colour, GAMUTS["C"]).xy or (0.0, 0.0)


def same(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two points are one colour."""
    return abs(one[0] - other[0]) < SAME_XY and abs(one[1] - other[1]) < SAME_XY
