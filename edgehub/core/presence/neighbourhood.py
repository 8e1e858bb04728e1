"""Neighbourhoods: the few places that a badge may be in, with likelihoods looked up instead of computed.

A step costs places times receivers that heard the badge, so a badge is followed only among the places that its loudest
receiver can hear. A small venue is one neighbourhood. All tables fill on first use and are bounded by
receivers, levels and packets.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from operator import add

from edgehub.core.presence.model import LEVELS, QUIETEST_DBM, Model
from edgehub.core.presence.survey import Place

WHOLE = 12  # a venue of so many places is one neighbourhood
SOME, CORE = 8, 3  # places of a neighbourhood in a larger venue, and of them those its receiver is heard best in

# What a change of place costs, nat: a person changes zone about every two minutes and spot about every half,
# ln(120) = 4.8, and a walk between zones leads through the ways between where they were surveyed.
ZONE_COST, SPOT_COST, DEPART_COST, ARRIVE_COST = 5.0, 1.5, 4.5, 2.5

ROUND_ABOVE = 0.5 - QUIETEST_DBM  # added before cutting off: whole dB above the quietest level
MOST_PATTERNS = 2_000  # some 0.3 MB; 12 receivers make twice as many, and nobody hears most of them

Row = tuple[float, ...]
Pattern = tuple[int | str, ...]
"""How many packets were sent, and the receivers that heard any of them."""


class Neighbourhood:
    """Places in a fixed order, and rows of log-likelihoods in that order.

    What a step hears is weighed by a row for who heard it at all, out of so many packets, and a row for each level.
    """

    __slots__ = (
        "_levels",
        "_model",
        "_patterns",
        "audible",
        "base",
        "costs",
        "covers",
        "deaf",
        "hidden",
        "home",
        "order",
        "places",
        "zones",
    )

    def __init__(self, model: Model, places: tuple[Place, ...], deaf: frozenset[str], home: str | None) -> None:
        self._model = model
        self.places = places
        self.deaf = deaf
        self.home = home
        self.zones = tuple(place.zone for place in places)
        self.order = tuple(range(len(places)))
        self.costs = tuple(tuple(_cost(here, there) for there in places) for here in places)
        """Row of what it costs to come from this place to each other; nobody comes from where he is."""
        silences = [model.silence(place, deaf) for place in places]
        self.base = tuple(zip(*(silence.by_sent for silence in silences), strict=True))
        """Row for packets that nobody heard, by how many there were."""
        self.audible = tuple(silence.audible for silence in silences)
        self.hidden = bool(deaf) and not all(self.audible)
        self.covers: dict[str, bool] = {}
        """Receiver → whether a badge that it hears loudest may be followed here."""
        self._patterns: dict[Pattern, Row] = {}
        self._levels: dict[str, dict[int, Row]] = {name: {} for name in model.receivers}
        """Receiver → level above the quietest, dB → row."""

    def likelihood(self, heard: Mapping[str, Sequence[float]], sent: int) -> Iterable[float]:
        """Log-likelihood of each place, up to a constant, of what was heard and of everybody else's silence. HOT PATH.

        Args:
            heard: receiver → (sum of dBm, packets).
            sent: how many packets every receiver had a chance to hear, up to MOST_SENT.
        """
        pattern: Pattern = (sent, *heard)
        row: Iterable[float] = self._patterns.get(pattern) or self._pattern(sent, pattern)
        for receiver, (total_dbm, n) in heard.items():
            rows = self._levels.get(receiver)
            if rows is not None:
                level = int(total_dbm / n + ROUND_ABOVE)
                row = map(add, row, rows.get(level) or self._level(receiver, level))
        return row

    def _pattern(self, sent: int, pattern: Pattern) -> Row:
        """The row for being heard by these receivers and by no other."""
        if len(self._patterns) >= MOST_PATTERNS:
            self._patterns.clear()
        rows = [self.base[sent], *(self._caught(name, sent) for name in pattern[1:] if name in self._levels)]
        row = self._patterns[pattern] = tuple(sum(column) for column in zip(*rows, strict=True))
        return row

    def _caught(self, receiver: str, sent: int) -> Row:
        """The row for being heard by this receiver instead of not."""
        sounds = [self._model.sound(place, receiver) for place in self.places]
        if receiver in self.deaf:  # nothing was counted for its silence
            return tuple(sound.heard[sent] for sound in sounds)
        return tuple(sound.heard[sent] - sound.silence[sent] for sound in sounds)

    def _level(self, receiver: str, level: int) -> Row:
        """The row for this level, if heard."""
        level = min(max(level, 0), len(LEVELS) - 1)
        density = [self._model.sound(place, receiver).density[level] for place in self.places]
        # Places that sound alike share one float: less for the processor's cache to hold.
        alike: dict[float, float] = {}
        row = self._levels[receiver][level] = tuple(alike.setdefault(one, one) for one in density)
        return row


class Neighbourhoods:
    """Every neighbourhood of a model while the same receivers are deaf."""

    def __init__(self, model: Model, deaf: Iterable[str] = ()) -> None:
        self.model = model
        self.deaf = frozenset(deaf)
        self._small = len(model.places) <= WHOLE
        self._by_home: dict[str | None, Neighbourhood] = {}
        self._ranked: dict[str, tuple[Place, ...]] = {}

    def around(self, home: str) -> Neighbourhood:
        """The places around the receiver that hears a badge loudest; in a small venue, all places."""
        key = None if self._small else home
        found = self._by_home.get(key)
        if found is None:
            places = self.model.places if self._small else self._places(home)
            found = self._by_home[key] = Neighbourhood(self.model, places, self.deaf, key)
        return found

    def follow(self, near: Neighbourhood, loudest: str) -> Neighbourhood:
        """The neighbourhood a badge goes on in: the same, as long as it has what the loudest receiver stands for."""
        if near.home is None or near.home == loudest:
            return near
        stays = near.covers.get(loudest)
        if stays is None:
            stays = near.covers[loudest] = set(self._rank(loudest)[:CORE]) <= set(near.places)
        return near if stays else self.around(loudest)

    def _places(self, home: str) -> tuple[Place, ...]:
        chosen = set(self._rank(home)[:SOME])
        return tuple(place for place in self.model.places if place in chosen)

    def _rank(self, home: str) -> tuple[Place, ...]:
        """All places, those first where this receiver stands out most against the loudest."""
        ranked = self._ranked.get(home)
        if ranked is None:
            places = self.model.places
            ranked = tuple(sorted(places, key=lambda place: -self.model.prominence(place, home)))
            self._ranked[home] = ranked
        return ranked


def _cost(here: Place, there: Place) -> float:
    if here == there:
        return math.inf
    if there.zone is None:
        return DEPART_COST
    if here.zone is None:
        return ARRIVE_COST
    return SPOT_COST if here.zone == there.zone else ZONE_COST


def ease(elapsed_s: float) -> float:
    """How much cheaper a change gets when more than a second has passed, nat: chances add up with time."""
    return min(math.log(elapsed_s), 2.5) if elapsed_s > 1.0 else 0.0
