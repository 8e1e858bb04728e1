"""The messages beside events, status and profiles: acknowledgements, questions, levels, anchors, commands."""

from typing import Any

from edgehub.core.data import dataclass
from edgehub.core.wire.envelope import At, Epoch, read_at, read_epoch
from edgehub.core.wire.fields import (
    MAX_MESSAGE,
    WireError,
    a_number,
    a_text,
    an_array,
    an_integer,
    an_object,
    dump,
    need,
    read_object,
)

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Ack:
    """What the hub has committed of one epoch and partition: all up to the watermark, and these ranges above it."""

    epoch: Epoch
    partition: int
    watermark: int
    also: tuple[Range, ...] = ()
    hub_generation: str = ""

    def covers(self, seq: int) -> bool:
        """True when the hub has it."""
        return seq <= self.watermark or any(low <= seq <= high for low, high in self.also)

    def to_json(self) -> bytes:
        """As it is sent."""
        return dump(
            {
                "epoch": self.epoch.to_json(),
                "partition": self.partition,
                "watermark": self.watermark,
                "also": self.also,
                "hub_generation": self.hub_generation,
            }
        )

    @classmethod
    def read(cls, data: bytes) -> "Ack":
        """Read an acknowledgement. Raises WireError."""
        raw = read_object(data, limit=MAX_MESSAGE)
        return cls(
            read_epoch(need(raw, "epoch")),
            an_integer(need(raw, "partition"), "partition"),
            an_integer(need(raw, "watermark"), "watermark"),
            tuple(_read_range(item) for item in an_array(raw.get("also", []), "also", most=4096)),
            a_text(need(raw, "hub_generation"), "hub_generation", most=64),
        )


def _read_range(value: Any) -> Range:
    pair = an_array(value, "a range", most=2)
    if len(pair) != 2:
        raise WireError("a range is [from, to]")
    low = an_integer(pair[0], "from", least=1)
    return low, an_integer(pair[1], "to", least=low)


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to where a gateway believes one epoch and partition to be acknowledged."""

    epoch: Epoch
    partition: int
    watermark: int


@dataclass(frozen=True, slots=True)
class Ask:
    """What a gateway asks of the hub on each connect.

    Profiles since a revision; and an acknowledgement for each mark, so that a hub restored from a backup shows that it
    lacks what it once acknowledged.
    """

    profiles_since: int
    marks: tuple[Mark, ...] = ()

    def to_json(self) -> bytes:
        """As it is sent."""
        marks = [
            {"epoch": mark.epoch.to_json(), "partition": mark.partition, "watermark": mark.watermark}
            for mark in self.marks
        ]
        return dump({"profiles_since": self.profiles_since, "marks": marks})

    @classmethod
    def read(cls, data: bytes) -> "Ask":
        """Read a question. Raises WireError."""
        raw = read_object(data, limit=MAX_MESSAGE)
        marks = an_array(raw.get("marks", []), "marks", most=512)
        return cls(
            an_integer(need(raw, "profiles_since"), "profiles_since"),
            tuple(_read_mark(an_object(mark, "a mark")) for mark in marks),
        )


def _read_mark(raw: dict[str, Any]) -> Mark:
    return Mark(
        read_epoch(need(raw, "epoch")),
        an_integer(need(raw, "partition"), "partition"),
        an_integer(need(raw, "watermark"), "watermark"),
    )


@dataclass(frozen=True, slots=True)
class PeerLevels:
    """What a gateway's radio heard of enrolled badges in the last second."""

    t: float
    """The sender's decision time, s; only differences between its own messages mean anything."""
    radio: str
    """"ok" or "deaf"."""
    levels: tuple[tuple[str, float, int], ...]
    """Badge key, mean level in dBm, packets."""

    def to_json(self) -> bytes:
        """As it is sent."""
        return dump({"t": self.t, "radio": self.radio, "levels": self.levels})

    @classmethod
    def read(cls, data: bytes) -> "PeerLevels":
        """Read levels. Raises WireError."""
        raw = read_object(data, limit=MAX_LEVELS)
        levels = an_array(need(raw, "levels"), "levels", most=20_000)
        return cls(
            a_number(need(raw, "t"), "t"),
            a_text(need(raw, "radio"), "radio", most=32),
            tuple(_read_level(item) for item in levels),
        )


MAX_LEVELS = 256 * 1024
"""2,000 badges of 36 characters at most; a badge key is mostly four digits."""


def _read_level(value: Any) -> tuple[str, float, int]:
    triple = an_array(value, "a level", most=3)
    if len(triple) != 3:
        raise WireError("a level is [badge, dBm, packets]")
    badge, level_dbm, packets = triple
    return a_text(badge, "badge", most=128), a_number(level_dbm, "dBm"), an_integer(packets, "packets", least=1)


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the wall clock says of a boot's monotonic clock, once it can be trusted."""

    at: At

    def to_json(self) -> bytes:
        """As it is sent."""
        return dump(self.at.to_json())

    @classmethod
    def read(cls, data: bytes) -> "Anchor":
        """Read an anchor. Raises WireError."""
        return cls(read_at(read_object(data, limit=MAX_MESSAGE)))


@dataclass(frozen=True, slots=True)
class Command:
    """What the hub wants of a gateway: idempotent by its id, and of no effect after ``not_after`` (µs since 1970)."""

    id: str
    not_after_us: int
    do: str
    """"rebirth": say the birth again, ask again, and send what waits from the beginning."""

    def to_json(self) -> bytes:
        """As it is sent."""
        return dump({"id": self.id, "not_after": self.not_after_us, "do": self.do})

    @classmethod
    def read(cls, data: bytes) -> "Command":
        """Read a command. Raises WireError."""
        raw = read_object(data, limit=MAX_MESSAGE)
        return cls(
            a_text(need(raw, "id"), "id", most=64),
            an_integer(need(raw, "not_after"), "not_after"),
            a_text(need(raw, "do"), "do", most=32),
        )
