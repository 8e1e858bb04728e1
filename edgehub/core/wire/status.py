"""What gateways and hub say of themselves: retained births, and the wills that follow them."""

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Annotated, Any

from edgehub.core.data import dataclass
from edgehub.core.wire.envelope import Epoch
from edgehub.core.wire.shapes import Message, Rest, Text


@dataclass(frozen=True, slots=True)
class Status(Message):
    """What a gateway says of itself: the retained birth, and the will that follows it.

    A death whose ``start_id`` is not the current birth's is to be ignored.
    """

    state: Annotated[str, Text(most=32)]
    """"online" or "offline"."""
    start_id: Annotated[str, Text(most=64)]
    """Of the process; birth and will of one process share it."""
    epoch: Epoch | None = None
    """Of the events the process makes; a will has none."""
    details: Annotated[Mapping[str, Any], Rest()] = field(default_factory=dict)
    """Beside these: versions, config {state, hash, error}, radio {state, why}, hue {bridge: {state, why}}, backlog…"""

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
class HubStatus(Message):
    """Whether the hub takes events, and which life of the hub it is."""

    state: Annotated[str, Text(most=32)]
    """"online" or "offline"; gateways send events only while it is "online"."""
    generation: Annotated[str, Text(most=64)]
    """New whenever what the hub holds may have changed behind the gateways' backs: at each start, or with each backup."""
