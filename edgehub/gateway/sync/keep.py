"""What sync needs of the store."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from edgehub.core.profile import Profile
from edgehub.core.wire import Ack, Epoch, Mark
from edgehub.gateway.sync.pump import Outbox


class Keep(Outbox, Protocol):
    """Outbox, profile cache, and what is known of the hub."""

    @property
    def epoch(self) -> Epoch:
        """Of this process."""
        ...

    @property
    def backlog(self) -> int:
        """Events that wait for the hub."""
        ...

    @property
    def profiles_revision(self) -> int:
        """The highest revision held."""
        ...

    def marks(self) -> list[Mark]:
        """Up to where each epoch is acknowledged."""
        ...

    def acknowledge(self, ack: Ack) -> None:
        """Mark what the hub has."""
        ...

    def unacknowledge(self, ack: Ack) -> asyncio.Future[bool]:
        """Let wait again what the hub lost."""
        ...

    async def put_profiles(self, profiles: Iterable[Profile]) -> None:
        """Write profiles down."""
        ...
