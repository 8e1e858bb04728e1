"""A guest: who wears which badge when, what they like, and what they agreed to."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from edgehub.core.data import dataclass

CONSENT_PURPOSES = frozenset({"lights", "music", "offers", "analytics", "screen"})


@lru_cache(maxsize=128)
def shared_set(words: frozenset[str]) -> frozenset[str]:
    """One set for all guests who agreed to the same, or are in the same audiences: one each would be 0.4 MiB (SPD8)."""
    return words


@dataclass(frozen=True, slots=True)
class BadgeBinding:
    """A badge worn from a moment on, until another moment or for good. Wall time, µs since 1970; None is open."""

    badge: str
    since_us: int | None = None
    until_us: int | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What a gateway may know of a guest: only whitelisted fields of consented guests ever reach it."""

    person: str
    """Random id per site, given by the hub; the same every day, and no part of it means anything."""
    revision: int
    badges: tuple[BadgeBinding, ...] = ()
    first_name: str | None = None
    colour: str | None = None
    """"#rrggbb", lower case."""
    bands: tuple[str, ...] = ()
    consent: frozenset[str] = frozenset()
    audiences: frozenset[str] = frozenset()
    erased: bool = False
    """A tombstone: the guest asked to be forgotten."""


class Profiles:
    """The guests a gateway knows, by person and by badge; the newest revision of each wins."""

    def __init__(self, profiles: Iterable[Profile] = ()) -> None:
        self._by_person: dict[str, Profile] = {}
        self._by_badge: dict[str, str] = {}
        for profile in profiles:
            self.put(profile)

    def put(self, profile: Profile) -> bool:
        """Take a profile unless one as new is here. True when something changed."""
        known = self._by_person.get(profile.person)
        if known is not None and known.revision >= profile.revision:
            return False
        if known is not None:
            for binding in known.badges:
                if self._by_badge.get(binding.badge) == known.person:
                    del self._by_badge[binding.badge]
        if profile.erased:
            profile = replace(Profile(profile.person, profile.revision), erased=True)
        self._by_person[profile.person] = profile
        for binding in profile.badges:
            if binding.until_us is None:
                self._bind(binding.badge, profile)
        return True

    def _bind(self, badge: str, profile: Profile) -> None:
        """Let a badge be worn; who was made up for it from the staff's list (revision 0) is nobody any more."""
        before = self.wearing(badge)
        if before is not None and before.revision == 0 < profile.revision:
            del self._by_person[before.person]
        self._by_badge[badge] = profile.person

    def of(self, person: str) -> Profile | None:
        """The guest with this id, unless unknown or erased."""
        profile = self._by_person.get(person)
        return None if profile is None or profile.erased else profile

    def wearing(self, badge: str) -> Profile | None:
        """The guest who wears this badge now."""
        person = self._by_badge.get(badge)
        return None if person is None else self._by_person.get(person)

    @property
    def badges(self) -> Mapping[str, str]:
        """Badge key → person, of the badges worn now."""
        return self._by_badge

    @property
    def revision(self) -> int:
        """The highest revision held; 0 when nothing is held."""
        return max((profile.revision for profile in self._by_person.values()), default=0)

    def __iter__(self) -> Iterator[Profile]:
        return iter(self._by_person.values())

    def __len__(self) -> int:
        return len(self._by_person)
