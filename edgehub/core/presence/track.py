"""One badge's track: the score of every place, the history behind it, and what has been said of it.

For every place the *score* is the log-probability of the best history that ends there, up to a constant shared by all,
and its *arrival* says since when, and from where: the Viterbi recursion, with shared pointers instead of stored steps,
so that a year in one zone takes no more room than a minute.
"""

from math import exp, inf, log

from edgehub.core.presence import lanes
from edgehub.core.presence.lanes import BITS, LANE, NAT_BITS, ONE_NAT
from edgehub.core.presence.neighbourhood import EVEN, Neighbourhood

# Levels one second apart are no independent news: the same body stands in the same way for several seconds. The
# log-likelihood of a second counts this much, and of steps further apart in proportion, up to all of it.
NEWS_PER_S = 0.35
NEWS = round(NEWS_PER_S * ONE_NAT)
ALL_NEWS_S = ONE_NAT / NEWS
# A change gets cheaper when more than a second has passed, for chances add up with time: by log(elapsed), 2.5 at most.
MOST_EASED, EASED_S = lanes.fixed(2.5), exp(2.5)
# Frames in 5 to 10 s are a sticker's, each second or faster a badge's: the first guess lies between.
FIRST_INTERVAL_S, INTERVAL_MEMORY = 3.0, 16
SHORTEST_LEAVE_S, LONGEST_LEAVE_S = 10.0, 60.0
GAP_S = 2.5  # a step this long after the last has missed packets


class Segment:
    """A piece of a history: in this zone (None: between zones or elsewhere) since then, and the piece before it."""

    __slots__ = ("before", "since", "zone")

    def __init__(self, zone: str | None, since: float, before: "Segment | None") -> None:
        self.zone = zone
        self.since = since
        self.before = before


NOWHERE = Segment(None, -inf, None)
"""Of a badge that is gone."""

Arrival = Segment | tuple[float, Segment | None]
"""How a history came to its place: a piece of its own, or only (since, piece before), as long as nobody asked for it.

Most places are never the best one. In a usual step all of them were reached from the best a moment ago, and share this.
"""


class Track:
    """What is known of one badge."""

    __slots__ = (
        "armed",
        "arrivals",
        "audit_due",
        "badge",
        "beat_s",
        "best",
        "decider",
        "due",
        "fixed",
        "gaps",
        "heard",
        "horizon",
        "interval_s",
        "last",
        "leader",
        "live",
        "near",
        "scores",
        "searched",
        "since",
        "stay",
        "stepped",
    )

    def __init__(self, badge: str) -> None:
        self.badge = badge
        self.heard: dict[str, list[float]] = {}
        """Receiver → [sum of dBm, packets] since the last step."""
        self.due = self.last = self.stepped = -inf
        self.near: Neighbourhood | None = None
        """None while the badge is gone."""
        self.scores = 0
        """Lanes by place: EVEN for the best, and by how much the log-probability of the others is less."""
        self.arrivals: list[Arrival] = []
        """By place."""
        self.best = 0
        self.leader = NOWHERE
        """The newest piece of the best history of all: how it came to the best place."""
        self.since = -inf
        """When it was heard first after being gone."""
        self.live: str | None = None
        """The zone the fast output has said."""
        self.horizon = -inf
        self.fixed: Segment | None = None
        """The newest segment that the steady output has dealt with."""
        self.stay: tuple[str, float] | None = None
        """The open stay of the steady output: zone and since."""
        self.interval_s, self.gaps = FIRST_INTERVAL_S, 1
        self.armed: float | None = None
        """The deadline that stands in the queue for this badge."""
        self.beat_s = FIRST_INTERVAL_S
        """How often the badge sends, as far as it is heard well: the lower fifth of the gaps between packets."""
        self.decider = ""
        """The receiver whose packet the last step did not wait for the other receivers' copies of."""
        self.audit_due = -inf
        """When it may be asked what it says about the receivers."""
        self.searched = False
        """True when its silence has been weighed already."""

    # --- hearing

    def hear(self, receiver: str, total_dbm: float, n: int, at: float) -> bool:
        """Add ``n`` packets and the sum of their levels; False, and nothing added, when a step is due. HOT PATH."""
        if at >= self.due:
            return False
        heard = self.heard.get(receiver)
        if heard is None:
            self.heard[receiver] = [total_dbm, n]
        else:
            heard[0] += total_dbm
            heard[1] += n
        self.last = at
        return True

    def begin(self, near: Neighbourhood, at: float) -> None:
        """The badge appears: it may be anywhere in the neighbourhood."""
        self.near, self.since, self.stepped = near, at, at
        self.scores = near.even
        self.arrivals = [(at, None)] * len(near.places)
        self.live, self.fixed, self.stay, self.horizon = None, None, None, -inf
        self.best, self.leader = 0, self.piece(0)

    def end(self) -> None:
        """The badge is gone; how often it sends is still known when it comes back."""
        self.near, self.scores, self.arrivals, self.heard, self.leader = None, 0, [], {}, NOWHERE
        self.live = self.fixed = self.stay = self.armed = None

    def count(self, n: int, at: float) -> int:
        """How many packets of the step every receiver had a chance to hear, before the one that came just now. HOT PATH.

        The others' copies of that one are still to come; those of the packet that decided the step before came since.
        While some receiver is deaf, the packets that nobody heard count too: they were sent where only that one hears.
        From those that somebody did hear it learns how often the badge is heard.
        """
        decider, heard = self.decider, self.heard
        counted = 1 if decider and decider not in heard else 0
        for name, (_, packets) in heard.items():
            caught = packets + 1 if name == decider else packets
            if caught > counted:
                counted = int(caught)
        if 1 < n > counted:
            counted = n
        sent, elapsed = counted, at - self.stepped
        if elapsed >= GAP_S and self.near is not None and self.near.hidden:
            sent = max(counted, int(elapsed / self.beat_s))
        if 0.0 < elapsed <= LONGEST_LEAVE_S:  # back after less than the longest leave time: it was not gone
            gap = elapsed / (counted or 1)
            if self.gaps < INTERVAL_MEMORY:
                self.gaps += 1
            self.interval_s += (gap - self.interval_s) / self.gaps
            self.beat_s *= 1.02 if gap > self.beat_s else 0.92
        return sent

    @property
    def leave_s(self) -> float:
        """The silence after which this badge is gone: three intervals, since packets get lost, and a little."""
        return min(max(3.0 * self.interval_s + 5.0, SHORTEST_LEAVE_S), LONGEST_LEAVE_S)

    # --- the recursion

    def update(self, unlikelihood: int, at: float) -> None:
        """One step of the recursion: stay, or come from the best place so far; then weigh the news. HOT PATH."""
        near, elapsed, scores, best = self.near, at - self.stepped, self.scores, self.best
        assert near is not None
        guards, moved, news = near.guards, near.costs[best], NEWS
        if elapsed > 1.0:
            news = int(NEWS * elapsed) if elapsed < ALL_NEWS_S else ONE_NAT
            moved -= near.ones * int(ONE_NAT * log(elapsed) if elapsed < EASED_S else MOST_EASED)
        lifted = ((scores | guards) - moved) & guards  # of the two ways to be here, to have just come is the better one
        if lifted:
            scores ^= (scores ^ moved) & (lifted - (lifted >> BITS - 1))
            arrivals, arrival = self.arrivals, (self.stepped, self.leader)
            for place in near.lifted.get(lifted) or near.places_of(lifted):
                arrivals[place] = arrival
        self.stepped = at
        scores += (unlikelihood * news >> NAT_BITS) & near.whole
        against = (scores | guards) - (scores >> BITS * best & LANE) * near.ones
        if against & guards == guards:
            self.scores = against - near.above
        else:
            self._follow_best(scores)

    def _follow_best(self, scores: int) -> None:
        """Take scores of which another place than the best so far may have the least."""
        near = self.near
        assert near is not None
        found = lanes.unpack(scores, len(near.places))
        self.best = found.index(min(found))
        self.leader = self.piece(self.best)
        self.scores = (scores | near.guards) - found[self.best] * near.ones - near.above

    def piece(self, place: int) -> Segment:
        """The newest piece of the best history that ends in a place."""
        assert self.near is not None
        arrival = self.arrivals[place]
        if not isinstance(arrival, Segment):
            arrival = self.arrivals[place] = Segment(self.near.zones[place], *arrival)
        return arrival

    def move(self, near: Neighbourhood) -> None:
        """Follow the badge in another neighbourhood, or the same one under another model."""
        old = self.near
        if old is None or old is near:
            return
        pieces = [self.piece(place) for place in range(len(old.places))]
        scores = lanes.unpack(self.scores, len(pieces))
        held = dict(zip(old.places, zip(scores, pieces, strict=True), strict=True))
        by_zone = {
            place.zone: both
            for place, both in sorted(held.items(), key=lambda item: -item[1][0])
            if place.zone is not None
        }
        newcomer = (EVEN + lanes.fixed(near.farthest), (self.stepped, self.leader))
        found = [held.get(place) or by_zone.get(place.zone or "") or newcomer for place in near.places]
        self.near = near
        self.arrivals = [arrival for _, arrival in found]
        self._follow_best(lanes.pack(score for score, _ in found))

    def loudest(self) -> str:
        """The receiver that heard the badge loudest since the last step."""
        return max(self.heard, key=lambda name: self.heard[name][0] / self.heard[name][1])

    def relative(self) -> list[float]:
        """The log-probability of each place, relative to the best of all."""
        return [(EVEN - score) / ONE_NAT for score in lanes.unpack(self.scores, len(self.arrivals))]

    def zone_scores(self) -> dict[str | None, float]:
        """The best score of each zone, relative to the best of all; None is elsewhere."""
        best: dict[str | None, float] = {}
        if self.near is not None:
            for zone, score in zip(self.near.zones, self.relative(), strict=True):
                best[zone] = max(score, best.get(zone, -inf))
        return best

    def belief(self) -> dict[str, float]:
        """Zone → probability."""
        odds = {zone: exp(score) for zone, score in self.zone_scores().items()}
        total = sum(odds.values())
        return {zone: value / total for zone, value in odds.items() if zone is not None}

    def head(self) -> Segment:
        """Where the best history that ends in the zone the fast output has said stands now."""
        assert self.near is not None
        zones = self.near.zones
        if zones[self.best] is None or zones[self.best] == self.live or self.live is None:
            return self.leader
        lit = [(score, place) for place, score in enumerate(self.relative()) if zones[place] == self.live]
        return self.piece(max(lit)[1] if lit else self.best)

    def history(self) -> list[Segment]:
        """The best history's segments after the fixed one, oldest first."""
        pieces: list[Segment] = []
        piece: Segment | None = self.head()
        while piece is not None and piece is not self.fixed:
            pieces.append(piece)
            piece = piece.before
        return pieces[::-1]
