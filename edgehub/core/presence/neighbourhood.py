"""Neighbourhoods: the few places that a badge may be in, with likelihoods looked up instead of computed.

A step costs places times receivers that heard the badge, so a badge is followed only among the places that its loudest
receiver can hear. A small venue is one neighbourhood. All tables fill on first use and are bounded by
receivers, levels and packets.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from edgehub.core.presence import lanes
from edgehub.core.presence.model import LEVELS, QUIETEST_DBM, Model
from edgehub.core.presence.survey import Place

WHOLE = 12  # a venue of so many places is one neighbourhood
SOME, CORE = 8, 3  # places of a neighbourhood in a larger venue, and of them those its receiver is heard best in

# What a change of place costs, nat: a person changes zone about every two minutes and spot about every half,
# ln(120) = 4.8, and a walk between zones leads through the ways between where they were surveyed.
ZONE_COST, SPOT_COST, DEPART_COST, ARRIVE_COST = 5.0, 1.5, 4.5, 2.5

ROUND_ABOVE = 0.5 - QUIETEST_DBM  # added before cutting off: whole dB above the quietest level
MOST_PATTERNS = 2_000  # some 0.3 MB; 12 receivers make twice as many, and nobody hears most of them

EVEN = 4 * lanes.ONE_NAT
"""What the best place scores: the less the better, and the farthest gap lets no place score less than nothing (`track`)."""
LEAST_NAT = 20.0  # a level is no less likely than e to this: a hundred of them, times the news, stay within a lane

Pattern = tuple[int | str, ...]
"""How many packets were sent, and the receivers that heard any of them."""


class Neighbourhood:
    """Places in a fixed order, and rows of how unlikely each of them makes what was heard: lanes in that order.

    What a step hears is weighed by a row for who heard it at all, out of so many packets, and a row for each level.
    """

    __slots__ = (
        "_levels",
        "_model",
        "_patterns",
        "above",
        "audible",
        "base",
        "costs",
        "covers",
        "deaf",
        "even",
        "farthest",
        "guards",
        "hidden",
        "home",
        "lifted",
        "ones",
        "places",
        "whole",
        "zones",
    )

    def __init__(self, model: Model, places: tuple[Place, ...], deaf: frozenset[str], home: str | None) -> None:
        self._model = model
        self.places = places
        self.deaf = deaf
        self.home = home
        self.zones = tuple(place.zone for place in places)
        self.ones = lanes.pack(1 for _ in places)
        self.guards = self.ones * lanes.GUARD
        self.whole = self.ones * (lanes.LANE >> lanes.NAT_BITS)
        """What is left of a lane that was divided by ONE_NAT: its neighbour's remainder stands above."""
        self.even = self.ones * EVEN
        """The scores of a badge that may be anywhere."""
        self.above = self.guards - self.even
        """How far scores measured from the best place's, guards still up, stand above those that are kept."""
        costs = [[_cost(here, there) for there in places] for here in places]
        self.costs = tuple(lanes.pack(min(lanes.fixed(cost) + EVEN, lanes.MOST) for cost in row) for row in costs)
        """What a badge scores that has just come from this place to each other; nobody comes from where he is."""
        self.farthest = max((cost for cost in costs[0] if cost < math.inf), default=0.0)
        silences = [model.silence(place, deaf) for place in places]
        self.base = tuple(_row(column) for column in zip(*(silence.by_sent for silence in silences), strict=True))
        """Row for packets that nobody heard, by how many there were."""
        self.audible = tuple(silence.audible for silence in silences)
        self.hidden = bool(deaf) and not all(self.audible)
        self.covers: dict[str, bool] = {}
        """Receiver → whether a badge that it hears loudest may be followed here."""
        self._patterns: dict[Pattern, int] = {}
        self._levels: dict[str, dict[int, int]] = {name: {} for name in model.receivers}
        """Receiver → level above the quietest, dB → row."""
        self.lifted: dict[int, tuple[int, ...]] = {}
        """Guards left standing → their places, as far as somebody asked `places_of`."""

    def unlikelihood(self, heard: Mapping[str, Sequence[float]], sent: int) -> int:
        """How unlikely each place makes what was heard, and everybody else's silence: a row. HOT PATH.

        Args:
            heard: receiver → (sum of dBm, packets).
            sent: how many packets every receiver had a chance to hear, up to MOST_SENT.
        """
        pattern: Pattern = (sent, *heard)
        row = self._patterns.get(pattern) or self._pattern(sent, pattern)
        for receiver, (total_dbm, n) in heard.items():
            rows = self._levels.get(receiver)
            if rows is not None:
                level = int(total_dbm / n + ROUND_ABOVE)
                row += rows.get(level) or self._level(receiver, level)
        return row

    def places_of(self, guards: int) -> tuple[int, ...]:
        """The places whose guards these are."""
        found = self.lifted.get(guards)
        if found is None:
            guarded = lanes.unpack(guards, len(self.places))
            found = self.lifted[guards] = tuple(place for place, guard in enumerate(guarded) if guard)
        return found

    def _pattern(self, sent: int, pattern: Pattern) -> int:
        """The row for being heard by these receivers and by no other."""
        if len(self._patterns) >= MOST_PATTERNS:
            self._patterns.clear()
        silent = [self._model.silence(place, self.deaf).by_sent[sent] for place in self.places]
        columns = [silent, *(self._caught(name, sent) for name in pattern[1:] if name in self._levels)]
        row = self._patterns[pattern] = _row(sum(column) for column in zip(*columns, strict=True))
        return row

    def _caught(self, receiver: str | int, sent: int) -> list[float]:
        """Log-likelihoods of being heard by this receiver instead of not."""
        sounds = [self._model.sound(place, str(receiver)) for place in self.places]
        if receiver in self.deaf:  # nothing was counted for its silence
            return [sound.heard[sent] for sound in sounds]
        return [sound.heard[sent] - sound.silence[sent] for sound in sounds]

    def _level(self, receiver: str, level: int) -> int:
        """The row for this level, if heard."""
        level = min(max(level, 0), len(LEVELS) - 1)
        row = self._levels[receiver][level] = _row(
            self._model.sound(place, receiver).density[level] for place in self.places
        )
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


def _row(log_likelihoods: Iterable[float]) -> int:
    """Lanes of how much less likely each place is than the likeliest, and one more, so that no row is zero."""
    found = list(log_likelihoods)
    best = max(found)
    return lanes.pack(lanes.fixed(min(best - one, LEAST_NAT)) + 1 for one in found)


def _cost(here: Place, there: Place) -> float:
    if here == there:
        return math.inf
    if there.zone is None:
        return DEPART_COST
    if here.zone is None:
        return ARRIVE_COST
    return SPOT_COST if here.zone == there.zone else ZONE_COST
