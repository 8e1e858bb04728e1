"""The model: how likely each level, and each silence, is in each place of the venue."""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from typing import NamedTuple

from edgehub.core.data import dataclass
from edgehub.core.presence.spots import condensed
from edgehub.core.presence.survey import Fingerprint, Place, Survey
from edgehub.core.venue import Venue

# Levels outside these carry no more news: a receiver hears nothing below, and touching it is no louder.
QUIETEST_DBM, LOUDEST_DBM = -105, -20
LEVELS = range(QUIETEST_DBM, LOUDEST_DBM + 1)
HEARABLE = 0.3  # share of packets above which a receiver can be relied on to hear a place

# Before any survey: a badge in the receiver's own zone, and one anywhere else. Both wide and equally wide, so that
# the log-odds of two zones are linear in the difference of their levels and a badge's own power falls out.
NEAR_DBM, FAR_DBM, SPREAD_DB = -64.0, -82.0, 11.0
# Below this a level says no more than silence does, or being heard faintly would count for less than not at all.
FADED_DBM = -88.0
NEAR_CAUGHT, FAR_CAUGHT = 0.95, 0.5  # share of the packets sent

# A survey of a minute has seen few of the ways a person can stand: each reading stands for the levels around it, as
# far as two readings of one place by two people differ.
KERNEL_DB = 4.5
# Of every surveyed distribution this share is spread wide around its mean, and this share over all levels.
WIDE_SHARE, WIDE_DB, ANY_SHARE = 0.1, 12.0, 0.03
FAINT_DBM = -94.0  # where a receiver heard nothing during the survey, and hears something after all
# Losses come in runs (a hand, a turn of the body): packets of a second are worth this many independent ones.
RUNS = 3.0
MOST_SENT = 8  # packets of one step that count; more say nothing new


@dataclass(frozen=True, slots=True)
class Sound:
    """One receiver in one place: log-density over LEVELS, and how likely silence is."""

    density: tuple[float, ...]
    caught: float
    """Share of the packets sent that are heard."""
    loudness_dbm: float
    """Mean level, with silence counted as the quietest."""

    silence: tuple[float, ...]
    """Log-probability that of so many packets, up to ``MOST_SENT``, none is heard."""
    heard: tuple[float, ...]
    """Log-probability that at least one is; of none sent, as of one."""

    @classmethod
    def of(cls, density: Sequence[float], caught: float) -> "Sound":
        """Build it from a density over LEVELS and a share of packets (beta-binomial, because losses come in runs)."""
        misses = RUNS * (1.0 - caught)
        silence = [0.0]
        for k in range(MOST_SENT):
            silence.append(silence[-1] + math.log((misses + k) / (RUNS + k)))
        heard = [math.log(-math.expm1(silent)) for silent in silence[1:]]
        mean = sum(level * share for level, share in zip(LEVELS, density, strict=True)) / sum(density)
        loudness_dbm = caught * mean + (1.0 - caught) * QUIETEST_DBM
        return cls(_log(density), caught, loudness_dbm, tuple(silence), (heard[0], *heard))


class Silence(NamedTuple):
    """What silence of all hearing receivers together says of a place."""

    by_sent: tuple[float, ...]
    """Log-probability that of so many packets nobody hears one."""
    audible: bool
    """Whether any of them can be relied on to hear a badge there."""


class Model:
    """The venue as a filter sees it: places, receivers, and how each place sounds at each receiver."""

    def __init__(
        self,
        places: tuple[Place, ...],
        receivers: tuple[str, ...],
        sounds: Mapping[tuple[Place, str], Sound],
        leave_after_s: Mapping[str, float],
    ) -> None:
        self.places = places
        self.receivers = receivers
        self.leave_after_s = leave_after_s
        self._sounds = sounds
        self._silences: dict[tuple[Place, frozenset[str]], Silence] = {}

    @classmethod
    def of(cls, venue: Venue, survey: Survey | None, receivers: Iterable[str]) -> "Model":
        """Build the model of a venue: surveyed places from the survey, the other zones from the generic prior.

        ``receivers`` may name some that no zone does; they say nothing until a survey has heard them.
        """
        known = {} if survey is None else condensed(survey.places)
        places = _places(venue, known)
        named = (name for zone in venue.zones.values() for name in zone.heard_by)
        surveyed = (name for fingerprint in known.values() for name in sorted(fingerprint.levels))
        names = tuple(dict.fromkeys([*receivers, *named, *surveyed]))
        sounds = {
            (place, name): _learned(known[place], name) if place in known else _prior(_shared_by(venue, place, name))
            for place in places
            for name in names
        }
        leave = {zone.id: zone.leave_after_s for zone in venue.zones.values() if zone.leave_after_s is not None}
        return cls(places, names, sounds, leave)

    def sound(self, place: Place, receiver: str) -> Sound:
        """How this place sounds at this receiver."""
        return self._sounds[place, receiver]

    def silence(self, place: Place, deaf: frozenset[str]) -> Silence:
        """How likely it is that nobody hears a badge in this place, while these receivers are deaf."""
        found = self._silences.get((place, deaf))
        if found is None:
            hearing = [self._sounds[place, name] for name in self.receivers if name not in deaf]
            by_sent = tuple(sum(sound.silence[sent] for sound in hearing) for sent in range(MOST_SENT + 1))
            found = self._silences[place, deaf] = Silence(by_sent, any(sound.caught > HEARABLE for sound in hearing))
        return found

    def prominence(self, place: Place, receiver: str) -> float:
        """How far this receiver stands out against the loudest one in this place, dB; never above 0."""
        if receiver not in self.receivers:
            return -math.inf
        return self._sounds[place, receiver].loudness_dbm - self._loudest_dbm[place]

    @cached_property
    def _loudest_dbm(self) -> dict[Place, float]:
        return {place: max(self._sounds[place, name].loudness_dbm for name in self.receivers) for place in self.places}

    @cached_property
    def zones(self) -> tuple[str, ...]:
        """The zones that have a place."""
        return tuple(dict.fromkeys(place.zone for place in self.places if place.zone is not None))


def _places(venue: Venue, known: Mapping[Place, Fingerprint]) -> tuple[Place, ...]:
    """The surveyed places of each zone, or the zone as a whole; then the ways between."""
    found: list[Place] = []
    for zone in venue.zones:
        surveyed = sorted((place for place in known if place.zone == zone), key=lambda place: place.spot or "")
        found += surveyed or [Place(zone)]
    return (*found, *sorted((place for place in known if place.zone is None), key=lambda place: place.spot or ""))


def _shared_by(venue: Venue, place: Place, receiver: str) -> int:
    """How many receivers this place's zone has, this one among them; 0 when it is not."""
    heard_by = () if place.zone is None else venue.zones[place.zone].heard_by
    return len(heard_by) if receiver in heard_by else 0


@cache
def _prior(zone_receivers: int) -> Sound:
    """A receiver before any survey: one of so many in the zone, or (0) in none or another zone.

    Who is in a zone with several receivers is near one of them, not near all: each counts its share, as a geometric
    mixture of near and far, so that a zone gains nothing from having more receivers, or a badge from being loud.
    """
    share = 1.0 / zone_receivers if zone_receivers else 0.0
    mixed = zip(_faded(NEAR_DBM), _faded(FAR_DBM), strict=True)
    caught = share * NEAR_CAUGHT + (1.0 - share) * FAR_CAUGHT
    return Sound.of([near**share * far ** (1.0 - share) for near, far in mixed], caught)


def _faded(mean: float) -> list[float]:
    return _normal([_fall(max(x, FADED_DBM) - mean, SPREAD_DB) for x in LEVELS])


def _learned(fingerprint: Fingerprint, receiver: str) -> Sound:
    # Half a packet heard and half missed, as if before the walk: nothing is certain after a minute.
    caught = (fingerprint.caught[receiver] + 0.5) / (fingerprint.sent + 1.0)
    return Sound.of(_smoothed(fingerprint.levels.get(receiver, {})), min(max(caught, 0.01), 0.99))


def _smoothed(counts: Mapping[int, int]) -> list[float]:
    """A histogram as a density over LEVELS that nothing is impossible in."""
    total = sum(counts.values())
    if not total:  # never heard here; when it is after all, it will be faint
        return _mixed(_bell(FAINT_DBM, WIDE_DB / 2.0), _bell(FAINT_DBM, WIDE_DB))
    kernels = [[count * x for x in _bell(float(level), KERNEL_DB)] for level, count in counts.items()]
    seen = [sum(column) / total for column in zip(*kernels, strict=True)]
    mean = sum(level * count for level, count in counts.items()) / total
    return _mixed(seen, _bell(float(round(mean)), WIDE_DB))


def _mixed(seen: Sequence[float], wide: Sequence[float]) -> list[float]:
    anywhere = ANY_SHARE / len(LEVELS)
    share = 1.0 - WIDE_SHARE - ANY_SHARE
    return [share * s + WIDE_SHARE * w + anywhere for s, w in zip(seen, wide, strict=True)]


@cache
def _bell(mean: float, spread: float) -> tuple[float, ...]:
    return tuple(_normal([_fall(x - mean, spread) for x in LEVELS]))


def _fall(distance: float, spread: float) -> float:
    return math.exp(-0.5 * (distance / spread) ** 2)


def _normal(weights: Sequence[float]) -> list[float]:
    total = sum(weights)
    return [weight / total for weight in weights]


def _log(density: Sequence[float]) -> tuple[float, ...]:
    return tuple(math.log(max(x, 1e-12)) for x in density)
