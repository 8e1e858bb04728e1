"""The messages beside events, status and profiles: acknowledgements, questions, levels, anchors, commands, occupancy."""

from typing import Annotated, Any, ClassVar, Self

from edgehub.core.data import dataclass
from edgehub.core.wire.envelope import At, Epoch
from edgehub.core.wire.fields import MAX_INTEGER, MAX_MESSAGE, an_array, dump, read_object
from edgehub.core.wire.shapes import (
    As,
    Integer,
    Many,
    Message,
    Most,
    Needed,
    Number,
    Range,
    Text,
    read,
    shape_of,
    write,
)


@dataclass(frozen=True, slots=True)
class Ack(Message):
    """What the hub has committed of one epoch and partition: all up to the watermark, and these ranges above it."""

    epoch: Epoch
    partition: int
    watermark: int
    """Every event with a sequence up to this one is committed."""
    also: Annotated[tuple[Range, ...], Most(4096)] = ()
    """[from, to] above the watermark, both included, that are committed too."""
    hub_generation: Annotated[str, Text(most=64), Needed()] = ""
    """As in the hub's status: an acknowledgement of another life of the hub is ignored."""

    def covers(self, seq: int) -> bool:
        """True when the hub has it."""
        return seq <= self.watermark or any(low <= seq <= high for low, high in self.also)


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to where a gateway believes one epoch and partition to be acknowledged."""

    epoch: Epoch
    partition: int
    watermark: int


@dataclass(frozen=True, slots=True)
class Ask(Message):
    """What a gateway asks of the hub on each connect.

    Profiles since a revision; and an acknowledgement for each mark, so that a hub restored from a backup shows that it
    lacks what it once acknowledged.
    """

    profiles_since: int
    """The highest revision of a profile that the gateway holds; 0 asks for all."""
    marks: Annotated[tuple[Mark, ...], Most(512)] = ()


MOST_KEY = 128
Level = tuple[Annotated[str, Text(most=MOST_KEY)], Annotated[float, Number()], Annotated[int, Integer(1)]]
"""Badge key, mean level in dBm, packets."""


class Levels(Many):
    """An array of levels, of which thousands are read in a second: in one pass when all are as our gateways write them."""

    def read(self, value: Any, name: str) -> tuple[Any, ...]:
        """``value`` as we keep it: what `Many` makes of it. Raises WireError."""
        rows = an_array(value, name, most=self.most)
        try:
            found = [
                (badge, level_dbm, n)
                for badge, level_dbm, n in rows
                if type(badge) is str and 0 < len(badge) <= MOST_KEY and type(level_dbm) is float
                if type(n) is int and 0 < n <= MAX_INTEGER
            ]
        except (TypeError, ValueError):  # an entry is not of three
            return super().read(value, name)
        return tuple(found) if len(found) == len(rows) else super().read(value, name)


@dataclass(frozen=True, slots=True)
class PeerLevels(Message):
    """What a gateway's radio heard of enrolled badges in the last second."""

    LIMIT: ClassVar[int] = 256 * 1024  # 2,000 badges of 36 characters at most; a badge key is mostly four digits
    t: float
    """The sender's decision time, s; only differences between its own messages mean anything."""
    radio: Annotated[str, Text(most=32)]
    """"ok" or "deaf"."""
    levels: Annotated[tuple[Level, ...], Levels(shape_of(Level), 20_000)]
    """[badge key, mean level in dBm, packets] of each badge heard."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the wall clock says of a boot's monotonic clock, once it can be trusted."""

    at: At

    def to_json(self) -> bytes:
        """As it is sent."""
        return dump(write(self.at))

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read an anchor. Raises WireError."""
        return cls(read(At, read_object(data, limit=MAX_MESSAGE), "the message"))


@dataclass(frozen=True, slots=True)
class Command(Message):
    """What the hub wants of a gateway: idempotent by its id, and of no effect when it is late."""

    id: Annotated[str, Text(most=64)]
    not_after_us: Annotated[int, As("not_after")]
    """µs since 1970: a gateway drops it later than that, and one that was retained."""
    do: Annotated[str, Text(most=32)]
    """"rebirth": say the birth again, ask again, and send what waits from the beginning."""


@dataclass(frozen=True, slots=True)
class Stamp(Message):
    """A sponsor's stamp that the hub confirmed, in a zone of this gateway."""

    id: Annotated[str, Text(most=128)]
    """The same again is the same stamp: a gateway greets it once."""
    person: str
    zone: str
    """Its id in zones.yaml."""
    at_us: Annotated[int, As("at")]
    """When it was pressed, µs since 1970: what comes much later greets nobody."""


@dataclass(frozen=True, slots=True)
class Occupancy(Message):
    """How many are in a zone; never who."""

    LIMIT: ClassVar[int] = 1024
    zone: str
    """Its id in zones.yaml."""
    count: int
