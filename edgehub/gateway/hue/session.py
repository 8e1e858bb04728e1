"""One time of being connected to a bridge: names resolved to ids, wishes turned into commands, lamps watched."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from edgehub.core.colour import for_lamp
from edgehub.core.data import dataclass
from edgehub.core.venue import ZoneLights
from edgehub.core.wish import RoomLamps, Wish
from edgehub.gateway.hue.driver import Driver
from edgehub.gateway.hue.errors import BadName, BridgeBusy, BridgeError
from edgehub.gateway.hue.house import LampFound, LampSeen, RoomFound, SceneFound, suggestion
from edgehub.gateway.hue.memory import LampMemory


@dataclass(frozen=True, slots=True)
class _Stage:
    """A room of ours as the bridge knows it."""

    room: RoomFound
    lamps: Mapping[str, LampFound]
    """Those that show colours."""
    scene: SceneFound | None
    scene_states: Mapping[str, LampSeen]


class Session:
    """A bridge we are connected to. Making one reads everything; every method may raise BridgeError.

    Args:
        nickname: for messages.
        driver: not used by anybody else.
        wanted: the lights of our zones on this bridge.
        memories: of the session before; what changed in between is nobody's doing we could tell.
    """

    def __init__(
        self, nickname: str, driver: Driver, wanted: Iterable[ZoneLights], memories: dict[str, LampMemory]
    ) -> None:
        self._nickname, self._driver, self._memories = nickname, driver, memories
        self._stages: dict[str, _Stage] = {}
        self.read(wanted)
        for lamp in self._house.lamps.values():
            memories[lamp.id].start_anew(lamp.seen)

    @property
    def rooms(self) -> Mapping[str, RoomLamps]:
        """Those of our rooms that the bridge has."""
        return {name: RoomLamps(tuple(stage.lamps), stage.scene is not None) for name, stage in self._stages.items()}

    @property
    def missing(self) -> tuple[str, ...]:
        """A sentence for each name of ours that the bridge does not have."""
        return tuple(dict.fromkeys(self._missing()))

    def read(self, wanted: Iterable[ZoneLights]) -> None:
        """Read everything; the one place where names become ids, so that showing a colour is one request."""
        self._wanted = tuple(wanted)
        self._house = self._driver.house()
        for lamp in self._house.lamps.values():
            self._memories.setdefault(lamp.id, LampMemory(lamp.seen))
        self._resolve()

    def look(self) -> frozenset[str]:
        """See which lamps can be reached now; returns those that staff have set since the last look."""
        self._house = replace(self._house, lamps=self._driver.lamps())
        changed = [lamp.id for lamp in self._house.lamps.values() if lamp.reachable and self._changed(lamp)]
        self._resolve()
        return frozenset(changed)

    def show(self, wish: Wish) -> None:
        """Turn a wish into a command and send it. Raises BadName when the bridge does not have what it names."""
        stage = self._stages.get(wish.room)
        if stage is None:
            raise BadName(f"the bridge has no room {wish.room!r}: compare with `edgehub hue rooms`")
        if wish.lamp is None:
            self._recall(stage)
        elif wish.colour is not None:
            self._show_colour(stage, wish.lamp, wish.colour)
        else:
            self._show_idle(stage, wish.lamp)

    def _recall(self, stage: _Stage) -> None:
        if stage.scene is None:
            raise BadName("the bridge has no such scene: compare with `edgehub hue rooms`")
        self._driver.recall(stage.room.id, stage.scene.id)
        for lamp in stage.scene.lamps & self._memories.keys():
            self._memories[lamp].told(stage.scene_states.get(lamp))
            self._memories[lamp].found = None

    def _show_colour(self, stage: _Stage, lamp: str, colour: str) -> None:
        found = stage.lamps.get(lamp)
        if found is None:
            raise BadName(f"the bridge has no lamp {lamp} in {stage.room.name!r} any more")
        self._memories[lamp].keep_found()
        aim = for_lamp(colour, found.gamut)
        self._tell(lamp, LampSeen(True, aim.bri if found.dims else None, aim.xy))

    def _show_idle(self, stage: _Stage, lamp: str) -> None:
        """The lamp's part of the idle scene, or without a scene what it showed before us."""
        memory = self._memories.get(lamp)
        found = memory.found if memory is not None and stage.scene is None else None
        state = stage.scene_states.get(lamp, found)
        if state is not None:
            self._tell(lamp, state)
        if memory is not None:
            memory.found = None

    def _tell(self, lamp: str, state: LampSeen) -> None:
        """One command to one lamp; after trouble it is read back, since a bridge may do what it says it could not."""
        if lamp in self._memories:
            self._memories[lamp].told(state)
        try:
            self._driver.show(lamp, state.command())
        except BridgeBusy:
            if not self._has_obeyed(lamp, state):
                raise

    def _has_obeyed(self, lamp: str, state: LampSeen) -> bool:
        try:
            return state.same_as(self._driver.lamp(lamp))
        except BridgeError:
            return False

    def _changed(self, lamp: LampFound) -> bool:
        return self._memories.setdefault(lamp.id, LampMemory(lamp.seen)).changed_by_hand(lamp.seen)

    def _resolve(self) -> None:
        rooms = ((lights, self._house.room(lights.room)) for lights in self._wanted)
        self._stages = {lights.room: self._stage(lights, room) for lights, room in rooms if room is not None}

    def _stage(self, lights: ZoneLights, room: RoomFound) -> _Stage:
        scene = None if lights.idle is None else self._house.scene(lights.idle, room)
        lamps = {lamp.id: lamp for lamp in self._house.show_lamps(room)}
        return _Stage(room, lamps, scene, self._states(scene))

    def _states(self, scene: SceneFound | None) -> Mapping[str, LampSeen]:
        """What a scene does to each lamp, read once."""
        if scene is None:
            return {}
        known = (stage.scene_states for stage in self._stages.values() if stage.scene == scene)
        return next(known, None) or self._driver.scene_states(scene.id)

    def _missing(self) -> Iterator[str]:
        for lights in self._wanted:
            room = self._house.room(lights.room)
            if room is None:
                yield self._there_is_no("room", lights.room, [room.name for room in self._house.rooms])
            elif lights.idle is not None and self._house.scene(lights.idle, room) is None:
                yield self._there_is_no("scene", lights.idle, [scene.name for scene in self._house.scenes_of(room)])

    def _there_is_no(self, kind: str, name: str, names: Iterable[str]) -> str:
        return f'there is no {kind} on Hue bridge "{self._nickname}" called "{name}". {suggestion(name, names)}'
