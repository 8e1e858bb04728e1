"""Hearing: find a deaf receiver without being told, from what its neighbours and its markers say.

A radio that hangs looks like an empty room. Two things tell them apart: neighbours hear badges that this receiver has
always heard together with them, and a marker glued to furniture here is heard no more. One badge proves nothing (it may
have gone to a corner, its battery may be empty), so several must be missing, and one packet heard acquits.
"""

from collections.abc import Iterable, Mapping
from math import log

# How often a receiver hears a badge that another one hears loudest: a mean over some fifty seconds of badges.
HABIT = 0.02
SURE = 0.5  # habits below this say nothing
# Evidence in nat. One badge may bring 6 (as after three seconds at a habit of 0.87), so four at least must miss the
# receiver; 24 nat and half a minute leave chance no room.
ONE_BADGE, ENOUGH, SILENT_S = 6.0, 24.0, 30.0
# A marker is missed after this many of its intervals, half a minute at least.
MARKER_INTERVALS = 10.0


class Hearing:
    """Judges receivers by what is heard of badges and markers. Time is decision time, s."""

    def __init__(self, receivers: Iterable[str]) -> None:
        self._heard = dict.fromkeys(receivers, float("-inf"))
        self._habits: dict[tuple[str, str], float] = {}
        """(loudest receiver, other receiver) → how often the other hears too."""
        self._missed: dict[str, dict[str, float]] = {name: {} for name in self._heard}
        """Receiver → badge → evidence that it should have been heard."""
        self._markers: dict[str, dict[str, tuple[float, float]]] = {name: {} for name in self._heard}
        """Receiver → marker → when heard, and its interval."""

    def tell(self, badge: str, levels: Mapping[str, float], at: float) -> None:
        """Take what was heard of a badge in about a second: receiver → dBm."""
        loudest = max(levels, key=lambda name: (levels[name], name))
        for receiver in levels:
            self._acquit(receiver, at)
        for receiver, heard in self._heard.items():
            if receiver == loudest:
                continue
            pair, there = (loudest, receiver), receiver in levels
            habit = self._habits.get(pair, 0.0)
            if at - heard < SILENT_S:  # what a deaf receiver misses is not its habit
                self._habits[pair] = habit + HABIT * (there - habit)
            if not there and habit > SURE:
                missed = self._missed[receiver]
                missed[badge] = min(ONE_BADGE, missed.get(badge, 0.0) - log(1.0 - min(habit, 0.95)))

    def tell_marker(self, marker: str, receiver: str, at: float) -> None:
        """Take one reception of a marker."""
        self._acquit(receiver, at)
        if receiver in self._markers:
            last, interval = self._markers[receiver].get(marker, (at, 1.0))
            self._markers[receiver][marker] = (at, interval + 0.1 * (at - last - interval))

    def deaf(self, now: float) -> frozenset[str]:
        """The receivers believed deaf now."""
        return frozenset(name for name in self._heard if self._misses(name, now))

    def _acquit(self, receiver: str, at: float) -> None:
        if receiver in self._heard:
            self._heard[receiver] = at
            self._missed[receiver].clear()

    def _misses(self, receiver: str, now: float) -> bool:
        silent_s = now - self._heard[receiver]
        if silent_s < SILENT_S or silent_s == float("inf"):
            return False
        markers = self._markers[receiver].values()
        if markers and all(now - last > max(SILENT_S, MARKER_INTERVALS * interval) for last, interval in markers):
            return True
        return sum(self._missed[receiver].values()) >= ENOUGH
