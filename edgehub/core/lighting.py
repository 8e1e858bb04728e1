"""Whose colour a room shows, and how often a bridge may be told: pure decisions over real time.

Lighting holds *what is right now* for every lamp and compares it with what the bridge has confirmed; the difference is
told one command at a time. So there is no queue in which a wish could grow old: whenever the bridge is free the newest
state is what it gets, and a wish that could not be told within 10 s is dropped for a new one of what is right then.

A colour is told to each lamp, because each has its own gamut; an idle scene is one command to the room. With several
gateways on one bridge nobody knows what the others send in the same second, so scenes are then told lamp by lamp too,
and the bridge's one group command a second is left to staff.

The loop of whoever owns a Lighting: tell it ``arrive``, ``leave`` and every ``Report`` of the bridges; after each, and
at ``next_deadline()``, hand the wishes of ``advance(now)`` to their bridges and record ``outcomes()``.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import field
from typing import Final, assert_never

from edgehub.core.budget import Budget, group_budget, light_budget
from edgehub.core.data import dataclass
from edgehub.core.room import Command, Look, Room
from edgehub.core.venue import ZoneLights
from edgehub.core.wish import (
    BackendState,
    BridgeLost,
    Done,
    LampsChanged,
    LightBackend,
    LightRefused,
    LightShown,
    Outcome,
    Report,
    RoomLamps,
    RoomsKnown,
    Wish,
    ZoneLook,
)

__all__ = [
    "BackendState",
    "BridgeLost",
    "Done",
    "LampsChanged",
    "LightBackend",
    "LightRefused",
    "LightShown",
    "Lighting",
    "Outcome",
    "Report",
    "RoomLamps",
    "RoomsKnown",
    "Wish",
    "ZoneLook",
]

STALE_S: Final = 10.0
"""A wish this old is dropped: nobody connects a light with what they did ten seconds ago."""


@dataclass(slots=True)
class _Bridge:
    share: int
    lights: Budget
    groups: Budget
    why: str | None = "it was not reached yet"
    """Why it cannot be spoken to; None while it can."""
    in_flight: Wish | None = None
    rooms: Mapping[str, RoomLamps] = field(default_factory=dict)

    def free_at(self, command: Command) -> float | None:
        """When this command may go; None while an answer is awaited or nobody is there."""
        if self.in_flight is not None or self.why is not None:
            return None
        budget = self._budget(command.lamp).free_at(urgent=command.urgent)
        return None if budget is None else max(budget, command.ready_at)

    def send(self, wish: Wish) -> None:
        self.in_flight = wish
        self._budget(wish.lamp).take()

    def answered(self, wish: Wish, now: float) -> None:
        self.in_flight = None
        self._budget(wish.lamp).answered(now)

    def _budget(self, lamp: str | None) -> Budget:
        return self.groups if lamp is None else self.lights


class Lighting:
    """The lamps of all zones with lights. All times are real time, s, and never run back.

    Args:
        zones: zone → its lights. Zones with the same room share it.
        share: bridge → number of gateways whose zones use it; a bridge not named is used by one.
        before: what this one replaces after a reload: rooms that stay keep their guests and lamps, bridges their budget.
    """

    def __init__(
        self, zones: Mapping[str, ZoneLights], share: Mapping[str, int], *, before: "Lighting | None" = None
    ) -> None:
        self._rooms: dict[tuple[str, str], Room] = {}
        self._zones: dict[str, Room] = {}
        self._bridges: dict[str, _Bridge] = {}
        self._outcomes: list[Outcome] = []
        self._where: dict[tuple[Room, str], str] = {}  # which zone of a room a guest stands in
        self._mine: Collection[str] | None = None
        self._stirred = False  # something happened since the last advance
        self._deadline: float | None = None
        for zone, lights in zones.items():
            self._add(zone, lights, share.get(lights.bridge, 1))
        if before is not None:
            self._carry_over(before)

    def speak_for(self, zones: Collection[str], now: float) -> None:
        """Drive the lamps of these zones and no others from now on; before the first call, of all who arrive.

        Rooms that become ours are set to idle unless somebody turns up within 5 s. Rooms that are ours no more are
        left as they are, for the gateway that speaks for them now.
        """
        before, self._mine, self._stirred = self._mine or (), frozenset(zones), True
        for room in self._rooms.values():
            ours = {zone for zone, its_room in self._zones.items() if its_room is room}
            if ours & self._mine and not ours & set(before):
                room.take_over(now)
            elif ours & set(before) and not ours & self._mine:
                room.hand_over()

    def arrive(self, zone: str, person: str, colour: str, now: float) -> None:
        """Somebody with a colour ("#rrggbb") is in a zone; again with another colour, it replaces the first."""
        room = self._room(zone)
        if room is not None:
            self._stirred, self._where[room, person] = True, zone
            room.enter(person, colour, now)

    def leave(self, zone: str, person: str, now: float) -> None:
        """Somebody has left a zone; nothing happens when they are in another zone of the same room by now."""
        room = self._room(zone)
        if room is not None and self._where.get((room, person)) == zone:
            self._stirred = True
            del self._where[room, person]
            room.leave(person, now)

    def take(self, report: Report, now: float) -> None:
        """Learn what a bridge reports."""
        bridge = self._bridges.get(report.wish.bridge if isinstance(report, Done) else report.bridge)
        if bridge is None:
            return
        self._stirred = True
        match report:
            case RoomsKnown():
                was_lost, bridge.why, bridge.rooms = bridge.why is not None, None, report.rooms
                self._know_rooms(report.bridge, bridge, now, all_new=was_lost)
            case BridgeLost():
                bridge.why = report.why
            case LampsChanged():
                self._changed_by_hand(report, now)
            case Done() if report.wish == bridge.in_flight:
                at = max(now, report.answered_at or now)  # whoever reads events in batches may lag behind the bridge
                bridge.answered(report.wish, at)
                self._done(report, at)
            case Done():
                pass  # of a Lighting before a reload, and not carried over
            case _:
                assert_never(report)

    def advance(self, now: float) -> list[Wish]:
        """What to hand to the bridges now: at most one wish each. Extra calls change nothing."""
        if not self._stirred and (self._deadline is None or now < self._deadline):
            return []
        for room in self._rooms.values():
            if room.due is not None and room.due <= now:
                room.plan(now)
            self._refuse(room, now)
            room.renew(STALE_S, now)
        wishes = [self._next(name, bridge, now) for name, bridge in self._bridges.items()]
        self._stirred, self._deadline = False, min(self._deadlines(now), default=None)
        return [wish for wish in wishes if wish is not None]

    def next_deadline(self) -> float | None:
        """When to call ``advance`` again if nothing happens: at once is -inf; None when nothing is to be done."""
        return float("-inf") if self._stirred else self._deadline

    def outcomes(self) -> list[Outcome]:
        """What became of wishes since the last call, for the record."""
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def look(self, zone: str) -> ZoneLook:
        """What the lamps of a zone show, as far as is known."""
        room = self._room(zone)
        if room is None:
            return ZoneLook("unknown", why="this gateway does not drive its lamps")
        why = self._why_dark(room)
        if why:
            return ZoneLook("unknown", why=why)
        if room.manual_until is not None:
            return ZoneLook("manual", why="staff set the lamps by hand")
        if room.why:
            return ZoneLook("refused", room.lit_colour, room.why)
        return ZoneLook("idle" if room.sharing.empty else "people", room.lit_colour)

    def _add(self, zone: str, lights: ZoneLights, share: int) -> None:
        key = lights.bridge, lights.room
        self._bridges.setdefault(lights.bridge, _Bridge(share, light_budget(share), group_budget(share)))
        self._zones[zone] = self._rooms.setdefault(key, Room(*key, lights.idle, people=lights.people))

    def _carry_over(self, before: "Lighting") -> None:
        """Keep what a reload did not change: a bridge's budget runs on, and lamps need not be told again."""
        # One Lighting reads another here; that is no trespass, hence the noqa.
        self._mine, self._stirred, self._outcomes = before._mine, True, before._outcomes  # noqa: SLF001
        self._where.update(before._where)  # noqa: SLF001
        for name, bridge in self._bridges.items():
            old = before._bridges.get(name)  # noqa: SLF001
            if old is not None and old.share == bridge.share:
                self._bridges[name] = old
        for key, room in self._rooms.items():
            old_room = before._rooms.get(key)  # noqa: SLF001
            if old_room is not None and (old_room.idle, old_room.people) == (room.idle, room.people):
                self._rooms[key] = old_room
        self._zones = {zone: self._rooms[room.bridge, room.name] for zone, room in self._zones.items()}

    def _room(self, zone: str) -> Room | None:
        return self._zones.get(zone) if self._mine is None or zone in self._mine else None

    def _know_rooms(self, name: str, bridge: _Bridge, now: float, *, all_new: bool) -> None:
        for (its_bridge, room_name), room in self._rooms.items():
            if its_bridge == name:
                known = bridge.rooms.get(room_name, RoomLamps(()))
                room.know(known.lamps, scene_at_once=known.scene and bridge.share == 1, all_new=all_new, now=now)

    def _changed_by_hand(self, report: LampsChanged, now: float) -> None:
        ours = {id(room) for zone in self._zones if (room := self._room(zone)) is not None}
        for room in self._rooms.values():
            # In a room that another gateway drives, its work looks like somebody's hand.
            if room.bridge == report.bridge and id(room) in ours and not report.lamps.isdisjoint(room.sharing.holder):
                room.changed_by_hand(now)

    def _next(self, name: str, bridge: _Bridge, now: float) -> Wish | None:
        """The most pressing command this bridge may be told now: who was not seen yet first, then the oldest wish."""
        ready = [
            (not command.urgent, command.wished_at, order, room, command)
            for order, (room, command) in enumerate(self._commands(name))
            if (free_at := bridge.free_at(command)) is not None and free_at <= now
        ]
        if not ready:
            return None
        *_, room, command = min(ready, key=lambda each: each[:3])
        wish = _wish(room, command)
        bridge.send(wish)
        return wish

    def _commands(self, bridge: str) -> Iterator[tuple[Room, Command]]:
        for room in self._rooms.values():
            if room.bridge == bridge:
                for command in room.commands():
                    yield room, command

    def _done(self, report: Done, now: float) -> None:
        wish = report.wish
        room = self._rooms.get((wish.bridge, wish.room))
        if room is None:
            return
        room.why = "" if report.ok else report.why
        person = wish.people[0] if wish.people else None
        if room.told(wish.lamp, Look(wish.colour, person), now, shown=report.ok):
            self._outcomes.append(LightShown(self._zone_of(room, person), wish.colour, wish.scene, person, now))

    def _refuse(self, room: Room, now: float) -> None:
        """Report newcomers who waited 10 s for a bridge (waiting for a turn among many guests is no refusal)."""
        for guest in room.sharing.waiting():
            why = self._why_dark(room) or (room.why if room.holds_lamp(guest.person) else "")
            if why and not guest.refused and guest.since + STALE_S <= now:
                guest.refused = True
                zone = self._zone_of(room, guest.person)
                self._outcomes.append(LightRefused(zone, guest.colour, guest.person, why, now))

    def _why_dark(self, room: Room) -> str:
        why = self._bridges[room.bridge].why
        if why is not None:
            return f"Hue bridge {room.bridge!r}: {why}"
        known = self._bridges[room.bridge].rooms.get(room.name)
        return "" if known and known.lamps else f"Hue bridge {room.bridge!r} has no lamps to reach in {room.name!r}"

    def _zone_of(self, room: Room, person: str | None) -> str:
        default = next(zone for zone, its_room in self._zones.items() if its_room is room)
        return self._where.get((room, person), default) if person is not None else default

    def _deadlines(self, now: float) -> Iterator[float]:
        for room in self._rooms.values():
            if room.due is not None:
                yield room.due
            patience = (guest.since + STALE_S for guest in room.sharing.waiting() if not guest.refused)
            yield from (over for over in patience if over > now)
        for name, bridge in self._bridges.items():
            for _, command in self._commands(name):
                free_at = bridge.free_at(command)
                if free_at is not None:
                    yield min(free_at, command.wished_at + STALE_S)


def _wish(room: Room, command: Command) -> Wish:
    people = () if command.look.person is None else (command.look.person,)
    scene = room.idle if command.look.colour is None else None
    return Wish(room.bridge, room.name, command.lamp, command.look.colour, scene, people, command.wished_at)
