"""What passes between lighting and the bridges: wishes out, reports back, and what became of them."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from edgehub.core.data import dataclass


@dataclass(frozen=True, slots=True)
class Wish:
    """One command for a bridge: a lamp in somebody's colour, or a lamp or room back to idle."""

    bridge: str
    room: str
    lamp: str | None
    """Id of the lamp on the bridge; None is the whole room (a scene)."""
    colour: str | None
    """"#rrggbb"; None is idle."""
    scene: str | None
    """The idle scene; None with no colour is "as the lamp was found"."""
    people: tuple[str, ...]
    wished_at: float
    """Real time, s."""

    @property
    def kind(self) -> str:
        """Either "colour" or "idle"."""
        return "idle" if self.colour is None else "colour"


class RoomLamps(NamedTuple):
    """What a bridge tells of a room."""

    lamps: tuple[str, ...]
    """Ids of the lamps that can be reached and, where any can do colour, do."""
    scene: bool = True
    """The idle scene exists on the bridge."""


@dataclass(frozen=True, slots=True)
class RoomsKnown:
    """A bridge can be spoken to, and these rooms of ours it has. Also sent when lamps came or went."""

    bridge: str
    rooms: Mapping[str, RoomLamps]


@dataclass(frozen=True, slots=True)
class BridgeLost:
    """A bridge cannot be spoken to."""

    bridge: str
    why: str


@dataclass(frozen=True, slots=True)
class LampsChanged:
    """Somebody else has set these lamps."""

    bridge: str
    lamps: frozenset[str]


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to one wish; every submitted wish gets exactly one."""

    wish: Wish
    ok: bool
    why: str = ""
    """A sentence for staff when not ok."""
    sent_at: float | None = None
    """When its request went out (real time, s); None when none did."""
    answered_at: float | None = None
    """When the bridge answered, where that is earlier than the report is read."""


Report = RoomsKnown | BridgeLost | LampsChanged | Done


@dataclass(frozen=True, slots=True)
class BackendState:
    """How a bridge is: "starting", "ok", "gone" or "not paired", and why, in a sentence for staff."""

    state: str
    why: str = ""


class LightBackend(Protocol):
    """What drives the lamps of one bridge. ``submit`` never blocks; answers come as Reports on the loop."""

    @property
    def nickname(self) -> str:
        """Name of the bridge in edgehub.yaml."""

    @property
    def state(self) -> BackendState:
        """How the bridge is now."""

    def submit(self, wish: Wish) -> None:
        """Show this; a wish still waiting is replaced and reported as not done."""


@dataclass(frozen=True, slots=True)
class LightShown:
    """A guest was lit for the first time since arriving, or a room is back to idle (no person)."""

    zone: str
    colour: str | None
    scene: str | None
    person: str | None
    at: float


@dataclass(frozen=True, slots=True)
class LightRefused:
    """A guest's colour could not be shown within 10 s."""

    zone: str
    colour: str
    person: str
    why: str
    at: float


Outcome = LightShown | LightRefused


@dataclass(frozen=True, slots=True)
class ZoneLook:
    """What a page shows of a zone's light. ``state`` is "people", "idle", "manual", "refused" or "unknown"."""

    state: str
    colour: str | None = None
    why: str = ""
