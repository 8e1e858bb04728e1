"""What the doors ask the hub about its guests, and whoever stands at a door without a key of a source."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from edgehub.hub.doors.stamping import Collected
from edgehub.hub.fact import Identifier
from edgehub.hub.ledger import Interval


class Guests(Protocol):
    """What the hub knows, as of its last commit."""

    async def person(self, ids: Sequence[Identifier]) -> str | None:
        """The guest that these name, as a person id; None while nobody is known by them."""
        ...

    async def visits(self, person: str, since_us: int) -> Sequence[Interval]:
        """Where the guest was since then, as gateways told it and, beneath them, the guest's phone."""
        ...

    async def collected(self, person: str) -> Sequence[Collected]:
        """The stamps of the guest that count."""
        ...


@dataclass(frozen=True, slots=True)
class Holder:
    """Who comes to a door."""

    id: str
    """Of the key, or of the app's installation: what limits are counted for."""
    source: str
    """Of data_layer.yaml: in whose words it speaks."""
    ids: tuple[Identifier, ...] = ()
    """Whom it speaks of, where it can speak of one guest only: an installation of the app."""
