"""Up to where the hub has acknowledged each epoch that is still here."""

from collections.abc import Iterable, Mapping
from typing import Any

from edgehub.core.wire import Ack, Epoch, Mark
from edgehub.gateway.store.database import Row

MOST_NAMED = 200
"""Epochs named in a question to the hub; older ones have long been acknowledged or wait and are sent anyway."""
Place = tuple[str, int]
"""Nonce of an epoch, and partition."""


class Marks:
    """What is known to be acknowledged.

    Args:
        rows: start, nonce, partition and watermark, as the journal has them.
    """

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._marks = {
            (nonce, partition): Mark(Epoch(start, nonce), partition, watermark)
            for start, nonce, partition, watermark in rows
        }

    def named(self) -> list[Mark]:
        """The newest, for a question."""
        return sorted(self._marks.values(), key=lambda mark: -mark.epoch.start)[:MOST_NAMED]

    def rows(self, acks: Mapping[Place, Ack], now_us: int) -> list[tuple[Any, ...]]:
        """Ranges to mark as acknowledged: what each adds to what is known."""
        return [
            (now_us, *place, low, high)
            for place, ack in acks.items()
            for low, high in ((min(self._known(place), ack.watermark) + 1, ack.watermark), *ack.also)
            if low <= high
        ]

    def settle(self, acks: Mapping[Place, Ack], answers: Mapping[Place, Ack]) -> None:
        """These are written down; of an answer the watermark counts although it is lower than the one we believed in."""
        for place, ack in acks.items():
            if place in answers or self._known(place) < ack.watermark:
                self._marks[place] = Mark(ack.epoch, ack.partition, ack.watermark)

    def _known(self, place: Place) -> int:
        known = self._marks.get(place)
        return 0 if known is None else known.watermark
