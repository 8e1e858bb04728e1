"""What gateways and hub say of themselves: retained births, and the wills that follow them."""

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from edgehub.core.data import dataclass
from edgehub.core.wire.envelope import Epoch, read_epoch
from edgehub.core.wire.fields import MAX_MESSAGE, a_text, dump, need, read_object


@dataclass(frozen=True, slots=True)
class Status:
    """What a gateway says of itself: the retained birth, and the will that follows it."""

    state: str
    """"online" or "offline"."""
    start_id: str
    epoch: Epoch | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    """Beside these: versions, config {state, hash, error}, radio {state, why}, hue {bridge: {state, why}}, backlog…"""

    def to_json(self) -> bytes:
        """As it is sent."""
        epoch = {} if self.epoch is None else {"epoch": self.epoch.to_json()}
        return dump({**self.details, "state": self.state, "start_id": self.start_id, **epoch})

    @classmethod
    def read(cls, data: bytes) -> "Status":
        """Read a status. Raises WireError."""
        raw = read_object(data, limit=MAX_MESSAGE)
        state = a_text(raw.pop("state", None), "state", most=32)
        start_id = a_text(raw.pop("start_id", None), "start_id", most=64)
        epoch = raw.pop("epoch", None)
        return cls(state, start_id, None if epoch is None else read_epoch(epoch), raw)

    def detail(self, name: str) -> Mapping[str, Any]:
        """A part of the details that is an object; empty when there is none."""
        value = self.details.get(name)
        return value if isinstance(value, Mapping) else {}


def succeed(current: Status | None, incoming: Status) -> Status:
    """What is known of a gateway after a message: a death that is not the current birth's is ignored.

    When a gateway takes over its own session, the old will may arrive after the new birth.
    """
    if incoming.state == "offline" and current is not None:
        if current.start_id != incoming.start_id:
            return current
        return replace(incoming, details={**current.details, **incoming.details})
    return incoming


@dataclass(frozen=True, slots=True)
class HubStatus:
    """Whether the hub takes events, and which life of the hub it is."""

    state: str
    generation: str

    def to_json(self) -> bytes:
        """As it is sent."""
        return dump({"state": self.state, "generation": self.generation})

    @classmethod
    def read(cls, data: bytes) -> "HubStatus":
        """Read a hub's status. Raises WireError."""
        raw = read_object(data, limit=MAX_MESSAGE)
        state = a_text(need(raw, "state"), "state", most=32)
        return cls(state, a_text(need(raw, "generation"), "generation", most=64))
