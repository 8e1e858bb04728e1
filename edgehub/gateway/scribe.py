"""The scribe: decisions of the engine, in decision time, to records for the store, with the clocks of this machine."""

import time
from collections.abc import Sequence

from edgehub.clock import clock_quality
from edgehub.core.events import DropVisit, KeepVisit, Moment, Record
from edgehub.core.record import NewEvent, OpenVisit, VisitChange, VisitGone
from edgehub.core.visit import Visit
from edgehub.core.wire import At


class Scribe:
    """Puts times on paper.

    Args:
        boot: of this boot of the machine; a simulated clock, which is no clock of this machine, gets one of its own.
    """

    def __init__(self, boot: str) -> None:
        self.boot = boot

    def write(
        self, effects: Sequence[Record | KeepVisit | DropVisit], now: Moment
    ) -> tuple[list[NewEvent], list[VisitChange]]:
        """The events and the visit state that these effects put into one transaction."""
        events: list[NewEvent] = []
        visits: list[VisitChange] = []
        for effect in effects:
            match effect:
                case Record(body, person, decision):
                    events.append(NewEvent.of(body, self.at(now, decision), person))
                case KeepVisit(visit):
                    visits.append(self.keep(visit, now))
                case DropVisit(visit):
                    visits.append(VisitGone(visit.id))
        return events, visits

    def at(self, now: Moment, decision: float) -> At:
        """A decision time on the clocks of this machine."""
        monotonic_us = time.monotonic_ns() // 1000 - round((now.decision - decision) * 1_000_000)
        return At(self.boot, max(0, monotonic_us), now.wall_of(decision), clock_quality())

    def keep(self, visit: Visit, now: Moment) -> OpenVisit:
        """An open visit as a restart finds it."""
        return OpenVisit(
            visit=visit.id,
            person=visit.person,
            badge=None,
            zone=visit.zone,
            entered_us=now.wall_of(visit.entered_at),
            entered_monotonic_us=self.at(now, visit.entered_at).monotonic_us,
            last_seen_us=now.wall_of(visit.last_seen_at),
            boot_id=self.boot,
        )

    def recall(self, kept: OpenVisit, now: Moment) -> Visit:
        """A visit that was open, in the decision time of now.

        Within one boot the monotonic clock says how long ago it began, whatever was done to the wall clock since;
        across boots only the wall clock can.
        """
        if kept.boot_id == self.boot:
            ago_us = time.monotonic_ns() // 1000 - kept.entered_monotonic_us
        else:
            ago_us = now.wall_us - kept.entered_us
        length_s = max(0, kept.last_seen_us - kept.entered_us) / 1e6
        entered_at = now.decision - max(0, ago_us) / 1e6
        return Visit(kept.visit, kept.person, kept.zone, entered_at, min(entered_at + length_s, now.decision))
