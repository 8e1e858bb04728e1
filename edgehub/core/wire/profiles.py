"""Profiles on their way from the hub to the gateways: pages in order of revision, tombstones among them."""

from collections.abc import Mapping, Sequence
from typing import Any

from edgehub.core.data import dataclass
from edgehub.core.profile import CONSENT_PURPOSES, BadgeBinding, Profile, shared_consent
from edgehub.core.wire.fields import (
    MAX_MESSAGE,
    WireError,
    a_boolean,
    a_text,
    an_array,
    an_integer,
    an_object,
    dump,
    dump_text,
    need,
    read_object,
)

MAX_PAGE = MAX_MESSAGE - 4 * 1024
"""Of the profiles in a page: leaves room for the rest of the message."""


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
        consent=shared_consent(frozenset(purpose for purpose in CONSENT_PURPOSES if consent.get(purpose) is True)),
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
