"""A fact: something the hub was told about a guest, through whichever door, in the hub's own words.

Every door (MQTT, HTTP, a dropped file, a stamp, the phone app, the staff) ends here. Facts are only ever added, so
that everything else the hub knows (who is who, profiles, attributes) can be folded from them again.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

PERSON = "person"
"""Kind of the random id per site that the hub gives; the only one that gateways know."""
BADGE = "badge"
"""Kind of a worn badge, in its canonical spelling. It names a guest only for a time: badges are handed on."""


class Identifier(NamedTuple):
    """One name of a guest in one system: its kind (`email`, `crm`, `app` …) and its normalised value.

    A tuple, because they are hashed and compared all the time: a guest is resolved in a third of the time.
    """

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"

    @classmethod
    def parse(cls, text: str) -> "Identifier":
        """The inverse of `str`. Raises ValueError when there is no kind or no value."""
        kind, colon, value = text.partition(":")
        if not (kind and colon and value):
            raise ValueError(f'"{text}" is not KIND:VALUE, for example email:kim@example.org')
        return cls(kind, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing told, once: the same ``key`` from the same ``source`` again is the same fact.

    Wall times are µs since 1970. ``ids`` name the guest it is about, the strongest first; that all of them are one
    guest is part of what is told. ``values`` are official variables of the data layer; for the types of the wire
    contract (`visit.left` …) they are the body of the event.
    """

    source: str
    """Who told: `gateway/pi-bar`, or a source of data_layer.yaml such as `crm`; `staff` for people at the hub."""
    key: str
    type: str
    """`identify`, `alias`, `track`, `badge`, `consent`, `stamp`, `seen`, `merge`, `unmerge`, or an event type of the wire contract."""
    at_us: int
    """When it happened, as corrected as it can be."""
    received_us: int
    ids: tuple[Identifier, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    """What was tracked (`purchase`, `session_booked` …), for `track` alone."""
    told_us: int | None = None
    """The moment as the sender's own clock told it, where ``at_us`` is corrected: it stays the same when it is sent again."""

    @property
    def subject(self) -> Identifier | None:
        """The guest it belongs to, if it is about one."""
        return self.ids[0] if self.ids else None


Taken = Literal["new", "again", "conflict", "forgotten"]
"""What became of a fact: kept; known already; its key is known with other content, which is noted and changes nothing; or
it is about a guest who was forgotten, and nothing of it is kept."""
Take = Callable[[Sequence[Fact]], Awaitable[Sequence[Taken]]]
"""Where every door ends: keeps facts, and returns after the commit what became of each, in their order.

Raises StoreError (of the hub's store) when nothing of it could be kept: the door says so, and the sender comes again.
"""


def content_hash(content: bytes) -> bytes:
    """What tells two contents apart, told under one key: 128 bits of BLAKE2b."""
    return hashlib.blake2b(content, digest_size=16).digest()
