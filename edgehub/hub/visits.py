"""A guest's visits, as they are counted: joined across gateways, and no minute twice."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from edgehub.hub.ledger import Interval, Stay, joined, reconciled

STAMP_WITHIN_US = 120_000_000
"""A stamp this long before a visit begins or after it ends is of that visit: presence takes its time to notice both."""


@dataclass(frozen=True, slots=True)
class CountedVisit:
    """One visit. Wall times in µs since 1970."""

    zone: str
    begin_us: int
    end_us: int
    """Or up to when it counts so far."""
    pieces: tuple[tuple[int, int], ...]
    """The time in it that counts, without what the guest was in another zone meanwhile."""
    source: str
    """The gateway that told, of several the last."""
    counts: bool = True
    """False at a sponsor's without a stamp: nearness proves nothing there."""

    @property
    def length_us(self) -> int:
        """How long it counts."""
        return sum(end - begin for begin, end in self.pieces)


def counted_visits(
    stays: Iterable[Stay], now_us: int, *, sponsors: Collection[str] = (), stamps: Iterable[tuple[str, int]] = ()
) -> list[CountedVisit]:
    """The visits in stays of one guest, in order of their beginning.

    Args:
        stays: under whichever person id they were reported; the same one twice counts once, as it was told last.
        now_us: what is open counts up to here.
        sponsors: zones where a visit counts with a stamp only.
        stamps: zone and time of each stamp.
    """
    zones: dict[str, list[Stay]] = {}
    for stay in _last_reports(stays):
        zones.setdefault(stay.zone, []).append(stay)
    visits = [visit for zone in zones.values() for visit in joined(_interval(stay, now_us) for stay in zone)]
    pieces = _by_zone(reconciled(visits))
    proofs = list(stamps)
    made = [
        CountedVisit(
            zone=one.zone,
            begin_us=one.begin_us,
            end_us=one.end_us,
            pieces=_within(one, pieces.get(one.zone, ())),
            source=_teller(one, zones[one.zone]),
            counts=one.zone not in sponsors or any(_stamped(one, zone, at_us) for zone, at_us in proofs),
        )
        for one in visits
    ]
    return sorted(made, key=lambda visit: (visit.begin_us, visit.zone))


def _interval(stay: Stay, now_us: int) -> Interval:
    return Interval(stay.zone, stay.entered_us, max(stay.entered_us, stay.until(now_us)))


def _last_reports(stays: Iterable[Stay]) -> list[Stay]:
    last: dict[tuple[str, str], Stay] = {}
    for stay in stays:
        known = last.get(stay.key)
        if known is None or stay.supersedes(known):
            last[stay.key] = stay
    return list(last.values())


def _by_zone(intervals: Iterable[Interval]) -> dict[str, list[Interval]]:
    zones: dict[str, list[Interval]] = {}
    for one in intervals:
        zones.setdefault(one.zone, []).append(one)
    return zones


def _within(visit: Interval, pieces: Iterable[Interval]) -> tuple[tuple[int, int], ...]:
    return tuple(
        (one.begin_us, one.end_us) for one in pieces if visit.begin_us <= one.begin_us and one.end_us <= visit.end_us
    )


def _teller(visit: Interval, stays: Iterable[Stay]) -> str:
    told = (stay for stay in stays if visit.begin_us <= stay.entered_us <= visit.end_us)
    return "gateway/" + max(told, key=lambda stay: (stay.entered_us, stay.gateway)).gateway


def _stamped(visit: Interval, zone: str, at_us: int) -> bool:
    return zone == visit.zone and visit.begin_us - STAMP_WITHIN_US <= at_us <= visit.end_us + STAMP_WITHIN_US
