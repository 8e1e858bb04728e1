"""The messages beside the events: status, acknowledgements, questions, profiles, neighbours' levels, anchors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from edgehub.core.profile import CONSENT_PURPOSES, BadgeBinding, Profile
from edgehub.core.wire.envelope import At, Epoch, read_at, read_epoch
from edgehub.core.wire.fields import (
    WireError,
    a_boolean,
    a_number,
    a_text,
    an_array,
    an_integer,
    an_object,
    dump,
    dump_text,
    need,
    read_object,
)

MAX_MESSAGE = 64 * 1024
MAX_PAGE = 60 * 1024
"""Of the profiles in a page: leaves room for the rest of the message."""


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
class ProfilesPage:
    """Profiles and tombstones with revisions in (since, upto]; ``more`` pages follow."""

    since: int
    upto: int
    more: bool
    profiles: tuple[Profile, ...]

    def to_json(self) -> bytes:
        """As it is sent."""
        return dump(
            {
                "since": self.since,
                "upto": self.upto,
                "more": self.more,
                "profiles": [profile_to_json(profile) for profile in self.profiles],
            }
        )

    @classmethod
    def read(cls, data: bytes) -> "ProfilesPage":
        """Read a page. Raises WireError."""
        raw = read_object(data, limit=MAX_MESSAGE)
        return cls(
            an_integer(need(raw, "since"), "since"),
            an_integer(need(raw, "upto"), "upto"),
            a_boolean(need(raw, "more"), "more"),
            tuple(read_profile(item) for item in an_array(need(raw, "profiles"), "profiles", most=2000)),
        )


def pages(profiles: Sequence[Profile], *, since: int) -> list[ProfilesPage]:
    """Profiles with revisions above ``since``, in order of revision, as pages that fit a message; at least one."""
    heap: list[list[Profile]] = [[]]
    size = 0
    for profile in sorted(profiles, key=lambda one: one.revision):
        length = len(dump_text(profile_to_json(profile))) + 1
        if size + length > MAX_PAGE:
            heap.append([])
            size = 0
        heap[-1].append(profile)
        size += length
    made = []
    for index, page in enumerate(heap):
        upto = page[-1].revision if page else since
        made.append(ProfilesPage(since, upto, index + 1 < len(heap), tuple(page)))
        since = upto
    return made


def profile_to_json(profile: Profile) -> dict[str, Any]:
    """A profile as it is sent; of an erased one, only that it is."""
    raw: dict[str, Any] = {"person": profile.person, "revision": profile.revision}
    if profile.erased:
        return {**raw, "badges": [], "consent": {}, "audiences": [], "erased": True}
    raw["badges"] = [_binding_to_json(binding) for binding in profile.badges]
    raw["consent"] = {purpose: purpose in profile.consent for purpose in sorted(CONSENT_PURPOSES)}
    raw["audiences"] = sorted(profile.audiences)
    optional = {"first_name": profile.first_name, "colour": profile.colour, "bands": list(profile.bands)}
    return raw | {name: value for name, value in optional.items() if value}


def _binding_to_json(binding: BadgeBinding) -> dict[str, Any]:
    until = {} if binding.until_us is None else {"to": binding.until_us}
    return {"key": binding.badge, "from": binding.since_us, **until}


def read_profile(value: Any) -> Profile:
    """Read a profile. Raises WireError."""
    raw = an_object(value, "a profile")
    consent = an_object(raw.get("consent", {}), "consent")
    return Profile(
        person=a_text(need(raw, "person"), "person", most=64),
        revision=an_integer(need(raw, "revision"), "revision", least=1),
        badges=tuple(_read_binding(item) for item in an_array(raw.get("badges", []), "badges", most=64)),
        first_name=_optional_text(raw, "first_name"),
        colour=_optional_colour(raw),
        bands=_texts(raw, "bands"),
        consent=frozenset(purpose for purpose in CONSENT_PURPOSES if consent.get(purpose) is True),
        audiences=frozenset(_texts(raw, "audiences")),
        erased=a_boolean(raw.get("erased", False), "erased"),
    )


def _read_binding(value: Any) -> BadgeBinding:
    raw = an_object(value, "a badge")
    since, until = (raw.get(name) for name in ("from", "to"))
    return BadgeBinding(
        a_text(need(raw, "key"), "key", most=128),
        None if since is None else an_integer(since, "from"),
        None if until is None else an_integer(until, "to"),
    )


def _optional_text(raw: Mapping[str, Any], name: str) -> str | None:
    value = raw.get(name)
    return None if value is None else a_text(value, name, most=128)


def _optional_colour(raw: Mapping[str, Any]) -> str | None:
    colour = _optional_text(raw, "colour")
    if colour is None:
        return None
    digits = colour[1:]
    if len(colour) != 7 or colour[0] != "#" or not set(digits) <= set("0123456789abcdef"):
        raise WireError("colour is not #rrggbb in lower case")
    return colour


def _texts(raw: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(a_text(item, name, most=128) for item in an_array(raw.get(name, []), name, most=64))


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
