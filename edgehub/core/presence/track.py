"""One badge's track: the score of every place, the history behind it, and what has been said of it.

For every place the *score* is the log-probability of the best history that ends there, relative to the best of all,
and its *segment* says since when, and what was before: the Viterbi recursion, with shared pointers instead of stored
steps, so that a year in one zone takes no more room than a minute.
"""

from collections.abc import Iterable
from math import exp, inf

from edgehub.core.presence.neighbourhood import Neighbourhood, ease

# Levels one second apart are no independent news: the same body stands in the same way for several seconds. The
# log-likelihood of a second counts this much, and of steps further apart in proportion, up to all of it.
NEWS_PER_S = 0.35
# Frames in 5 to 10 s are a sticker's, each second or faster a badge's: the first guess lies between.
FIRST_INTERVAL_S, INTERVAL_MEMORY = 3.0, 16
SHORTEST_LEAVE_S, LONGEST_LEAVE_S = 10.0, 60.0


GAP_S = 2.5  # a step this long after the last has missed packets


class Segment:
    """A piece of a history: in this zone (None: between zones or elsewhere) since then, and the piece before it."""

    __slots__ = ("before", "led", "since", "zone")

    def __init__(self, zone: str | None, since: float, before: "Segment | None") -> None:
        self.zone = zone
        self.since = since
        self.before = before
        self.led = False
        """True when it was the best history once: others may go on from it, so it is never changed."""


class Track:
    """What is known of one badge."""

    __slots__ = (
        "armed",
        "audit_due",
        "badge",
        "beat_s",
        "best",
        "counted",
        "decider",
        "due",
        "fixed",
        "gaps",
        "heard",
        "horizon",
        "interval_s",
        "last",
        "live",
        "near",
        "scores",
        "searched",
        "segments",
        "since",
        "stay",
        "stepped",
    )

    def __init__(self, badge: str, at: float) -> None:
        self.badge = badge
        self.heard: dict[str, list[float]] = {}
        """Receiver → [sum of dBm, packets] since the last step."""
        self.due = self.last = self.stepped = at
        self.near: Neighbourhood | None = None
        """None while the badge is gone."""
        self.scores: list[float] = []
        self.segments: list[Segment] = []
        self.best = 0
        self.since = at
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
        self.counted = 0
        self.audit_due = at
        """When it may be asked what it says about the receivers."""
        self.searched = False
        """True when its silence has been weighed already."""

    def begin(self, near: Neighbourhood, at: float) -> None:
        """The badge appears: it may be anywhere in the neighbourhood."""
        self.near, self.since, self.stepped = near, at, at
        self.scores = [0.0] * len(near.places)
        self.segments = [Segment(zone, at, None) for zone in near.zones]
        self.live, self.fixed, self.stay, self.best, self.horizon = None, None, None, 0, -inf

    def end(self) -> None:
        """The badge is gone; how often it sends is still known when it comes back."""
        self.near, self.scores, self.segments, self.heard = None, [], [], {}
        self.live = self.fixed = self.stay = self.armed = None

    def sent(self, n: int, at: float) -> int:
        """How many packets of the step every receiver had a chance to hear, before the one that came just now.

        The others' copies of that one are still to come; those of the packet that decided the step before came since.
        While some receiver is deaf, the packets that nobody heard count too: they were sent where only that one hears.
        """
        decider = self.decider
        counted = 1 if decider and decider not in self.heard else 0
        for name, (_, packets) in self.heard.items():
            counted = max(counted, int(packets) + (name == decider))
        self.counted = counted = max(counted, n if n > 1 else 0)
        elapsed = at - self.stepped
        if self.near is None or not self.near.hidden or elapsed < GAP_S:
            return counted
        return max(counted, int(elapsed / self.beat_s))

    def learn_interval(self, at: float) -> None:
        """Learn how often this badge is heard from the packets counted since the last step.

        A badge that comes back after less than the longest leave time was not gone: it sends seldom.
        """
        elapsed = at - self.stepped
        if 0.0 < elapsed <= LONGEST_LEAVE_S:
            gap = elapsed / max(1, self.counted)
            self.gaps = min(self.gaps + 1, INTERVAL_MEMORY)
            self.interval_s += (gap - self.interval_s) / self.gaps
            self.beat_s *= 1.02 if gap > self.beat_s else 0.92

    @property
    def leave_s(self) -> float:
        """The silence after which this badge is gone: three intervals, since packets get lost, and a little."""
        return min(max(3.0 * self.interval_s + 5.0, SHORTEST_LEAVE_S), LONGEST_LEAVE_S)

    def update(self, likelihood: Iterable[float], at: float) -> None:
        """One step of the recursion: stay, or come from the best place so far; then weigh the news."""
        near, elapsed = self.near, at - self.stepped
        assert near is not None
        news, gain = (NEWS_PER_S, 0.0) if elapsed <= 1.0 else (min(1.0, NEWS_PER_S * elapsed), ease(elapsed))
        segments = self.segments
        origin = segments[self.best]
        origin.led = True
        scores = []
        for place, (score, cost, light) in enumerate(zip(self.scores, near.costs[self.best], likelihood, strict=False)):
            moved = gain - cost
            if score <= moved and place != self.best:
                segment = segments[place]
                if segment.led:
                    segments[place] = segment = Segment(near.zones[place], self.stepped, origin)
                segment.since, segment.before = self.stepped, origin
                score = moved  # noqa: PLW2901 - the better of the two ways to be here
            scores.append(score + news * light)
        top = max(scores)
        self.best = scores.index(top)
        self.scores = [score - top for score in scores]
        self.stepped = at

    def move(self, near: Neighbourhood) -> None:
        """Follow the badge in another neighbourhood, or the same one under another model."""
        old = self.near
        if old is None or old is near:
            self.near = near if old is not None else None
            return
        floor = -max(near.costs[0])
        held = dict(zip(old.places, zip(self.scores, self.segments, strict=True), strict=True))
        by_zone = {
            place.zone: both
            for place, both in sorted(held.items(), key=lambda item: item[1][0])
            if place.zone is not None
        }
        origin = self.segments[self.best]
        found = [
            held.get(place) or by_zone.get(place.zone or "") or (floor, Segment(place.zone, self.stepped, origin))
            for place in near.places
        ]
        self.near = near
        top = max(score for score, _ in found)
        self.scores = [score - top for score, _ in found]
        self.segments = [segment for _, segment in found]
        self.best = self.scores.index(0.0)

    def loudest(self) -> str:
        """The receiver that heard the badge loudest since the last step."""
        return max(self.heard, key=lambda name: self.heard[name][0] / self.heard[name][1])

    def zone_scores(self) -> dict[str | None, float]:
        """The best score of each zone; None is elsewhere."""
        best: dict[str | None, float] = {}
        if self.near is not None:
            for zone, score in zip(self.near.zones, self.scores, strict=True):
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
            return self.segments[self.best]
        lit = [(score, place) for place, score in enumerate(self.scores) if zones[place] == self.live]
        return self.segments[max(lit)[1] if lit else self.best]

    def history(self) -> list[Segment]:
        """The best history's segments after the fixed one, oldest first."""
        pieces: list[Segment] = []
        piece: Segment | None = self.head()
        while piece is not None and piece is not self.fixed:
            pieces.append(piece)
            piece = piece.before
        return pieces[::-1]
