"""The air between badges and receivers: which packets arrive, and how loud.

Log-distance path loss, a wall or two, the wearer's own body between badge and receiver, slow fading that moves with
the person, fast fading per packet, collisions in a crowd, and a receiver that hears nothing below its sensitivity.
The figures are those of 2.4 GHz indoors: exponent 2.4 in an open hall, some 9 dB through a body.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from edgehub.sim.venue import Building, Point

EXPONENT = 2.4
WALL_DB = 5.0
BODY_DB = 9.0
SLOW_DB = 3.5
SLOW_M = 1.5
"""Distance over which slow fading forgets itself: an arm or a table further it is another picture."""
SLOW_S = 25.0
"""And even who stands still is passed by others."""
FAST_DB = 2.0
DEEP_FADE = 0.08
"""Share of packets that fall into a hole of the interference pattern, losing some 8 dB more."""
SENSITIVITY_DBM = -93.0
AIRTIME_S = 376e-6
"""Of a full legacy advertisement at 1 Mbit/s: 47 bytes of 8 µs."""
OTHER_LOSS = 0.04
"""Share lost for other reasons: the scanner is changing channel, Wi-Fi is talking."""


@dataclass(slots=True)
class Fading:
    """Slow fading of one sender towards each receiver, and where and when it was last drawn."""

    at: Point
    when: float
    decibels: list[float] = field(default_factory=list)


class Air:
    """Carries packets from a place to the receivers of a building; the same seed and calls give the same levels."""

    def __init__(self, building: Building, *, adverts_per_s: float, seed: int) -> None:
        self._rng = random.Random(f"air-{seed}")
        self._building = building
        self._places = [(*place, building.walls_at(*place)) for place in building.receivers.values()]
        self._gain_db = [self._rng.gauss(0, 1.5) for _ in self._places]
        # A packet is lost when another one starts while it is on the air, before or after (ALOHA).
        self._clean = (1 - OTHER_LOSS) * math.exp(-2 * adverts_per_s * AIRTIME_S)

    def carry(
        self, fading: Fading, here: Point, facing: float | None, power_dbm: float, now: float
    ) -> Iterator[tuple[int, int]]:
        """The receivers that hear this packet, as (number, level in dBm). `facing` None: nobody wears the sender."""
        self._drift(fading, here, now)
        walls = self._building.walls_at(*here)
        rng, clean = self._rng, self._clean
        for number, (x, y, room) in enumerate(self._places):
            dx, dy = x - here[0], y - here[1]
            mean = power_dbm + self._gain_db[number] - 5 * EXPONENT * math.log10(max(dx * dx + dy * dy, 0.25))
            if walls != room:
                mean -= WALL_DB
            if mean < SENSITIVITY_DBM - 12:  # too far for any luck: spare the dice
                continue
            if facing is not None:
                mean -= BODY_DB * ((1 - math.cos(math.atan2(dy, dx) - facing)) / 2) ** 1.5
            level = mean + fading.decibels[number] + rng.gauss(0, FAST_DB)
            if rng.random() < DEEP_FADE:
                level -= rng.expovariate(1 / 8)
            if level >= SENSITIVITY_DBM and rng.random() < clean:
                yield number, min(20, round(level))

    def _drift(self, fading: Fading, here: Point, now: float) -> None:
        """Let the slow fading forget by the way walked and the time passed (an autoregressive step)."""
        rng = self._rng
        if not fading.decibels:
            fading.decibels = [rng.gauss(0, SLOW_DB) for _ in self._places]
        moved = math.dist(here, fading.at)
        keep = math.exp(-moved / SLOW_M - (now - fading.when) / SLOW_S)
        fresh = SLOW_DB * math.sqrt(1 - keep * keep)
        fading.decibels = [keep * old + rng.gauss(0, fresh) for old in fading.decibels]
        fading.at, fading.when = here, now
