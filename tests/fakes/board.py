"""A board without a hub: the conference with guests placed by hand, for tests of the page."""

import asyncio
from typing import Any

from edgehub.sim.venue import CONFERENCE

NAMES = {
    "party": "Party lounge",
    "coffee": "Coffee stand",
    "bacon": "Bacon table",
    "acme": "Acme booth",
    "birch": "Birch booth",
    "cobalt": "Cobalt booth",
}
IDLE = {"colour": "#ffd2a1", "state": "idle", "why": "Nobody is here."}
DARK = {"colour": None, "state": "none", "why": ""}


def person(
    number: int, zone: str | None, colour: str = "#ff7f50", *, label: str | None = None, since_s: float = 60
) -> dict[str, Any]:
    """One guest of the board."""
    return {"id": f"p{number}", "label": label, "colour": colour, "zone": zone, "since_s": since_s}


class FakeBoard:
    """Keeps a board that tests change with `show`."""

    def __init__(self) -> None:
        self._changes = asyncio.Event()
        self.board: dict[str, Any] = {
            "site": "dv-conference",
            "event": "Digital Velocity",
            "clock": "2026-11-23T10:42:00-08:00",
            "speed": 1,
            "zones": [
                {
                    "id": room.zone,
                    "name": NAMES[room.zone],
                    "sponsor": room.zone in ("acme", "birch", "cobalt"),
                    "count": 0,
                    "light": IDLE if room.zone in ("party", "coffee", "bacon") else DARK,
                    "box": [room.x, room.y, room.width, room.height],
                }
                for room in CONFERENCE.rooms.values()
            ],
            "people": [],
            "leaders": {},
            "gateways": [
                {"id": name, "state": "online", "radio": "ok", "hue": "ok", "backlog": 0, "why": ""}
                for name in CONFERENCE.receivers
            ],
            "hub": {"state": "ok"},
            "totals": {"guests": 40, "visits": 0},
        }

    def snapshot(self) -> dict[str, Any]:
        """The board of now."""
        return self.board

    async def changed(self) -> None:
        """Wait for the next `show`."""
        await self._changes.wait()
        self._changes.clear()

    def zone(self, name: str) -> dict[str, Any]:
        """The row of one zone."""
        return next(zone for zone in self.board["zones"] if zone["id"] == name)

    def show(self, *people: dict[str, Any], **fields: Any) -> None:
        """Put these guests on the board, count them, and tell the page."""
        self.board |= {"people": list(people), **fields}
        for zone in self.board["zones"]:
            zone["count"] = sum(guest["zone"] == zone["id"] for guest in people)
        self._changes.set()

    def light(self, zone: str, colour: str, why: str) -> None:
        """Light a room in the colour of a guest."""
        self.zone(zone)["light"] = {"colour": colour, "state": "people", "why": why}
        self._changes.set()
