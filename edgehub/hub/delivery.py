"""A message of a gateway, read: the dear part of the intake, and done without knowing what the hub has."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgehub.core.wire import At, Envelope, Poison, WireError, lone_identity, read_batch
from edgehub.hub.fact import content_hash

RAW_CHARACTERS = 4_096
"""Of a message that could not be read, as much is kept."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message of a gateway, read: its events, each with the hash of its text."""

    gateway: str
    events: Sequence[tuple[Envelope | Poison, bytes]] = ()
    why: str = ""
    """Why the whole could not be read."""
    raw: str = ""
    """The beginning of what could not be read."""
    anchor: At | None = None
    """What the gateway's wall clock says, when that is all the message says."""

    @classmethod
    def read(cls, gateway: str, payload: bytes) -> "Delivery":
        """Read a message; whatever is in it."""
        try:
            events = read_batch(payload)
        except WireError as error:
            raw = payload.decode(errors="replace")
            if (identity := lone_identity(payload)) is not None:
                return cls(gateway, [(Poison(identity, str(error), raw), content_hash(raw.encode()))])
            return cls(gateway, (), str(error), raw[:RAW_CHARACTERS])
        return cls(gateway, [(event, content_hash(event.raw.encode())) for event in events])
