"""Greeting: who stands in which room now, and whom its lamps are told of.

Acts on the fast output of presence. A guest is told to lighting where this gateway speaks for the room and the guest
agreed to lights; nobody else is.
"""

from collections.abc import Callable

from edgehub.core.lighting import Lighting


class Greeter:
    """Keeps lighting in line with where people are.

    Args:
        lighting: the rooms.
        colour: a person's colour, None without their consent.
    """

    def __init__(self, lighting: Lighting, colour: Callable[[str], str | None]) -> None:
        self.lighting = lighting
        self.where: dict[str, str] = {}
        """Person → zone."""
        self._colour = colour
        self._mine: frozenset[str] = frozenset()
        self._lit: dict[str, tuple[str, str]] = {}
        """Person → (zone, colour) as lighting was told."""

    def move(self, person: str, zone: str | None, now: float) -> None:
        """The person is in a zone, or nowhere."""
        if zone is None:
            self.where.pop(person, None)
        else:
            self.where[person] = zone
        self.refresh(person, now)

    def take_over(self, mine: frozenset[str], now: float) -> None:
        """Speak for these zones from now on."""
        self._mine = mine
        self.lighting.speak_for(mine, now)
        self._refresh_all(now)

    def swap(self, lighting: Lighting, now: float) -> None:
        """Take other rooms; whoever is there is told to them anew."""
        self.lighting = lighting
        lighting.speak_for(self._mine, now)
        self._lit.clear()
        self._refresh_all(now)

    def refresh(self, person: str, now: float) -> None:
        """Bring what lighting knows of a person in line with where they are and what they agreed to."""
        zone, colour = self.where.get(person), self._colour(person)
        wanted = (zone, colour) if zone in self._mine and zone is not None and colour is not None else None
        lit = self._lit.get(person)
        if lit == wanted:
            return
        if lit is not None:
            del self._lit[person]
            self.lighting.leave(lit[0], person, now)
        if wanted is not None:
            self._lit[person] = wanted
            self.lighting.arrive(wanted[0], person, wanted[1], now)

    def _refresh_all(self, now: float) -> None:
        for person in list(self.where):
            self.refresh(person, now)
