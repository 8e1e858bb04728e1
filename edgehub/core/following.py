"""Whom a gateway follows: one record per badge, found once per address and kept with it.

Every advert of the venue ends at such a record, so that it costs one look-up, of its address (``sightings``): what
would otherwise be looked up by badge and by person hangs on the record.
"""

from collections.abc import Callable, Mapping
from typing import final

from edgehub.core.presence import Track


@final
class Worn:
    """A badge of a guest who may be followed."""

    __slots__ = ("badge", "heard", "total_dbm", "track")

    def __init__(self, badge: str, track: Track) -> None:
        self.badge = badge
        self.track = track
        """Of the guest, who may wear several badges."""
        self.total_dbm = 0
        """Sum of the levels at our own radio in the current second."""
        self.heard = 0
        """How many they are."""


@final
class Fixed:
    """A badge glued to furniture."""

    __slots__ = ("marker",)

    def __init__(self, marker: str) -> None:
        self.marker = marker


class Following:
    """All badges that count, and what our own radio heard of them in the current second.

    Args:
        track: gives the track of a guest.
    """

    def __init__(self, track: Callable[[str], Track]) -> None:
        self.heard: list[Worn] = []
        """The badges heard in the current second; whoever hears one for the first time in it, adds it."""
        self._track = track
        self.known: dict[str, Worn | Fixed] = {}
        """The records made so far, by badge; `of` makes one more."""
        self._wearers: Mapping[str, str] = {}
        self._markers: Mapping[str, str] = {}

    def follow(self, wearers: Mapping[str, str], markers: Mapping[str, str]) -> None:
        """Follow these from now on: badge → guest, and badge → marker."""
        self._wearers, self._markers = wearers, markers
        self.known = {
            badge: worn
            for badge, worn in self.known.items()
            if isinstance(worn, Worn) and wearers.get(badge) == worn.track.badge
        }
        self.heard = [worn for worn in self.heard if worn.badge in self.known]

    def of(self, badge: str) -> Worn | Fixed | None:
        """The record of a badge; None of one that does not count."""
        known = self.known.get(badge)
        if known is None:
            if (person := self._wearers.get(badge)) is not None:
                known = self.known[badge] = Worn(badge, self._track(person))
            elif (marker := self._markers.get(badge)) is not None:
                known = self.known[badge] = Fixed(marker)
        return known

    def levels(self) -> list[tuple[str, float, int]]:
        """(badge, mean dBm, packets) of every badge heard in the current second, which ends."""
        levels = [(worn.badge, worn.total_dbm / worn.heard, worn.heard) for worn in self.heard]
        for worn in self.heard:
            worn.heard = 0
        self.heard.clear()
        return levels
