"""A guest's visits, as they are counted: joined across gateways, and no minute twice."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edgehub.hub.ledger import Interval, Stay, beneath, joined, reconciled

STAMP_WITHIN_US = 120_000_000
"""A stamp this long before a visit begins or after it ends is of that visit: presence takes its time to notice both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedVisit:
    """One visit. Wall times in µs since 1970."""

    zone: str
    begin_us: int
    end_us: int
    """Or up to when it counts so far."""
    pieces: tuple[tuple[int, int], ...]
    """The time in it that counts: without what the guest was in another zone meanwhile."""
    length_us: int
    """Of the pieces together."""
    source: str
    """The gateway, or the phone, that told; of several the last."""
    counts: bool
    """False at a sponsor's without a stamp: nearness proves nothing there."""


class Report(NamedTuple):
    """Somebody's word that the guest was in a zone. Wall times in µs since 1970."""

    begin_us: int
    end_us: int
    zone: str
    source: str


def counted_visits(
    stays: Iterable[Stay],
    now_us: int,
    *,
    seen: Iterable[Report] = (),
    sponsors: Collection[str] = (),
    stamps: Iterable[tuple[str, int]] = (),
) -> list[CountedVisit]:
    """The visits of one guest, in order of their beginning.

    Args:
        stays: under whichever person id they were reported; the same one twice counts once, as it was told last.
        now_us: what is open counts up to here.
        seen: what the guest's phone says; it counts where no gateway saw the guest.
        sponsors: zones where a visit counts with a stamp only.
        stamps: zone and time of each stamp.
    """
    told = [
        Report(stay.entered_us, max(stay.entered_us, stay.until(now_us)), stay.zone, f"gateway/{stay.gateway}")
        for stay in _last_reports(stays)
    ]
    told = sorted([*told, *_beneath(told, seen)])
    zones: dict[str, list[Interval]] = {}
    for report in told:
        zones.setdefault(report.zone, []).append(_interval(report))
    visits = sorted((visit for zone in zones.values() for visit in joined(zone)), key=_place)
    starts = {zone: [visit.begin_us for visit in visits if visit.zone == zone] for zone in zones}
    pieces: dict[_Place, list[tuple[int, int]]] = {}
    for one in reconciled(visits):
        pieces.setdefault(_visit_of(one.zone, one.begin_us, starts), []).append((one.begin_us, one.end_us))
    tellers = {_visit_of(report.zone, report.begin_us, starts): report.source for report in told}
    stamped = _by_zone(stamps)
    return [
        _counted(
            visit,
            pieces.get(_place(visit), ()),
            tellers[_place(visit)],
            visit.zone not in sponsors or _proved(visit, stamped.get(visit.zone, ())),
        )
        for visit in visits
    ]


def _interval(report: Report) -> Interval:
    return Interval(report.zone, report.begin_us, report.end_us)


def _beneath(gateways: Sequence[Report], seen: Iterable[Report]) -> Iterator[Report]:
    """What is left of the phone's word where gateways have theirs."""
    trusted = [_interval(report) for report in gateways]
    for report in seen:
        for left in beneath(trusted, [_interval(report)]):
            yield Report(left.begin_us, left.end_us, left.zone, report.source)


_Place = tuple[int, str]
"""Begin and zone of a visit; no two have both."""


def _place(visit: Interval) -> _Place:
    return visit.begin_us, visit.zone


def _visit_of(zone: str, at_us: int, starts: Mapping[str, Sequence[int]]) -> _Place:
    """The visit to a zone that something at a time belongs to: the last one begun by then."""
    begins = starts[zone]
    return begins[bisect_right(begins, at_us) - 1], zone


def _counted(visit: Interval, pieces: Sequence[tuple[int, int]], source: str, counts: bool) -> CountedVisit:
    return CountedVisit(
        zone=visit.zone,
        begin_us=visit.begin_us,
        end_us=visit.end_us,
        pieces=tuple(pieces),
        length_us=sum(end - begin for begin, end in pieces),
        source=source,
        counts=counts,
    )


def _last_reports(stays: Iterable[Stay]) -> Iterable[Stay]:
    """Each stay as it was told last."""
    last: dict[tuple[str, str], Stay] = {}
    for stay in stays:
        known = last.get(stay.key)
        if known is None or stay.supersedes(known):
            last[stay.key] = stay
    return last.values()


def _by_zone(stamps: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    zones: dict[str, list[int]] = {}
    for zone, at_us in sorted(stamps):
        zones.setdefault(zone, []).append(at_us)
    return zones


def _proved(visit: Interval, stamps: Sequence[int]) -> bool:
    first = bisect_left(stamps, visit.begin_us - STAMP_WITHIN_US)
    return first < len(stamps) and stamps[first] <= visit.end_us + STAMP_WITHIN_US
