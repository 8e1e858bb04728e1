"""One room of a bridge: what each lamp should show, what it is known to show, and when nobody may touch it."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from edgehub.core.data import dataclass
from edgehub.core.sharing import Sharing

MANUAL_S: Final = 30 * 60.0
"""What staff set by hand stays until the room next empties, and never longer than this (the venue's rule)."""
SETTLE_S: Final = 5.0
"""After taking over a room, time for the guests in it to be heard before it is taken for empty."""
SPACING_S: Final = 1 / 3
"""Between two commands to one lamp: 3 Hz is the limit for flashing light (WCAG 2.3.1)."""
RETRY_S: Final = 1.0
"""After a failure; the budget of a bridge in trouble is not to be burnt on one lamp."""


class Look(NamedTuple):
    """What a lamp shows: somebody's colour, or with None the room's idle scene."""

    colour: str | None
    person: str | None


IDLE: Final = Look(None, None)


@dataclass(slots=True)
class Lamp:
    """What we want of a lamp and know of it. Times are real time, s."""

    wanted: Look | None = None
    wished_at: float = 0.0
    shown: Look | None = None
    """What the bridge last confirmed; None when nobody knows."""
    told_at: float = float("-inf")
    retry_at: float = float("-inf")

    @property
    def pending(self) -> bool:
        """True while the lamp is not known to show what it should."""
        return self.wanted is not None and self.wanted != self.shown

    @property
    def ready_at(self) -> float:
        """When it may be told something again."""
        return max(self.told_at + SPACING_S, self.retry_at)

    def want(self, look: Look | None, now: float) -> None:
        """A wish is as old as the first moment it differed from the one before."""
        if look != self.wanted:
            self.wanted, self.wished_at = look, now


class Command(NamedTuple):
    """One thing to tell the bridge, when its budget allows."""

    urgent: bool
    """Somebody in the room was not seen yet."""
    wished_at: float
    lamp: str | None
    """None is the whole room: its idle scene."""
    look: Look
    ready_at: float


class Room:
    """The lamps of one room and the people in front of them.

    Args:
        bridge: nickname.
        name: of the room on the bridge.
        idle: name of the scene for the empty room; None is "as the lamps were found".
        people: whether guests' colours are shown at all.
    """

    def __init__(self, bridge: str, name: str, idle: str | None, *, people: bool) -> None:
        self.bridge, self.name, self.idle, self.people = bridge, name, idle, people
        self.sharing = Sharing()
        self.due: float | None = None
        """When to plan again."""
        self.why = ""
        """Why the last command failed; empty when it did not."""
        self.manual_until: float | None = None
        self._lamps: dict[str, Lamp] = {}
        self._scene_at_once = False
        self._touched = False  # the lamps may show what we told them
        self._idle_from = float("-inf")
        self._occupied = False

    def know(self, lamps: Iterable[str], *, scene_at_once: bool, all_new: bool, now: float) -> None:
        """These are the lamps of the room; a scene is one command, or one for each lamp.

        ``all_new`` says that nobody knows what they show, as after an outage; else only of lamps that are new.
        """
        self._lamps = {lamp: self._lamps.get(lamp, Lamp()) for lamp in lamps}
        self._scene_at_once = scene_at_once and self.idle is not None
        self.sharing.have(self._lamps, now)
        self.due = now
        if all_new:
            self._forget_shown(now)

    def take_over(self, now: float) -> None:
        """We speak for the room from now on; if it stays empty, its idle scene undoes what was there before us."""
        self._touched, self._idle_from = self.idle is not None, now + SETTLE_S
        self.due = now

    def hand_over(self) -> None:
        """Somebody else speaks for the room: forget its people, touch nothing."""
        self.sharing.clear()
        self.manual_until, self._touched, self.due, self._occupied = None, False, None, False
        for lamp in self._lamps.values():
            lamp.wanted = lamp.shown = None

    def enter(self, person: str, colour: str, now: float) -> None:
        """Somebody is here."""
        if self.people:
            self.sharing.enter(person, colour, now)
            self.due = now

    def leave(self, person: str, now: float) -> None:
        """Somebody has left."""
        self.sharing.leave(person)
        self.due = now

    def changed_by_hand(self, now: float) -> None:
        """Staff set lamps themselves."""
        self.manual_until, self.due = now + MANUAL_S, now
        self._touched = True
        self._forget_shown(now)

    def plan(self, now: float) -> None:
        """Decide what every lamp should show now, and when to decide again."""
        look_again = self.sharing.deal(now)
        self._end_manual(now)
        self._occupied = not self.sharing.empty
        for lamp_id, lamp in self._lamps.items():
            lamp.want(self._look(lamp_id, now), now)
        waits = (look_again, self.manual_until, self._idle_from if self._idle_from > now else None)
        self.due = min((at for at in waits if at is not None), default=None)

    def commands(self) -> Iterator[Command]:
        """What is still to be told."""
        pending = {name: lamp for name, lamp in self._lamps.items() if lamp.pending}
        if pending and self._scene_at_once and all(lamp.wanted == IDLE for lamp in self._lamps.values()):
            ready = max(lamp.ready_at for lamp in self._lamps.values())
            yield Command(False, min(lamp.wished_at for lamp in pending.values()), None, IDLE, ready)
            return
        for name, lamp in pending.items():
            assert lamp.wanted is not None
            guest = self.sharing.guest(lamp.wanted.person)
            yield Command(guest is not None and guest.lit_at is None, lamp.wished_at, name, lamp.wanted, lamp.ready_at)

    def told(self, lamp: str | None, look: Look, now: float, *, shown: bool) -> bool:
        """The bridge answered a command. True when this is news: somebody's first light, or the room is idle now."""
        lamps = {name: self._lamps[name] for name in self._lamps if lamp in (None, name)}
        for each in lamps.values():
            each.told_at = now
            each.shown = look if shown else None
            each.retry_at = float("-inf") if shown else now + RETRY_S
        self.due = now
        if look == IDLE:
            return shown and self._idle_reached()
        self._touched = True  # a command that failed may have reached the lamp all the same
        news = [self.sharing.lit(name, now) for name, each in lamps.items() if shown and each.wanted == look]
        return any(news)

    def renew(self, stale_s: float, now: float) -> bool:
        """Drop wishes that old for new ones, of what is right now. True when there were any."""
        # The very sum that the deadline is: rounded another way, the deadline would pass and nothing would be done.
        old = [lamp for lamp in self._lamps.values() if lamp.pending and lamp.wished_at + stale_s <= now]
        for lamp in old:
            lamp.wished_at = now
        return bool(old)

    def holds_lamp(self, person: str) -> bool:
        """True when a lamp is or should be theirs."""
        return person in self.sharing.holder.values()

    @property
    def lit_colour(self) -> str | None:
        """The colour of whoever was lit last."""
        looks = [lamp.shown for lamp in sorted(self._lamps.values(), key=lambda lamp: lamp.told_at, reverse=True)]
        return next((look.colour for look in looks if look and look.colour), None)

    def _look(self, lamp: str, now: float) -> Look | None:
        """What is right for a lamp now; None is: leave it alone."""
        if self.manual_until is not None:
            return None
        guest = self.sharing.guest(self.sharing.holder.get(lamp))
        if guest is not None:
            return Look(guest.colour, guest.person)
        return IDLE if self.sharing.empty and self._touched and now >= self._idle_from else None

    def _end_manual(self, now: float) -> None:
        emptied = self._occupied and self.sharing.empty
        if self.manual_until is not None and (emptied or now >= self.manual_until):
            self.manual_until = None

    def _idle_reached(self) -> bool:
        reached = self._touched and all(lamp.shown == IDLE for lamp in self._lamps.values())
        self._touched = self._touched and not reached
        return reached

    def _forget_shown(self, now: float) -> None:
        self.sharing.unlit()
        for lamp in self._lamps.values():
            lamp.shown, lamp.wished_at, lamp.retry_at = None, now, float("-inf")
        self.due = now
