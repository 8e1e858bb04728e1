"""The simulated world: everybody's legs, every sender's next packet, and the truth to judge edgehub by."""

import heapq
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from edgehub.sim.air import Air, Fading
from edgehub.sim.badges import Badge, random_address, structure
from edgehub.sim.guests import Guest
from edgehub.sim.venue import Building, Point
from edgehub.sim.walkers import Leg, wander

PHONE_PERIOD_S = 2.0
PHONE_ADDRESS_S = 900.0
"""Phones take another address every quarter of an hour."""
INSIDE_AT_START = 0.4
ARRIVALS_S = 150.0


class Reception(NamedTuple):
    """One packet at one receiver."""

    receiver: str
    at: float
    rssi_dbm: int
    address: bytes
    payload: bytes


class Truth(NamedTuple):
    """From this moment on the guest is in this zone (None: in none)."""

    at: float
    number: int
    zone: str | None


class Walker:
    """Somebody on their way: the leg they are on, and the zones they were in."""

    def __init__(self, legs: Iterator[Leg], number: int, note: Callable[[Truth], None]) -> None:
        self._legs = legs
        self._number = number
        self._note = note
        self.leg = next(legs)
        note(Truth(self.leg.start_s, number, self.leg.zone))

    def move(self, now: float) -> Leg | None:
        """The leg of this moment; None once the walk is over."""
        while self.leg.end_s <= now:
            following = next(self._legs, None)
            if following is None:
                return None
            if following.zone != self.leg.zone:
                self._note(Truth(following.start_s, self._number, following.zone))
            self.leg = following
        return self.leg


class Sender:
    """Something that sends packets: a badge on a walker, a marker on furniture, or a phone in a pocket."""

    def __init__(self, badge: Badge, walker: Walker | None, place: Point) -> None:
        self.badge = badge
        self.walker = walker
        self.place = place
        self.fading = Fading(place, 0.0)
        self.payloads = itertools.cycle(badge.payloads)

    def stands(self, now: float) -> tuple[Point, float | None] | None:
        """Place and direction of the chest; None when the walker has not come yet or is gone."""
        if self.walker is None:
            return self.place, None
        leg = self.walker.move(now)
        if leg is None or leg.start_s > now:
            return None
        return leg.at(now), leg.facing


class World:
    """Everything that walks and sends, in seconds since the doors opened."""

    def __init__(self, building: Building, senders: Sequence[Sender], truth: list[Truth], *, seed: int) -> None:
        self.building = building
        self.truth = truth
        self._receivers = tuple(building.receivers)
        self._rng = random.Random(f"world-{seed}")
        rate = sum(1 / sender.badge.period_s for sender in senders)
        self._air = Air(building, adverts_per_s=rate, seed=seed)
        self._due = [(self._rng.uniform(0, s.badge.period_s), order, s) for order, s in enumerate(senders)]
        heapq.heapify(self._due)

    def advance(self, now: float) -> Iterator[Reception]:
        """Everything received up to this moment, in order of time."""
        due, rng = self._due, self._rng
        while due[0][0] <= now:
            at, order, sender = due[0]
            # The standard adds up to 10 ms of chance to every interval, so that two badges never collide for ever.
            heapq.heapreplace(due, (at + sender.badge.period_s + rng.uniform(0, 0.01), order, sender))
            yield from self._send(sender, at)

    def _send(self, sender: Sender, at: float) -> Iterator[Reception]:
        stands = sender.stands(at)
        if stands is None:
            return
        place, facing = stands
        badge, payload = sender.badge, next(sender.payloads)
        for number, level in self._air.carry(sender.fading, place, facing, badge.power_dbm, at):
            yield Reception(self._receivers[number], at, level, badge.address, payload)


def populate(building: Building, guests: Sequence[Guest], *, seed: int) -> World:
    """The whole conference: guests with badges, half of them with a phone that talks too, and the markers."""
    rng = random.Random(f"arrivals-{seed}")
    truth: list[Truth] = []
    senders = [Sender(badge, None, place) for badge, place in _markers(building, rng)]
    for guest in guests:
        own = random.Random(f"guest-{seed}-{guest.number}")
        legs = wander(building, guest.tastes, own, _arrival(rng))
        walker = Walker(legs, guest.number, truth.append)
        senders.append(Sender(guest.badge, walker, building.entrance))
        if guest.number % 2:
            senders.append(Sender(_phone(rng), walker, building.entrance))
    return World(building, senders, truth, seed=seed)


def _arrival(rng: random.Random) -> float:
    """Some came before the doors opened to us, the others come one by one."""
    return -rng.uniform(60, 300) if rng.random() < INSIDE_AT_START else rng.uniform(0, ARRIVALS_S)


def _markers(building: Building, rng: random.Random) -> Iterator[tuple[Badge, Point]]:
    for number, place in building.markers.values():
        yield Badge.make("ibeacon", number, rng), place


def _phone(rng: random.Random) -> Badge:
    """A phone's own chatter: Apple's "nearby" message, no beacon, to be dropped before any parsing."""
    advert = structure(0x01, b"\x1a") + structure(0xFF, b"\x4c\x00\x10\x05" + rng.randbytes(5))
    return Badge("ibeacon", "", random_address(rng), (advert,), PHONE_PERIOD_S, rng.gauss(-62, 4))
