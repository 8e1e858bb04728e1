"""Profiles on their way from the hub to the gateways: pages in order of revision, tombstones among them."""

from collections.abc import Sequence
from typing import Annotated, Any

from edgehub.core.data import dataclass
from edgehub.core.profile import BadgeBinding, Profile, shared_set
from edgehub.core.wire.fields import MAX_MESSAGE, dump_text
from edgehub.core.wire.shapes import As, Integer, Message, Most, Text, read, write

MAX_PAGE = MAX_MESSAGE - 4 * 1024
"""Of the profiles in a page: leaves room for the rest of the message."""


Short = Annotated[str, Text(most=128)]
Shorts = Annotated[tuple[Short, ...], Most(64)]


@dataclass(frozen=True, slots=True, kw_only=True)
class WornBadge:
    """A badge worn from a moment on, until another or for good. Wall time, µs since 1970; open where it is not said."""

    key: Short
    since_us: Annotated[int | None, As("from")] = None
    until_us: Annotated[int | None, As("to")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What the guest agreed to, by purpose; what is not said was not agreed to."""

    analytics: bool = False
    lights: bool = False
    music: bool = False
    offers: bool = False
    screen: bool = False


PURPOSES = tuple(Consent.__dataclass_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A profile as it travels: only what the guest consented to; of an erased one, only that it is."""

    person: Annotated[str, Text(most=64)]
    """Random id per site, given by the hub; the same every day, and no part of it means anything."""
    revision: Annotated[int, Integer(1)]
    """The hub counts changes of profiles; a gateway keeps the newest revision of each person."""
    badges: Annotated[tuple[WornBadge, ...], Most(64)] = ()
    first_name: Short | None = None
    colour: Annotated[str, Text(7, 7, "#[0-9a-f]{6}")] | None = None
    """"#rrggbb", lower case."""
    bands: Shorts = ()
    consent: Consent = Consent()
    audiences: Shorts = ()
    erased: bool = False
    """A tombstone: the guest asked to be forgotten."""


@dataclass(frozen=True, slots=True)
class Page(Message):
    """Profiles and tombstones with revisions in (since, upto]; ``more`` pages follow."""

    since: int
    upto: int
    more: bool
    profiles: Annotated[tuple[Guest, ...], Most(2000)]


@dataclass(frozen=True, slots=True)
class ProfilesPage:
    """A page, with its profiles as the rest of the program knows them."""

    since: int
    upto: int
    more: bool
    profiles: tuple[Profile, ...]

    def to_json(self) -> bytes:
        """As it is sent."""
        return Page(self.since, self.upto, self.more, tuple(map(_guest, self.profiles))).to_json()

    @classmethod
    def read(cls, data: bytes) -> "ProfilesPage":
        """Read a page. Raises WireError."""
        page = Page.read(data)
        return cls(page.since, page.upto, page.more, tuple(map(_profile, page.profiles)))


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
    return write(_guest(profile))


def read_profile(value: Any) -> Profile:
    """Read a profile. Raises WireError."""
    return _profile(read(Guest, value, "a profile"))


def _guest(profile: Profile) -> Guest:
    if profile.erased:
        return Guest(person=profile.person, revision=profile.revision, erased=True)
    return Guest(
        person=profile.person,
        revision=profile.revision,
        badges=tuple(WornBadge(key=one.badge, since_us=one.since_us, until_us=one.until_us) for one in profile.badges),
        first_name=profile.first_name or None,
        colour=profile.colour or None,
        bands=profile.bands,
        consent=Consent(**{purpose: purpose in profile.consent for purpose in PURPOSES}),
        audiences=tuple(sorted(profile.audiences)),
    )


def _profile(guest: Guest) -> Profile:
    return Profile(
        person=guest.person,
        revision=guest.revision,
        badges=tuple(BadgeBinding(one.key, one.since_us, one.until_us) for one in guest.badges),
        first_name=guest.first_name,
        colour=guest.colour,
        bands=guest.bands,
        consent=shared_set(frozenset(purpose for purpose in PURPOSES if getattr(guest.consent, purpose))),
        audiences=shared_set(frozenset(guest.audiences)),
        erased=guest.erased,
    )
