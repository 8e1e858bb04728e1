"""People walking: seeded agendas as endless sequences of legs, straight and at walking speed, or standing and turning."""

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edgehub.sim.venue import Building, Point, Room

WALKING_M_S = 1.2
OUTSIDE = "outside"
PASSAGE = "passage"

# The day in three parts, in minutes since doors open: coffee first, then bacon and booths, then the party.
# A part weighs every place; no place is ever empty, since an empty room teaches nobody anything.
DAY: tuple[tuple[float, Mapping[str, float]], ...] = (
    (10, {"coffee": 5, "bacon": 1.5, "party": 2, "acme": 1.2, "birch": 1.2, "cobalt": 1.2}),
    (25, {"coffee": 1.5, "bacon": 4, "party": 2, "acme": 2, "birch": 2, "cobalt": 2}),
    (math.inf, {"coffee": 1, "bacon": 1.5, "party": 6, "acme": 1, "birch": 1, "cobalt": 1}),
)
ELSEWHERE = {PASSAGE: 0.4, OUTSIDE: 0.3}

# Median length of a stay in s; drawn lognormal, so that some stay for ages.
STAY_S = {"coffee": 90, "bacon": 120, "party": 240, "acme": 75, "birch": 75, "cobalt": 75, PASSAGE: 30, OUTSIDE: 90}


@dataclass(frozen=True, slots=True)
class Leg:
    """From one place to another in a straight line, or standing where both are the same."""

    start_s: float
    end_s: float
    start: Point
    end: Point
    facing: float
    """Direction the chest points to, radians."""
    zone: str | None
    """The truth: the zone this leg is in."""

    def at(self, now: float) -> Point:
        """Where the walker is at this moment."""
        length = self.end_s - self.start_s
        share = 1.0 if length <= 0 else min(1.0, max(0.0, (now - self.start_s) / length))
        return (
            self.start[0] + share * (self.end[0] - self.start[0]),
            self.start[1] + share * (self.end[1] - self.start[1]),
        )


class Feet:
    """Turns "go there" and "stand there" into legs, from where and when the last one ended."""

    def __init__(self, building: Building, rng: random.Random, *, start: Point, now: float) -> None:
        self.building = building
        self.rng = rng
        self.place = start
        self.zone: str | None = None
        self.now = now

    def go(self, target: Point) -> Leg:
        """Walk there in a straight line."""
        start, self.place = self.place, target
        speed = WALKING_M_S * self.rng.uniform(0.8, 1.2)
        begin, self.now = self.now, self.now + math.dist(start, target) / speed
        facing = math.atan2(target[1] - start[1], target[0] - start[0])
        return Leg(begin, self.now, start, target, facing, self.zone)

    def stand(self, seconds: float) -> Leg:
        """Stay on the spot and look somewhere."""
        begin, self.now = self.now, self.now + seconds
        return Leg(begin, self.now, self.place, self.place, self.rng.uniform(-math.pi, math.pi), self.zone)

    def enter(self, room: Room) -> Iterator[Leg]:
        """Along the passage and through the door."""
        yield from self._along_passage(room.door[0])
        yield self.go(room.door)
        self.zone = room.zone

    def leave(self) -> Iterator[Leg]:
        """To the door and out, when in a room."""
        if self.zone is None:
            return
        door = self.building.rooms[self.zone].door
        yield self.go(door)
        self.zone = None
        yield from self._along_passage(door[0])

    def linger(self, room: Room, seconds: float) -> Iterator[Leg]:
        """Stand, turn and take some steps inside the room for about this long."""
        until = self.now + seconds
        while self.now < until:
            yield self.go(self.spot(room))
            for _ in range(self.rng.randint(1, 4)):
                yield self.stand(self.rng.uniform(3, 15))

    def spot(self, room: Room) -> Point:
        """A place in the room, an arm's length from its edges."""
        rng, edge = self.rng, 0.7
        return (
            rng.uniform(room.x + edge, room.x + room.width - edge),
            rng.uniform(room.y + edge, room.y + room.height - edge),
        )

    def hang_about(self, seconds: float) -> Iterator[Leg]:
        """Stand somewhere in the passage."""
        yield from self._along_passage(self.rng.uniform(1, self.building.width - 1))
        until = self.now + seconds
        while self.now < until:
            yield self.stand(self.rng.uniform(3, 15))

    def step_out(self, seconds: float) -> Iterator[Leg]:
        """Leave the building, out of reach of every receiver, and come back."""
        yield self.go(self.building.entrance)
        yield self.go((self.building.entrance[0] + 60, self.building.entrance[1]))
        yield self.stand(seconds)
        yield self.go(self.building.entrance)

    def _along_passage(self, x: float) -> Iterator[Leg]:
        y = self.rng.uniform(*self.building.passage_y)
        yield self.go((self.place[0], y))
        yield self.go((x, y))


def wander(building: Building, tastes: Mapping[str, float], rng: random.Random, arrives_s: float) -> Iterator[Leg]:
    """The endless day of one guest, who comes through the entrance at `arrives_s` (s since doors open).

    A negative arrival means that the guest is already somewhere inside when the simulation starts.
    """
    feet = Feet(building, rng, start=building.entrance, now=arrives_s)
    while True:
        place = _choose(feet, tastes, rng)
        stay = STAY_S[place] * rng.lognormvariate(0, 0.6)
        yield from feet.leave()
        match place:
            case "outside":
                yield from feet.step_out(stay)
            case "passage":
                yield from feet.hang_about(stay)
            case zone:
                room = building.rooms[zone]
                yield from feet.enter(room)
                yield from feet.linger(room, stay)


def _choose(feet: Feet, tastes: Mapping[str, float], rng: random.Random) -> str:
    """Where to next: the part of the day times own taste, and never where one is."""
    weights = next(weights for until_min, weights in DAY if feet.now < until_min * 60)
    liked = {zone: weight * tastes.get(zone, 1.0) for zone, weight in weights.items() if zone != feet.zone}
    liked |= ELSEWHERE
    return rng.choices(list(liked), weights=list(liked.values()))[0]


def survey(building: Building, seconds: float, rng: random.Random) -> Iterator[Leg]:
    """The walk of whoever calibrates: every zone for this long, then as long in the passage. It ends."""
    feet = Feet(building, rng, start=building.entrance, now=0.0)
    for room in building.rooms.values():
        yield from feet.enter(room)
        yield from _pace(feet, room, seconds)
        yield from feet.leave()
    until = feet.now + seconds
    while feet.now < until:
        yield from feet.hang_about(4)


def _pace(feet: Feet, room: Room, seconds: float) -> Iterator[Leg]:
    """Walk about the whole room, turning, as the instructions of `edgehub calibrate` ask."""
    until = feet.now + seconds
    while feet.now < until:
        yield feet.go(feet.spot(room))
        yield feet.stand(1.5)
        yield feet.stand(1.5)
