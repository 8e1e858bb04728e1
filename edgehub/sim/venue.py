"""The simulated venue: a conference hall with a party lounge, coffee, bacon and three sponsor booths, in metres.

Its staff's files are the ones of a real venue (see `files`); this module is the building itself, which no gateway ever
sees. x runs to the right and y downwards, as on the page.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Room:
    """A zone's floor: a rectangle, and the one place where people come in."""

    zone: str
    x: float
    y: float
    width: float
    height: float
    door: Point
    walled: bool = False
    """Walls cost the radio some decibels; booths are open."""

    def holds(self, x: float, y: float) -> bool:
        """Whether this point lies in the room."""
        return self.x <= x < self.x + self.width and self.y <= y < self.y + self.height


@dataclass(frozen=True, slots=True)
class Building:
    """Rooms along a passage, where the gateways hang, and where the markers are glued."""

    width: float
    height: float
    rooms: Mapping[str, Room]
    receivers: Mapping[str, Point]
    markers: Mapping[str, tuple[int, Point]]
    """Marker id → its badge number and place."""
    entrance: Point
    passage_y: tuple[float, float]
    """Between the rooms people walk in this band."""

    def walls_at(self, x: float, y: float) -> str | None:
        """The walled room around this point, if any."""
        return next((room.zone for room in self.rooms.values() if room.walled and room.holds(x, y)), None)

    def plan(self) -> dict[str, object]:
        """The floor plan as learned.yaml keeps it: ``{"size": [w, h], "zones": {zone: [x, y, width, height]}}``."""
        boxes = {room.zone: [room.x, room.y, room.width, room.height] for room in self.rooms.values()}
        return {"size": [self.width, self.height], "zones": boxes}


ROOMS = (
    Room("party", 0, 0, 15, 11, door=(10, 11), walled=True),
    Room("coffee", 19.5, 0, 8.5, 7.5, door=(23.5, 7.5)),
    Room("bacon", 35, 0, 8.5, 7.5, door=(39, 7.5)),
    Room("acme", 1, 19, 9, 6.5, door=(5.5, 19)),
    Room("birch", 18, 19, 9, 6.5, door=(22.5, 19)),
    Room("cobalt", 34.5, 19, 9, 6.5, door=(39, 19)),
)

CONFERENCE = Building(
    width=43.5,
    height=25.5,
    rooms={room.zone: room for room in ROOMS},
    receivers={
        "pi-lounge": (4, 6.5),
        "pi-bar": (12, 3),
        "pi-coffee": (23.5, 2.5),
        "pi-bacon": (39, 2.5),
        "pi-expo": (5.5, 23),
        "pi-expo2": (22.5, 23),
        "pi-expo3": (39, 23),
    },
    markers={"bacon-tray": (9001, (40.5, 3.5)), "coffee-bar": (9002, (22, 3.5)), "dj-booth": (9003, (6, 3))},
    entrance=(43.5, 13),
    passage_y=(12, 14.8),
)
