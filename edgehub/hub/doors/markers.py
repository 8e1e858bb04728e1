"""Where a phone is, from the markers it hears: its own noise model, and a decision that would rather say nothing. Pure.

Phones differ by ten decibels and more in what they call a level, and a pocket or a body takes as much again. So the
phone's offset is unknown and learned along with the zone: levels of several markers at once tell the zone whatever
the offset, and the loudest levels of a long walk tell the offset. A phone that sleeps hears nothing, which is no
evidence of anything.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

WINDOW_US = 5_000_000
"""Levels are judged by the mean of each marker over so long: one packet says little, and the guest moves."""
FORGET_WINDOWS = 12
"""After a minute of silence where the phone was says nothing of where it is; its offset stays."""
SURE = 0.95
RUN = 3
"""Windows in a row that must be sure before any of them counts."""
DOUBT = 2
"""Windows that may be missing in a row: a phone scans on and off."""

# Levels, dBm, mean and standard deviation of a window. Near is 1 to 3 m from a marker of 0 dBm: in the hand, or in a
# pocket behind the body, which costs about ten decibels; far is another zone, eight metres and more away.
HAND, POCKET, FAR = (-65.0, 5.0), (-75.0, 6.0), (-87.0, 6.0)
IN_HAND = 0.5
HEARD_NEAR, HEARD_FAR = 0.95, 0.3
"""How likely a marker is heard at all in a window."""
OFFSETS = tuple(range(-12, 13, 3))
"""Offsets of phones, dB; a priori normal around none with 5 dB."""
OFFSET_SPREAD_DB = 5.0
LEAST = 1e-9
"""What any level is worth anywhere: radios have bad moments."""
STAYS = 0.96
"""From one window to the next a guest mostly stays: two minutes on average, so arrivals need evidence and not luck."""
ELSEWHERE = ""
"""No marker's zone."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A marker heard by a phone. µs since 1970, by our clock."""

    marker: str
    zone: str
    level_dbm: float
    at_us: int


@dataclass(frozen=True, slots=True)
class Seen:
    """The phone was in a zone all that time, as surely as a phone can tell."""

    zone: str
    from_us: int
    to_us: int


@dataclass(slots=True)
class _Run:
    """Windows in a row that were sure of one zone."""

    zone: str
    begin: int
    end: int
    """Number of the last window, which is in it."""
    count: int = 1
    told: int = 0
    """Windows before this one were told of already."""


@dataclass(slots=True)
class Phone:
    """What is believed of one phone.

    Args:
        zones: that have markers.
    """

    zones: Sequence[str]
    belief: dict[tuple[str, int], float] = field(default_factory=dict)
    """(zone, offset) → probability."""
    last: int = -1
    """Number of the last window taken."""
    _run: _Run | None = None

    def __post_init__(self) -> None:
        self._forget({offset: math.exp(-0.5 * (offset / OFFSET_SPREAD_DB) ** 2) for offset in OFFSETS})

    def take(self, sightings: Iterable[Sighting]) -> tuple[list[Seen], int]:
        """Take what was heard since the last time; what it means, and how many came too late to mean anything."""
        windows: dict[int, list[Sighting]] = {}
        late = 0
        for one in sightings:
            number = one.at_us // WINDOW_US
            if number <= self.last:
                late += 1
            else:
                windows.setdefault(number, []).append(one)
        seen = [made for number in sorted(windows) for made in self._step(number, windows[number])]
        return joined([*seen, *self._tell()]), late

    @property
    def zone(self) -> str | None:
        """Where it is now, if that is sure."""
        run = self._run
        return run.zone if run is not None and run.count >= RUN and run.end == self.last else None

    @property
    def offset_db(self) -> float:
        """The phone's offset, as believed."""
        return sum(offset * weight for (_, offset), weight in self.belief.items())

    def _step(self, number: int, heard: Sequence[Sighting]) -> list[Seen]:
        gap, self.last = number - self.last, number
        if gap > FORGET_WINDOWS:
            self._forget(self._offsets())
        else:
            self._pass(gap)
        self._weigh(loudest(heard))
        zone, sure = self._likeliest()
        return self._follow(number, zone if sure >= SURE and any(one.zone == zone for one in heard) else ELSEWHERE)

    def _follow(self, number: int, zone: str) -> list[Seen]:
        """Continue a run, end it, or begin one; what ends is told."""
        run = self._run
        if run is not None and zone == run.zone and number - run.end <= DOUBT + 1:
            run.end, run.count = number, run.count + 1
            return []
        if run is not None and zone == ELSEWHERE and number - run.end <= DOUBT:
            return []
        ended = self._tell()
        self._run = None if zone == ELSEWHERE else _Run(zone, number, number)
        return ended

    def _tell(self) -> list[Seen]:
        """What of the run was not told yet; without its first and last window, for the guest walked in those."""
        run = self._run
        if run is None or run.count < RUN or run.told >= run.end:
            return []
        begin, run.told = max(run.begin + 1, run.told), run.end
        return [Seen(run.zone, begin * WINDOW_US, run.told * WINDOW_US)]

    def _forget(self, offsets: Mapping[int, float]) -> None:
        total = sum(offsets.values()) * (len(self.zones) + 1)
        places = [*self.zones, ELSEWHERE]
        self.belief = {(zone, offset): offsets[offset] / total for zone, offset in product(places, OFFSETS)}

    def _offsets(self) -> dict[int, float]:
        made = dict.fromkeys(OFFSETS, 0.0)
        for (_, offset), weight in self.belief.items():
            made[offset] += weight
        return made

    def _pass(self, windows: int) -> None:
        """Time passes: some leave for anywhere."""
        stays = STAYS**windows
        offsets = self._offsets()
        share = (1 - stays) / (len(self.zones) + 1)
        self.belief = {key: stays * weight + share * offsets[key[1]] for key, weight in self.belief.items()}

    def _weigh(self, levels: Mapping[str, float]) -> None:
        told = {offset: _likelihoods(offset, levels, self.zones) for offset in OFFSETS}
        best = max(max(of_zones.values()) for of_zones in told.values())
        weights = {
            (zone, offset): weight * math.exp(told[offset][zone] - best)
            for (zone, offset), weight in self.belief.items()
        }
        total = sum(weights.values())
        if total > 0:  # levels no phone ever sends prove nothing
            self.belief = {key: weight / total for key, weight in weights.items()}

    def _likeliest(self) -> tuple[str, float]:
        places = dict.fromkeys([*self.zones, ELSEWHERE], 0.0)
        for (zone, _), weight in self.belief.items():
            places[zone] += weight
        zone = max(places, key=places.__getitem__)
        return zone, places[zone]


def loudest(heard: Iterable[Sighting]) -> dict[str, float]:
    """Zone → mean level of the loudest of its markers in a window, dBm."""
    levels: dict[tuple[str, str], list[float]] = {}
    for one in heard:
        levels.setdefault((one.zone, one.marker), []).append(one.level_dbm)
    made: dict[str, float] = {}
    for (zone, _), values in levels.items():
        made[zone] = max(made.get(zone, -math.inf), sum(values) / len(values))
    return made


def _likelihoods(offset: int, levels: Mapping[str, float], zones: Sequence[str]) -> dict[str, float]:
    """Zone → log of how likely these levels are for a phone of this offset in it: all markers are far but its own."""
    far = {zone: _far(levels.get(zone), offset) for zone in zones}
    nowhere = sum(far.values())
    made = {zone: nowhere - far[zone] + _near(levels.get(zone), offset) for zone in zones}
    return made | {ELSEWHERE: nowhere}


def _far(level: float | None, offset: int) -> float:
    return math.log(1 - HEARD_FAR if level is None else HEARD_FAR * _normal(level - offset, *FAR))


def _near(level: float | None, offset: int) -> float:
    if level is None:
        return math.log(1 - HEARD_NEAR)
    in_hand, in_pocket = _normal(level - offset, *HAND), _normal(level - offset, *POCKET)
    return math.log(HEARD_NEAR * (IN_HAND * in_hand + (1 - IN_HAND) * in_pocket))


def _normal(value: float, mean: float, spread: float) -> float:
    """Never quite nothing, so that no single level decides alone."""
    return math.exp(-0.5 * ((value - mean) / spread) ** 2) / spread + LEAST


def joined(seen: Iterable[Seen]) -> list[Seen]:
    """Pieces of one zone that touch made one."""
    made: list[Seen] = []
    for one in seen:
        if made and made[-1].zone == one.zone and made[-1].to_us == one.from_us:
            made[-1] = Seen(one.zone, made[-1].from_us, one.to_us)
        else:
            made.append(one)
    return made
