"""The performer: does what the engine decided. Nothing here waits: store, bridges and sync have workers of their own."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, assert_never

import structlog

from edgehub.core.events import (
    DropVisit,
    Effect,
    KeepVisit,
    Moment,
    PublishLevels,
    PublishOccupancy,
    Record,
    ShowWish,
)
from edgehub.core.wire import PeerLevels, WireError
from edgehub.core.wire import events as wire
from edgehub.gateway.scribe import Scribe

if TYPE_CHECKING:
    from edgehub.gateway.hue import HueBridge
    from edgehub.gateway.store import Store
    from edgehub.gateway.sync import Sync

log = structlog.get_logger("edgehub.gateway")

Writing = Record | KeepVisit | DropVisit


class Performer:
    """Hands effects to whoever carries them out.

    Args:
        store: for what must not be lost.
        scribe: puts it on paper.
        bridges: by nickname; may be filled later, before the engine wishes for anything of them.
        radio: the state of our radio, which neighbours get with our levels.
    """

    def __init__(
        self, store: "Store", scribe: Scribe, bridges: Mapping[str, "HueBridge"], radio: Callable[[], str]
    ) -> None:
        self._store = store
        self._scribe = scribe
        self._bridges = bridges
        self._radio = radio
        self.sync: Sync | None = None
        """For neighbours and the hub; without one, nobody is told."""

    def perform(self, effects: Sequence[Effect], now: Moment) -> None:
        """Carry out what belongs to one event; what is written is one transaction."""
        written: list[Writing] = []
        for effect in effects:
            match effect:
                case Record() | KeepVisit() | DropVisit():
                    written.append(effect)
                case ShowWish(wish):
                    self._bridges[wish.bridge].submit(wish)
                case PublishLevels(levels):
                    self._publish_levels(levels, now)
                case PublishOccupancy(zone, count):
                    if self.sync is not None:
                        self.sync.publish_occupancy(zone, count)
                case _:
                    assert_never(effect)
        if written:
            self.write(written, now)

    def _publish_levels(self, levels: Sequence[tuple[str, float, int]], now: Moment) -> None:
        if self.sync is not None:
            rounded = tuple((badge, round(level, 1), n) for badge, level, n in levels)
            self.sync.publish_levels(PeerLevels(round(now.decision, 3), self._radio(), rounded))

    def write(self, effects: Sequence[Writing], now: Moment) -> None:
        """Write these down together."""
        events, visits = self._scribe.write(effects, now)
        try:
            self._store.record(events, visits)
        except WireError as error:  # ours to mend, and no reason to stop lighting lamps
            log.exception("event.unsendable", error=str(error), types=[event.type for event in events])
        _log_visits(effects)


def _log_visits(effects: Sequence[Writing]) -> None:
    """One line a visit, without the person."""
    for effect in effects:
        if isinstance(effect, Record) and isinstance(effect.body, wire.VisitLeft):
            log.info("visit.closed", zone=effect.body.zone, dwell_s=round(effect.body.dwell_s))
