"""How right an answer is: the definitions behind the figures of presence.md.

Everything works on stays: (badge, zone, t_in, t_out). Zone accuracy asks once a second; an enter counts when it comes
at most 5 s before and 30 s after the true one; dwell error is the sum of |answer - truth| of every person's total in
every zone, over the sum of the truth.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

EARLY_S, LATE_S = 5.0, 30.0
SHORTEST_VISIT_S = 5.0  # shorter true visits are not asked for
CLEAR_S = 15.0  # totals closer than this are not asked to be ranked


class Stay(NamedTuple):
    """One badge in one zone."""

    badge: str
    zone: str
    t_in: float
    t_out: float


Windows = list[list[float]]


def within(stays: list[Stay], windows: Windows) -> list[Stay]:
    """The parts of stays inside the windows."""
    cut = (stay._replace(t_in=max(stay.t_in, a), t_out=min(stay.t_out, b)) for stay in stays for a, b in windows)
    return [stay for stay in cut if stay.t_out > stay.t_in]


def zone_at(stays: list[Stay], t: float) -> str | None:
    """The zone at a time."""
    return next((stay.zone for stay in stays if stay.t_in <= t < stay.t_out), None)


def totals(stays: list[Stay]) -> dict[str, float]:
    """Zone → seconds."""
    seconds: dict[str, float] = defaultdict(float)
    for stay in stays:
        seconds[stay.zone] += stay.t_out - stay.t_in
    return seconds


@dataclass
class Score:
    """Figures over any number of people."""

    asked: int = 0
    right: int = 0
    hours: float = 0.0
    true_enters: int = 0
    said_enters: int = 0
    found_enters: int = 0
    delays: list[float] = field(default_factory=list)
    dwell: list[tuple[float, float]] = field(default_factory=list)

    def add(self, truth: list[Stay], live: list[Stay], stays: list[Stay], windows: Windows, zones: list[str]) -> None:
        """Score one person: zone and enters by the live answer, dwell by the stays."""
        truth, live = sorted(truth, key=lambda s: s.t_in), sorted(live, key=lambda s: s.t_in)
        self._seconds(truth, live, windows)
        self._enters(truth, live, windows)
        wanted, got = totals(within(truth, windows)), totals(within(stays, windows))
        self.dwell += [(wanted.get(zone, 0.0), got.get(zone, 0.0)) for zone in zones]

    def _seconds(self, truth: list[Stay], live: list[Stay], windows: Windows) -> None:
        for begin, end in windows:
            self.hours += (end - begin) / 3600.0
            for k in range(int(end - begin) + 1):
                wanted = zone_at(truth, begin + k)
                self.asked += wanted is not None
                self.right += wanted is not None and zone_at(live, begin + k) == wanted

    def _enters(self, truth: list[Stay], live: list[Stay], windows: Windows) -> None:
        def asked(t: float) -> bool:
            return any(begin - EARLY_S <= t <= end + EARLY_S for begin, end in windows)

        said = enters(live)
        used: set[int] = set()
        for before, stay in zip([None, *truth], truth, strict=False):
            if stay.t_out - stay.t_in < SHORTEST_VISIT_S or not asked(stay.t_in):
                continue
            self.true_enters += 1
            earliest = max((before.t_out - EARLY_S) if before else stay.t_in - LATE_S, stay.t_in - 60.0)
            latest = min(stay.t_in + LATE_S, stay.t_out + EARLY_S)
            for k, (t, zone) in enumerate(said):
                if k not in used and zone == stay.zone and earliest <= t <= latest:
                    used.add(k)
                    self.delays.append(max(0.0, t - stay.t_in))
                    break
        self.found_enters += len(used)
        self.said_enters += sum(k in used or asked(t) for k, (t, _) in enumerate(said))

    @property
    def zone(self) -> float:
        """Share of seconds in the right zone."""
        return self.right / max(1, self.asked)

    @property
    def enter_f1(self) -> float:
        """Harmonic mean of precision and recall of enters."""
        return 2.0 * self.found_enters / max(1, self.said_enters + self.true_enters)

    @property
    def flaps_per_hour(self) -> float:
        """Enters nobody made."""
        return (self.said_enters - self.found_enters) / max(1e-9, self.hours)

    @property
    def dwell_error(self) -> float:
        """Of person-zone totals."""
        pairs = [pair for pair in self.dwell if max(pair) >= SHORTEST_VISIT_S]
        return sum(abs(a - b) for a, b in pairs) / max(1e-9, sum(a for a, _ in pairs))

    @property
    def median_delay_s(self) -> float:
        """From the true enter to ours."""
        return sorted(self.delays)[len(self.delays) // 2] if self.delays else 0.0


def enters(stays: list[Stay]) -> list[tuple[float, str]]:
    """When a zone is entered; a stay that continues the one before is none."""
    found = []
    for before, stay in zip([None, *stays], stays, strict=False):
        if not (before and before.zone == stay.zone and stay.t_in - before.t_out < 0.5):
            found.append((stay.t_in, stay.zone))
    return found
