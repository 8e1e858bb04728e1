"""What a simulated bridge has: rooms, lamps and scenes, and how its API tells and sets them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from edgehub.core.colour import GAMUTS, WHITE, brightness, to_hex, to_xy

# Error types of the API, with the bridge's own words.
ERRORS: Final = {
    1: "unauthorized user",
    3: "resource, {path}, not available",
    4: "method, {method}, not available for resource, {path}",
    7: "invalid value for parameter",
    101: "link button not pressed",
    201: "parameter, xy, is not modifiable. Device is set to off.",
    301: "group could not be created. Group table is full.",
    901: "Internal error, 404",
}


class Request(NamedTuple):
    """A line of the bridge's log. Times are the loop's."""

    at: float
    method: str
    path: str
    body: Any

    @property
    def is_group(self) -> bool:
        """A command to a group, scenes included."""
        return self.method == "PUT" and "/groups/" in self.path

    @property
    def is_light(self) -> bool:
        """A command to one lamp."""
        return self.method == "PUT" and "/lights/" in self.path


@dataclass(slots=True)
class LampState:
    """A simulated lamp."""

    id: str
    name: str
    gamut: str | None = "C"
    """"A", "B", "C", or None for a lamp that only dims."""
    on: bool = False
    bri: int = 254
    xy: tuple[float, float] = WHITE
    reachable: bool = True

    @property
    def rgb(self) -> str:
        """What it looks like, as "#rrggbb"; black when off."""
        return to_hex(self.xy, self.bri) if self.on else "#000000"

    def as_json(self) -> dict[str, Any]:
        """The lamp as the API tells it."""
        state: dict[str, Any] = {"on": self.on, "bri": self.bri, "alert": "none", "reachable": self.reachable}
        light: dict[str, Any] = {"name": self.name, "type": "Dimmable light", "modelid": "LWB010", "state": state}
        light["capabilities"] = {"control": {}}
        if self.gamut is not None:
            state |= {"xy": list(self.xy), "colormode": "xy", "hue": 0, "sat": 0, "effect": "none"}
            corners = GAMUTS[self.gamut]
            control = {
                "colorgamuttype": self.gamut,
                "colorgamut": [list(corners.red), list(corners.green), list(corners.blue)],
            }
            light |= {"type": "Extended color light", "modelid": "LCT015", "capabilities": {"control": control}}
        return light


@dataclass(slots=True)
class _Scene:
    id: str
    name: str
    group: str
    states: dict[str, dict[str, Any]] = field(default_factory=dict)


Change = tuple[LampState, Mapping[str, Any]]


class House:
    """The rooms, lamps and scenes of a bridge.

    Args:
        rooms: room → names of its lamps.
        scenes: scene → (room, "#rrggbb" of all its lamps).
        gamuts: lamp name → "A", "B", "C" or None (dims only); "C" when not named.
    """

    def __init__(
        self,
        rooms: Mapping[str, Sequence[str]],
        scenes: Mapping[str, tuple[str, str]],
        gamuts: Mapping[str, str | None],
    ) -> None:
        self.listeners: list[Callable[[LampState], None]] = []
        names = dict.fromkeys(name for lamps in rooms.values() for name in lamps)
        ids = {name: str(number) for number, name in enumerate(names, start=1)}
        self.lamps = {ids[name]: LampState(ids[name], name, gamuts.get(name, "C")) for name in ids}
        self.rooms = {str(n): (name, [ids[lamp] for lamp in lamps]) for n, (name, lamps) in enumerate(rooms.items(), 1)}
        self._scenes: dict[str, _Scene] = {}
        for number, (scene, (room, colour)) in enumerate(scenes.items(), start=1):
            self._add_scene(f"Scene{number:011d}", scene, room, colour)

    def set(self, lamp: LampState, state: Mapping[str, Any]) -> None:
        """Change a lamp as far as it can."""
        lamp.on = bool(state.get("on", lamp.on))
        lamp.bri = int(state.get("bri", lamp.bri))
        if lamp.gamut is not None and "xy" in state:
            x, y = GAMUTS[lamp.gamut].nearest((float(state["xy"][0]), float(state["xy"][1])))
            lamp.xy = (round(x, 4), round(y, 4))
        for listener in self.listeners:
            listener(lamp)

    def tell(self, resource: Sequence[str]) -> Any:
        """The answer to a GET; None when there is no such thing."""
        match resource:
            case []:
                return {part: self.tell([part]) for part in ("lights", "groups", "scenes", "sensors")}
            case ["sensors"]:
                return {}
            case ["lights"]:
                return {lamp.id: lamp.as_json() for lamp in self.lamps.values()}
            case ["lights", lamp] if lamp in self.lamps:
                return self.lamps[lamp].as_json()
            case ["groups"]:
                return {group: _group(name, lamps) for group, (name, lamps) in self.rooms.items()}
            case ["groups", group] if group in self.rooms:
                return _group(*self.rooms[group])
            case ["scenes"]:
                return {scene.id: _scene(scene) for scene in self._scenes.values()}
            case ["scenes", scene] if scene in self._scenes:
                return _scene(self._scenes[scene]) | {"lightstates": self._scenes[scene].states}
            case _:
                return None

    def changes(self, resource: Sequence[str], body: Mapping[str, Any]) -> list[Change] | None:
        """What a PUT means for each lamp; None when there is no such thing. Raises KeyError for an unknown scene."""
        match resource:
            case ["lights", lamp, "state"] if lamp in self.lamps:
                return [(self.lamps[lamp], body)]
            case ["groups", "0", "action"]:  # all lamps, as every bridge has it
                return [(lamp, body) for lamp in self.lamps.values()]
            case ["groups", group, "action"] if group in self.rooms and "scene" in body:
                return [(self.lamps[lamp], state) for lamp, state in self._scenes[str(body["scene"])].states.items()]
            case ["groups", group, "action"] if group in self.rooms:
                return [(self.lamps[lamp], body) for lamp in self.rooms[group][1]]
            case _:
                return None

    def _add_scene(self, scene_id: str, name: str, room: str, colour: str) -> None:
        group = next(group for group, (its_name, _) in self.rooms.items() if its_name == room)
        look = {"on": True, "bri": brightness(colour), "xy": [round(value, 4) for value in to_xy(colour)]}
        self._scenes[scene_id] = _Scene(scene_id, name, group, {lamp: dict(look) for lamp in self.rooms[group][1]})


def _group(name: str, lamps: Sequence[str]) -> dict[str, Any]:
    return {"name": name, "lights": list(lamps), "type": "Room", "state": {}, "action": {}}


def _scene(scene: _Scene) -> dict[str, Any]:
    return {"name": scene.name, "type": "GroupScene", "group": scene.group, "lights": list(scene.states), "version": 2}


def error_reply(code: int, request: Request) -> list[dict[str, Any]]:
    """The bridge's words for an error."""
    address = "/" + "/".join(request.path.split("/")[3:])
    words = ERRORS.get(code, "out of order").format(path=address, method=request.method)
    return [{"error": {"type": code, "address": address, "description": words}}]
