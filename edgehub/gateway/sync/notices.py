"""Notices: what a gateway lets everybody know, and the broker keeps for who comes later: its status, and occupancy."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from edgehub.core.wire import Epoch, Occupancy, SiteTopics, Status

EVERY_S = 1.0
"""They are published when they changed, at most this often."""

Publish = Callable[[str, bytes], Awaitable[bool]]
"""Retained, to a topic; False when it was not sent."""


class Notices:
    """The last word on everything, published until the broker has it.

    Args:
        site: its topics.
        gateway: our name.
        start_id: of this process.
        details: first details of our status (see `Status.details`).
        publish: says something.
    """

    def __init__(
        self, site: SiteTopics, gateway: str, start_id: str, details: Mapping[str, Any], publish: Publish
    ) -> None:
        self._site = site
        self._topic = site.gateway(gateway).status
        self._start_id = start_id
        self._details = dict(details)
        self._publish = publish
        self._occupancy: dict[str, int] = {}
        self._unsaid: set[str] = set()
        self._said: bytes | None = None

    def set_status(self, details: Mapping[str, Any]) -> None:
        """Change details of the status."""
        self._details |= details

    def set_occupancy(self, zone: str, count: int) -> None:
        """So many are in a zone now."""
        if self._occupancy.get(zone) != count:
            self._occupancy[zone] = count
            self._unsaid.add(zone)

    def repeat_status(self) -> None:
        """Say the status again, changed or not."""
        self._said = None

    def repeat(self) -> None:
        """Say everything again: the broker may have forgotten it."""
        self.repeat_status()
        self._unsaid |= set(self._occupancy)

    async def say_status(self, epoch: Epoch | None, now: Mapping[str, Any]) -> None:
        """Say who we are and how we are, if that is news. What parts reported goes before the ``why`` of this moment."""
        details = {**self._details, **now, "why": self._details.get("why") or now["why"]}
        status = Status("online", self._start_id, epoch, details).to_json()
        if status != self._said and await self._publish(self._topic, status):
            self._said = status

    async def say_occupancy(self) -> None:
        """Say how many are where, of the zones where that changed."""
        for zone in sorted(self._unsaid):
            count = self._occupancy[zone]
            if await self._publish(self._site.zone(zone), Occupancy(zone, count).to_json()):
                self._unsaid.discard(zone)
