"""Hearing: find a deaf receiver without being told, from what its neighbours and its markers say.

A radio that hangs looks like an empty room. Two things tell them apart: neighbours hear badges that this receiver has
always heard together with them, and a marker glued to furniture here is heard no more. One badge proves nothing (it may
have gone to a corner, its battery may be empty), so several must be missing, and one packet heard acquits.
"""

from collections.abc import Iterable, Mapping
from math import log

# How often a receiver hears a badge that a witness hears at such a level: a mean over some fifty times. It is learned
# while the receiver has heard something lately.
HABIT, BAND_DB, LEARN_S = 0.02, 10.0, 10.0
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
        self._habits: dict[tuple[str, float, str], float] = {}
        """(witness, its level in bands, other receiver) → how often the other hears too."""
        self._missed: dict[str, tuple[float, dict[str, float]]] = {name: (float("-inf"), {}) for name in self._heard}
        """Receiver → since when, and badge → evidence that it should have been heard since."""
        self._markers: dict[str, dict[str, tuple[float, float]]] = {name: {} for name in self._heard}
        """Receiver → marker → when heard, and its interval."""

    @property
    def receivers(self) -> set[str]:
        """The receivers judged."""
        return set(self._heard)

    def tell(self, badge: str, levels: Mapping[str, float], at: float) -> None:
        """Take what was heard of a badge in about a second: receiver → dBm."""
        self.acquit(levels, at)
        for receiver, heard in self._heard.items():
            expected = 0.0
            for witness, level_dbm in levels.items():
                if witness != receiver:
                    key = (witness, level_dbm // BAND_DB, receiver)
                    habit = self._habits.get(key, 0.0)
                    expected = max(expected, habit)
                    if at - heard < LEARN_S:  # what a deaf receiver misses is not its habit
                        self._habits[key] = habit + HABIT * ((receiver in levels) - habit)
            if expected > SURE and receiver not in levels:
                missed = self._missed_by(receiver)
                missed[badge] = min(ONE_BADGE, missed.get(badge, 0.0) - log(1.0 - min(expected, 0.95)))

    def tell_marker(self, marker: str, receiver: str, at: float) -> None:
        """Take one reception of a marker."""
        self.acquit((receiver,), at)
        if receiver in self._markers:
            last, interval = self._markers[receiver].get(marker, (at, 1.0))
            self._markers[receiver][marker] = (at, interval + 0.1 * (at - last - interval))

    def deaf(self, now: float) -> frozenset[str]:
        """The receivers believed deaf now."""
        return frozenset(name for name in self._heard if self._misses(name, now))

    def acquit(self, receivers: Iterable[str], at: float) -> None:
        """These have heard something, whatever it was; what they missed before is forgiven. HOT PATH."""
        heard = self._heard
        for receiver in receivers:
            if receiver in heard:
                heard[receiver] = at

    def _misses(self, receiver: str, now: float) -> bool:
        silent_s = now - self._heard[receiver]
        if silent_s < SILENT_S or silent_s == float("inf"):
            return False
        markers = self._markers[receiver].values()
        if markers and all(now - last > max(SILENT_S, MARKER_INTERVALS * interval) for last, interval in markers):
            return True
        return sum(self._missed_by(receiver).values()) >= ENOUGH

    def _missed_by(self, receiver: str) -> dict[str, float]:
        """Badge → evidence since this receiver has heard anything."""
        heard = self._heard[receiver]
        since, missed = self._missed[receiver]
        if since != heard:
            missed = {}
            self._missed[receiver] = heard, missed
        return missed
