"""Periods that attributes are counted in: visit, day, night, event, ever; days and nights are the venue's own.

A day is a date there. A night goes from 18:00 to 18:00 and is called by the date of its evening, so that nobody's party
ends at midnight. The event is its days and the nights that begin on them. Where clocks change, a day or a night is an
hour longer or shorter, and time spent in it is still time that passed.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, Literal

Period = Literal["visit", "day", "night", "event", "ever"]
EVENING: Final = time(18)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_NEVER: Final = (0, 0, "")
ALWAYS: Final = (-(2**62), 2**62)
"""µs: before and after everything."""


class Calendar:
    """The venue's days. What it remembers is only for speed: guests, and threads, may share one.

    Args:
        tz: of the venue, such as ``ZoneInfo(venue.event.timezone)``.
        days: of the event, in order; without any, the event is all time.
    """

    def __init__(self, tz: tzinfo, days: Sequence[date] = ()) -> None:
        self._tz = tz
        self._days = tuple(days)
        self._spans: dict[tuple[Period, str], tuple[int, int]] = {}
        self._latest: dict[Period, tuple[int, int, str]] = {}
        """The period asked for last: most of what a guest did was in the same one."""

    def label(self, per: Period, at_us: int) -> str:
        """The name of the period a moment is in: a date for days and nights. The moment may be outside the event."""
        return self.within(per, at_us) or per

    def within(self, per: Period, at_us: int) -> str | None:
        """The same, and None for a moment outside the event."""
        since, until, label = self._latest.get(per, _NEVER)
        if since <= at_us < until:
            return label
        label = self._named(per, at_us)
        since, until = self.span(per, label)
        self._latest[per] = since, until, label
        return label if since <= at_us < until else None

    def span(self, per: Period, label: str) -> tuple[int, int]:
        """When a period begins and ends, µs since 1970."""
        found = self._spans.get((per, label))
        if found is None:
            found = self._spans[per, label] = self._span(per, label)
        return found

    def labels(self, per: Period) -> tuple[str, ...]:
        """The periods of the event."""
        return tuple(day.isoformat() for day in self._days) if per in ("day", "night") else (per,)

    def cut(self, per: Period, begin_us: int, end_us: int) -> Iterator[tuple[str, int]]:
        """A stretch of time by period: each label with the µs that fall into it; what is outside the event is left out."""
        while begin_us < end_us:
            label = self.label(per, begin_us)
            since, until = self.span(per, label)
            if until <= begin_us:
                return
            if (length := min(end_us, until) - max(begin_us, since)) > 0:
                yield label, length
            begin_us = until

    def _named(self, per: Period, at_us: int) -> str:
        if per not in ("day", "night"):
            return per
        local = (_EPOCH + timedelta(microseconds=at_us)).astimezone(self._tz)
        before = per == "night" and local.time() < EVENING
        return (local.date() - _DAY * before).isoformat()

    def _span(self, per: Period, label: str) -> tuple[int, int]:
        match per:
            case "day":
                day = date.fromisoformat(label)
                return self._us(day, time()), self._us(day + _DAY, time())
            case "night":
                day = date.fromisoformat(label)
                return self._us(day, EVENING), self._us(day + _DAY, EVENING)
            case "event" if self._days:
                return self._us(self._days[0], time()), self._us(self._days[-1] + _DAY, EVENING)
            case _:
                return ALWAYS

    def _us(self, day: date, at: time) -> int:
        return (datetime.combine(day, at, self._tz) - _EPOCH) // timedelta(microseconds=1)
