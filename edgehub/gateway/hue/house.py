"""Rooms, lamps and scenes as a bridge tells them, read at the border into types."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from edgehub.core.colour import GAMUTS, Gamut, Point
from edgehub.core.data import dataclass

# Bridges before 1.22 do not tell a lamp's gamut; these are the models that are not C.
_OLD_MODELS: Final = {
    **dict.fromkeys(("LCT001", "LCT002", "LCT003", "LCT007", "LLM001"), "B"),
    **dict.fromkeys(("LLC005", "LLC006", "LLC007", "LLC010", "LLC011", "LLC012", "LLC013", "LST001"), "A"),
}


@dataclass(frozen=True, slots=True)
class LampSeen:
    """What a lamp shows, as far as it is told; None is not told."""

    on: bool
    bri: int | None = None
    xy: Point | None = None
    ct: int | None = None

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "LampSeen":
        """From the API's ``state`` of a lamp or a scene. Raises TypeError, ValueError and KeyError on nonsense."""
        bri, xy, ct = state.get("bri"), state.get("xy"), state.get("ct")
        by_ct = state.get("colormode") == "ct"
        return cls(
            bool(state.get("on", True)),
            None if bri is None else int(bri),
            None if xy is None or by_ct else (float(xy[0]), float(xy[1])),
            None if ct is None or not (by_ct or xy is None) else int(ct),
        )

    def command(self) -> dict[str, Any]:
        """The body that brings a lamp here."""
        if not self.on:
            return {"on": False}
        told = {"bri": self.bri, "xy": None if self.xy is None else list(self.xy), "ct": self.ct}
        return {"on": True, **{name: value for name, value in told.items() if value is not None}}

    def same_as(self, other: "LampSeen") -> bool:
        """True when both look alike: bridges round, and clip colours to the lamp's gamut a little differently."""
        if not self.on or not other.on:
            return self.on == other.on
        bri = self.bri is None or other.bri is None or abs(self.bri - other.bri) <= 3
        xy = (
            self.xy is None
            or other.xy is None
            or max(abs(a - b) for a, b in zip(self.xy, other.xy, strict=True)) < 0.02
        )
        return bri and xy and (self.xy is None) == (other.xy is None or self.ct is not None or self.bri is None)


@dataclass(frozen=True, slots=True)
class LampFound:
    """A lamp of the bridge."""

    id: str
    name: str
    gamut: Gamut | None
    """None is a lamp without colour."""
    dims: bool
    reachable: bool
    seen: LampSeen

    @classmethod
    def of(cls, lamp: str, light: Mapping[str, Any]) -> "LampFound":
        """From the API. Raises TypeError, ValueError and KeyError on nonsense."""
        state = light["state"]
        reachable = bool(state.get("reachable", True))
        return cls(lamp, str(light["name"]), _gamut(light), "bri" in state, reachable, LampSeen.of(state))


@dataclass(frozen=True, slots=True)
class RoomFound:
    """A room (or a zone, in Hue's sense) of the bridge."""

    id: str
    name: str
    lamps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SceneFound:
    """A scene of the bridge."""

    id: str
    name: str
    lamps: frozenset[str]
    room: str | None
    """Id of its room; old scenes have none."""


@dataclass(frozen=True, slots=True)
class House:
    """Everything a bridge has that edgehub uses."""

    bridge_id: str
    lamps: Mapping[str, LampFound]
    rooms: tuple[RoomFound, ...]
    scenes: tuple[SceneFound, ...]

    @classmethod
    def of(cls, bridge_id: str, lights: Any, groups: Any, scenes: Any) -> "House":
        """From the API. Raises TypeError, ValueError, KeyError or AttributeError on nonsense."""
        lamps = {lamp: LampFound.of(lamp, light) for lamp, light in lights.items()}
        rooms = [RoomFound(group, str(room["name"]), tuple(room["lights"])) for group, room in groups.items()]
        found = [
            SceneFound(scene, str(what["name"]), frozenset(what.get("lights") or ()), what.get("group"))
            for scene, what in scenes.items()
        ]
        return cls(bridge_id, lamps, tuple(rooms), tuple(found))

    def room(self, name: str) -> RoomFound | None:
        """A room by its name; upper and lower case do not matter when only one fits."""
        return next(iter(_named(name, self.rooms)), None)

    def scene(self, name: str, room: RoomFound) -> SceneFound | None:
        """A scene of this room by its name."""
        return next(iter(_named(name, self.scenes_of(room))), None)

    def scenes_of(self, room: RoomFound) -> tuple[SceneFound, ...]:
        """The scenes one can choose in a room."""
        return tuple(
            each for each in self.scenes if each.room == room.id or (not each.room and each.lamps & {*room.lamps})
        )

    def show_lamps(self, room: RoomFound) -> tuple[LampFound, ...]:
        """The lamps that show colours: those of the room that can be reached and, where any can do colour, do."""
        lamps = [self.lamps[lamp] for lamp in room.lamps if lamp in self.lamps and self.lamps[lamp].reachable]
        coloured = [lamp for lamp in lamps if lamp.gamut is not None]
        return tuple(coloured or lamps)


_Named = TypeVar("_Named", RoomFound, SceneFound)


def suggestion(name: str, there: Iterable[str]) -> str:
    """``Did you mean …?`` or what there is."""
    import difflib  # only mistakes need it, and imports of the gateway are counted (SPD9)

    names = sorted(set(there))
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f'Did you mean "{near[0]}"?'
    return f"There is: {', '.join(names)}." if names else "It has none."


def _named(name: str, things: Iterable[_Named]) -> list[_Named]:
    things = list(things)
    exact = [thing for thing in things if thing.name == name]
    alike = [thing for thing in things if thing.name.strip().casefold() == name.strip().casefold()]
    return exact or (alike if len(alike) == 1 else [])


def _gamut(light: Mapping[str, Any]) -> Gamut | None:
    control = light.get("capabilities", {}).get("control", {})
    told = Gamut.of(control.get("colorgamut"))
    if told is not None or "olor" not in str(light.get("type", "")) or "xy" not in light["state"]:
        return told
    return GAMUTS[_OLD_MODELS.get(str(light.get("modelid")), "C")]
