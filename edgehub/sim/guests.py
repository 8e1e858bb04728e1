"""The cast of the simulation: who comes, in which favourite colour, what they like, and what they agreed to."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from edgehub.sim.badges import Badge

NAMES = (
    "Ada", "Aiko", "Alex", "Amara", "Anouk", "Ben", "Bianca", "Bo", "Carla", "Chidi", "Clara", "Dana", "Diego",
    "Edda", "Eli", "Emre", "Esra", "Farah", "Felix", "Finn", "Freya", "Gio", "Grace", "Hana", "Hugo", "Ida", "Ines",
    "Ivo", "Jada", "Jonas", "June", "Kai", "Kim", "Lars", "Leila", "Lena", "Leo", "Lin", "Luca", "Maja", "Malik",
    "Maya", "Mei", "Mila", "Milo", "Nadia", "Nia", "Nico", "Noa", "Olga", "Omar", "Otto", "Pia", "Priya", "Quinn",
    "Rafa", "Rosa", "Ruth", "Sam", "Sana", "Sofia", "Tariq", "Theo", "Tom", "Uma", "Vera", "Viktor", "Wanda", "Yara",
    "Yuki", "Zoe",
)  # fmt: skip

# CSS names, as people write them at registration.
COLOURS = (
    "crimson", "tomato", "coral", "orange", "gold", "khaki", "yellowgreen", "limegreen", "seagreen", "turquoise",
    "deepskyblue", "dodgerblue", "royalblue", "slateblue", "mediumpurple", "orchid", "hotpink", "deeppink", "salmon",
    "white",
)  # fmt: skip

BANDS = ("Air", "Björk", "Daft Punk", "Goldfrapp", "Jungle", "Khruangbin", "Moloko", "Portishead", "Röyksopp", "The xx")
EVERYTHING = ("lights", "music", "offers", "analytics", "screen")


@dataclass(frozen=True, slots=True)
class Guest:
    """One person of the simulation and the badge around their neck."""

    number: int
    badge: Badge
    first_name: str
    colour: str
    bands: tuple[str, ...]
    consent: tuple[str, ...]
    tastes: dict[str, float]
    """Zone → how much more than others this guest likes it."""


def invite(count: int, zones: Sequence[str], seed: int) -> list[Guest]:
    """`count` guests with badges 1001 and up; the same seed gives the same people."""
    rng = random.Random(f"guests-{seed}")
    return [_guest(1001 + index, zones, rng) for index in range(count)]


def _guest(number: int, zones: Sequence[str], rng: random.Random) -> Guest:
    return Guest(
        number=number,
        badge=Badge.issue(number, rng),
        first_name=NAMES[(number - 1001) % len(NAMES)],
        colour=rng.choice(COLOURS),
        bands=tuple(rng.sample(BANDS, 2)),
        consent=_consent(rng),
        tastes={zone: rng.lognormvariate(0, 0.8) for zone in zones},
    )


def _consent(rng: random.Random) -> tuple[str, ...]:
    """Most agree to everything, some keep their name off the screens, a few keep out of the lights."""
    roll = rng.random()
    if roll < 0.06:
        return tuple(purpose for purpose in EVERYTHING if purpose != "lights")
    return tuple(purpose for purpose in EVERYTHING if roll > 0.2 or purpose != "screen")
