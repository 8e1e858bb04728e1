"""Learning a badge: of all badges in the room, the one whose signal just rose is the one held to the Pi.

Nobody reads a number off a badge. Staff keep it two steps away, then hold it to the Pi: its level rises by tens of dB
over its own level of the ten seconds before, and everybody else's stays. When two rise together, nobody is named.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import field
from statistics import median
from typing import Final

from edgehub.core.data import dataclass

BASELINE_S: Final = 10.0
HELD_S: Final = 3.0
"""Long enough for three packets of a badge that speaks once a second."""
MOVING_S: Final = 2.0
"""The last of the baseline is not used: the badge is on its way to the Pi."""
NEEDED_S: Final = BASELINE_S + HELD_S
RISE_DB: Final = 12.0
"""A factor of three in distance and more, beyond what a body in between can do to a badge that lies still."""
LEAD_DB: Final = 6.0
"""How far the held badge must be above the next one that rose, such as the one the helper wears."""
UNHEARD_DBM: Final = -95.0
"""The level of a badge not heard at all: about the sensitivity of a receiver."""
MIN_PACKETS: Final = 2
MAX_SENDERS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A badge whose signal rose."""

    keys: tuple[str, ...]
    """Its badge keys, the shortest and most readable first."""
    level_dbm: float
    rise_db: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was learned: one badge, or which ones could not be told apart, or none."""

    badge: Candidate | None = None
    rivals: tuple[Candidate, ...] = ()
    """When ``badge`` is None: those that rose alike, loudest first."""
    heard: int = 0
    """Badges heard in the last moments, near or far."""


@dataclass(slots=True)
class _Track:
    """One sender at one receiver."""

    keys: set[str] = field(default_factory=set)
    levels: deque[tuple[float, int]] = field(default_factory=deque)

    def between(self, start: float, end: float) -> list[int]:
        return [rssi_dbm for at, rssi_dbm in self.levels if start < at <= end]


class Learner:
    """Listens to sightings and says which badge rose; times are decision times in s."""

    def __init__(self, start: float) -> None:
        self._start = start
        self._tracks: dict[tuple[str, str], _Track] = {}

    def hear(self, receiver: str, address: str, keys: Iterable[str], rssi_dbm: int, at: float) -> None:
        """Take one advertisement of something that is a badge by its ``keys``."""
        track = self._tracks.get((receiver, address))
        if track is None:
            if len(self._tracks) >= MAX_SENDERS:
                self._forget(at)
            track = self._tracks.setdefault((receiver, address), _Track())
        track.keys.update(keys)
        track.levels.append((at, rssi_dbm))
        while track.levels[0][0] <= at - NEEDED_S:
            track.levels.popleft()

    def verdict(self, now: float) -> Verdict:
        """Judge what was heard until ``now``; nobody rises before BASELINE_S and HELD_S have passed."""
        held = now - HELD_S
        heard = {key for track in self._tracks.values() if track.between(held, now) for key in track.keys}
        if held - self._start < BASELINE_S:
            return Verdict(heard=len(heard))
        match _one_per_badge(self._risen(held, now)):
            case [first, *rest] if all(first.level_dbm - other.level_dbm >= LEAD_DB for other in rest):
                return Verdict(first, heard=len(heard))
            case risen:
                return Verdict(rivals=tuple(risen), heard=len(heard))

    def _risen(self, held: float, now: float) -> list[Candidate]:
        """Return every sender that rose, loudest first."""
        found = []
        for track in self._tracks.values():
            near = track.between(held, now)
            if len(near) >= MIN_PACKETS:
                before = track.between(held - BASELINE_S, held - MOVING_S)
                level_dbm = median(near)
                rise_db = level_dbm - (median(before) if before else UNHEARD_DBM)
                if rise_db >= RISE_DB:
                    found.append(Candidate(_readable(track.keys), level_dbm, rise_db))
        return sorted(found, key=lambda candidate: -candidate.level_dbm)

    def _forget(self, now: float) -> None:
        """Make room: phones and badges that left; then whoever comes first, for the crowd is beyond learning anyway."""
        gone = [who for who, track in self._tracks.items() if track.levels[-1][0] <= now - NEEDED_S]
        for who in gone or list(self._tracks)[: MAX_SENDERS // 10]:
            del self._tracks[who]


def _one_per_badge(risen: list[Candidate]) -> list[Candidate]:
    """Join what is one badge: heard by two receivers, or speaking two formats from two addresses."""
    joined: list[Candidate] = []
    for candidate in risen:
        for i, other in enumerate(joined):
            if set(candidate.keys) & set(other.keys):
                keys = _readable({*other.keys, *candidate.keys})
                joined[i] = Candidate(keys, other.level_dbm, max(other.rise_db, candidate.rise_db))
                break
        else:
            joined.append(candidate)
    return joined


def _readable(keys: Iterable[str]) -> tuple[str, ...]:
    """Sort keys so that the one staff would write comes first: the venue's own numbers, then the shorter."""
    return tuple(sorted(keys, key=lambda key: (":" in key, len(key), key)))
