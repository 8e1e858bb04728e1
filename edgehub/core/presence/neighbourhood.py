"""Neighbourhoods: the few places that a badge may be in, with likelihoods looked up instead of computed.

A step costs places times receivers that heard the badge, so a badge is followed only among the places that its loudest
receiver can hear. A small venue is one neighbourhood. All tables fill on first use and are bounded by
receivers, levels and packets.
"""

import math
from collections.abc import Iterable, Mapping

from edgehub.core.presence.model import LOUDEST_DBM, MOST_SENT, QUIETEST_DBM, Model
from edgehub.core.presence.survey import Place

WHOLE = 12  # a venue of so many places is one neighbourhood
SOME, CORE = 8, 3  # places of a neighbourhood in a larger venue, and of them those its receiver is heard best in

# What a change of place costs, nat: a person changes zone about every two minutes and spot about every half,
# ln(120) = 4.8, and a walk between zones leads through the ways between where they were surveyed.
ZONE_COST, SPOT_COST, DEPART_COST, ARRIVE_COST = 5.0, 1.5, 4.5, 2.5

Row = tuple[float, ...]


class Neighbourhood:
    """Places in a fixed order, and for each receiver and level a row of log-likelihoods in that order."""

    __slots__ = ("_model", "audible", "base", "costs", "covers", "deaf", "hidden", "home", "order", "places", "rows", "zones")

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
        self.rows: dict[str, dict[int, Row]] = {name: {} for name in model.receivers}

    def likelihood(self, levels: Mapping[str, float], sent: int) -> Row:
        """Log-likelihood of each place, up to a constant, given every receiver's level and everybody else's silence."""
        sent = min(sent, MOST_SENT)
        keys = {name: row_key(level_dbm, sent) for name, level_dbm in levels.items() if name in self.rows}
        rows = [self.rows[name].get(key) or self.row(name, key) for name, key in keys.items()]
        return tuple(sum(column) for column in zip(self.base[sent], *rows, strict=True))

    def row(self, receiver: str, key: int) -> Row:
        """The row for a level instead of silence; ``key`` is (dBm - QUIETEST_DBM) * 16 + packets sent."""
        level, sent = key >> 4, key & 15
        sounds = [self._model.sound(place, receiver) for place in self.places]
        heard = [sound.density[level] + sound.heard[sent] for sound in sounds]
        if receiver not in self.deaf:
            heard = [one - sound.silence[sent] for one, sound in zip(heard, sounds, strict=True)]
        # Places that sound alike share one float: less for the processor's cache to hold.
        alike: dict[float, float] = {}
        row = self.rows[receiver][key] = tuple(alike.setdefault(one, one) for one in heard)
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


def row_key(level_dbm: float, sent: int) -> int:
    """The key of a row: a level in the range of the model, and a number of packets."""
    level = min(max(round(level_dbm), QUIETEST_DBM), LOUDEST_DBM)
    return (level - QUIETEST_DBM) << 4 | sent


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
