"""Sharing a room's lamps fairly among the guests in it.

One guest has every lamp. More guests split the lamps evenly. When there are more guests than lamps, lamps take turns:
a newcomer waits only until somebody's *moment* is over, and those who have been seen take calmer turns of twice that.
A moment begins when the bridge has confirmed the first lamp, not when somebody wished for it, and the guest keeps at
least one lamp all through it, even after leaving: presence may flicker, light should not.
"""

from collections.abc import Iterable
from typing import Final

from edgehub.core.data import dataclass

MOMENT_S: Final = 3.0
"""Every arrival is seen at least this long (the venue's own rule)."""
TURN_S: Final = 2 * MOMENT_S
"""How long a turn is once everybody waiting has been seen before: a room changes calmly."""


@dataclass(slots=True)
class Guest:
    """Somebody with a colour in the room."""

    person: str
    colour: str
    since: float
    lit_at: float | None = None
    """When the first lamp of the present turn was confirmed; None while none is."""
    last_turn: float | None = None
    """When the turn before ended."""
    seen: bool = False
    """True once a lamp was confirmed to show them in this colour; until then they are a newcomer."""
    gone: bool = False
    refused: bool = False
    """True once it was reported that their colour could not be shown."""

    def over_at(self, length_s: float) -> float | None:
        """When this turn has lasted so long; None while nothing of it was seen."""
        return None if self.lit_at is None else self.lit_at + length_s


class Sharing:
    """Who holds which lamp of one room. Times are real time, s."""

    def __init__(self) -> None:
        self.holder: dict[str, str | None] = {}
        """Lamp → person; None is nobody's."""
        self._lit: set[str] = set()  # lamps confirmed to show their holder
        self._guests: dict[str, Guest] = {}  # in order of arrival

    @property
    def people(self) -> tuple[str, ...]:
        """Who is in the room, in order of arrival."""
        return tuple(guest.person for guest in self._guests.values() if not guest.gone)

    @property
    def empty(self) -> bool:
        """True when nobody is there and nobody's moment is under way."""
        return not self._guests

    def guest(self, person: str | None) -> Guest | None:
        """The guest with this id, if here."""
        return self._guests.get(person) if person is not None else None

    def have(self, lamps: Iterable[str], now: float) -> None:
        """Have these lamps to share from now on."""
        kept = dict.fromkeys(lamps)
        for lamp in [lamp for lamp in self.holder if lamp not in kept]:
            self._take_away(lamp, now)
        self.holder = {lamp: self.holder.get(lamp) for lamp in kept}

    def enter(self, person: str, colour: str, now: float) -> None:
        """Somebody is here, or is still here with another colour."""
        guest = self._guests.get(person)
        if guest is None:
            self._guests[person] = Guest(person, colour, now)
            return
        guest.gone = False
        if guest.colour != colour:
            guest.colour, guest.lit_at, guest.seen, guest.refused = colour, None, False, False
            self._lit.difference_update(self._held_by(person))

    def leave(self, person: str) -> None:
        """Somebody has left; a moment under way is finished first."""
        if guest := self._guests.get(person):
            guest.gone = True

    def clear(self) -> None:
        """Forget everybody at once."""
        self._guests.clear()
        self._lit.clear()
        self.holder = dict.fromkeys(self.holder)

    def lit(self, lamp: str, now: float) -> bool:
        """The bridge confirmed this lamp; True when it is the first its holder is seen in."""
        guest = self.guest(self.holder.get(lamp))
        if guest is None:
            return False
        self._lit.add(lamp)
        first, guest.seen = not guest.seen, True
        guest.lit_at = now if guest.lit_at is None else guest.lit_at
        return first

    def unlit(self) -> None:
        """Nobody knows any more what the lamps show."""
        self._lit.clear()
        for guest in self._guests.values():
            guest.lit_at = None

    def waiting(self) -> Iterable[Guest]:
        """Newcomers in the room who were not seen yet."""
        return (guest for guest in self._guests.values() if not guest.seen and not guest.gone)

    def deal(self, now: float) -> float | None:
        """Give every lamp to whom it belongs now; returns when to look again, None when nobody waits."""
        self._dismiss(now)
        while self.holder and (waiting := self._neediest()) and (lamp := self._spare(waiting, now)):
            self._give(lamp, waiting, now)
        self._fill(now)
        return self._look_again(now)

    def _dismiss(self, now: float) -> None:
        """Forget guests who left, once their moment is over or if it never began."""
        for guest in [guest for guest in self._guests.values() if guest.gone]:
            over = guest.over_at(MOMENT_S)
            if over is None or over <= now or not self._held_by(guest.person):
                for lamp in self._held_by(guest.person):
                    self._take_away(lamp, now)
                del self._guests[guest.person]

    def _neediest(self) -> Guest | None:
        """Of those with less than their even share: who has least, newcomers first, then who waited longest."""
        count = self._counts()
        share = max(1, len(self.holder) // len(count)) if count else 0
        needy = [guest for guest in self._guests.values() if not guest.gone and count[guest.person] < share]
        return min(needy, key=lambda guest: (count[guest.person], _waiting_since(guest)), default=None)

    def _spare(self, waiting: Guest, now: float) -> str | None:
        """A lamp for them: nobody's, else one of somebody with more, else that of a turn that is over."""
        count = self._counts()
        free = [lamp for lamp, person in self.holder.items() if person is None]
        if free:
            return free[0]
        richest = max(self._guests.values(), key=lambda guest: (count[guest.person], guest.gone))
        if count[richest.person] > count[waiting.person] + 1:
            return self._dispensable(richest)
        return self._turn_over(TURN_S if waiting.seen else MOMENT_S, now)

    def _dispensable(self, guest: Guest) -> str:
        """A lamp this guest loses least by: one not lit yet, else the last."""
        held = self._held_by(guest.person)
        return next((lamp for lamp in held if lamp not in self._lit), held[-1])

    def _turn_over(self, length_s: float, now: float) -> str | None:
        """The lamp of whoever has been seen longest, if that is long enough."""
        seen = [(over, lamp) for lamp, over in self._turns(length_s) if over <= now]
        return min(seen)[1] if seen else None

    def _turns(self, length_s: float) -> list[tuple[str, float]]:
        """Lamp → when its holder's turn is over."""
        holders = ((lamp, self.guest(person)) for lamp, person in self.holder.items())
        overs = ((lamp, guest.over_at(length_s)) for lamp, guest in holders if guest)
        return [(lamp, over) for lamp, over in overs if over is not None]

    def _fill(self, now: float) -> None:
        """Lamps nobody needed go to whoever has fewest."""
        here = [guest for guest in self._guests.values() if not guest.gone]
        for lamp in [lamp for lamp, person in self.holder.items() if person is None] if here else ():
            count = self._counts()
            self._give(lamp, min(here, key=lambda guest: count[guest.person]), now)

    def _look_again(self, now: float) -> float | None:
        waiting = any(not held for held in self._counts().values()) or any(g.gone for g in self._guests.values())
        lengths = (MOMENT_S, TURN_S) if waiting else ()
        return min((over for length in lengths for _, over in self._turns(length) if over > now), default=None)

    def _give(self, lamp: str, guest: Guest, now: float) -> None:
        self._take_away(lamp, now)
        self.holder[lamp] = guest.person

    def _take_away(self, lamp: str, now: float) -> None:
        person = self.holder.get(lamp)
        self.holder[lamp] = None
        self._lit.discard(lamp)
        guest = self.guest(person)
        if guest is not None and not self._held_by(guest.person):
            if guest.lit_at is not None:
                guest.last_turn = now
            guest.lit_at = None

    def _held_by(self, person: str) -> list[str]:
        return [lamp for lamp, holder in self.holder.items() if holder == person]

    def _counts(self) -> dict[str, int]:
        count = dict.fromkeys(self._guests, 0)
        for person in self.holder.values():
            if person is not None:
                count[person] += 1
        return count


def _waiting_since(guest: Guest) -> tuple[bool, float]:
    return guest.seen, guest.since if guest.last_turn is None else guest.last_turn
