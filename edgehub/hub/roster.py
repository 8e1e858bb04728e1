"""The roster: who the registered guests are, with a random id each, and what of them may travel to the gateways.

The registration names badges; a person id is made once for a badge and stays. A guest whose row is gone is forgotten:
a tombstone with an id that means nothing is left, and a later row with the same badge is somebody else.
"""

import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from edgehub.config import Registrant
from edgehub.core.profile import BadgeBinding, Profile
from edgehub.core.wire.fields import dump_text
from edgehub.core.wire.profiles import profile_to_json, read_profile

REMEMBER = frozenset({"analytics", "offers"})
"""Who agreed to one of these may be remembered; visits of others are not kept."""


@dataclass(frozen=True, slots=True)
class Person:
    """A guest, with everything the registration says."""

    badge: str | None
    profile: Profile

    def row(self) -> dict[str, Any]:
        """As the store keeps it."""
        return {
            "person": self.profile.person,
            "revision": self.profile.revision,
            "badge": self.badge,
            "document": dump_text(profile_to_json(self.profile)),
            "remember": int(bool(self.profile.consent & REMEMBER)),
            "erased": int(self.profile.erased),
        }

    @classmethod
    def of_row(cls, row: tuple[Any, ...]) -> "Person":
        """From the store."""
        return cls(row[2], read_profile(json.loads(row[3])))


class Roster:
    """All persons by id.

    Args:
        people: as last stored.
        need_consent: False where the venue may do without (its own staff, a rehearsal).
    """

    def __init__(self, people: Iterable[Person] = (), *, need_consent: bool = True) -> None:
        self._people = {person.profile.person: person for person in people}
        self._badges = {person.badge: person for person in people if person.badge is not None}
        self.need_consent = need_consent

    @property
    def revision(self) -> int:
        """The highest given so far."""
        return max((person.profile.revision for person in self._people.values()), default=0)

    def remembered(self, person: str) -> bool:
        """True for a guest whose visits may be kept."""
        known = self.of(person)
        return known is not None and (not self.need_consent or bool(known.consent & REMEMBER))

    def name(self, person: str) -> str | None:
        """The first name of a guest who agreed to be named on a screen."""
        known = self.of(person)
        return known.first_name if known is not None and "screen" in known.consent else None

    def of(self, person: str) -> Profile | None:
        """The guest with this id, unless unknown or forgotten."""
        known = self._people.get(person)
        return None if known is None or known.profile.erased else known.profile

    def __iter__(self) -> Iterator[Profile]:
        return (person.profile for person in self._people.values() if not person.profile.erased)

    def compare(self, registrants: Iterable[Registrant], now_us: int, *, complete: bool = True) -> list[Person]:
        """What a registration changes, with revisions to come; nothing is changed before `settle`.

        Guests who are not in it any more are forgotten, unless it is not ``complete``.
        """
        rows = {registrant.badge: registrant for registrant in registrants}
        changed = []
        for badge, row in rows.items():
            known = self._badges.get(badge)
            profile = _profile(row, known, now_us)
            if known is None or profile != known.profile:
                changed.append(Person(badge, profile))
        if complete:
            gone = self.missing(rows.values())
            changed += [Person(None, Profile(person.profile.person, 0, erased=True)) for person in gone]
        return _numbered(changed, self.revision)

    def missing(self, registrants: Iterable[Registrant]) -> list[Person]:
        """Guests whose badge is not in a registration."""
        badges = {registrant.badge for registrant in registrants}
        return [person for badge, person in self._badges.items() if badge not in badges]

    def restamp(self, above: int) -> list[Person]:
        """Everybody with a revision beyond ``above``.

        For when a gateway knows a later one than we ever gave: our store is new, or from a backup.
        """
        return _numbered(self._people.values(), max(above, self.revision))

    def settle(self, changed: Iterable[Person]) -> None:
        """These are stored."""
        for person in changed:
            self._people[person.profile.person] = person
        self._badges = {one.badge: one for one in self._people.values() if one.badge is not None}

    def since(self, revision: int) -> list[Profile]:
        """What gateways may know of everybody whose revision is above this."""
        return [self._travelling(one.profile) for one in self._people.values() if one.profile.revision > revision]

    def _travelling(self, profile: Profile) -> Profile:
        """Only what its purpose needs; a guest who agreed to nothing travels as a tombstone."""
        if not self.need_consent or profile.erased:
            return profile
        if not profile.consent:
            return Profile(profile.person, profile.revision, erased=True)
        return replace(
            profile,
            first_name=profile.first_name if "screen" in profile.consent else None,
            colour=profile.colour if "lights" in profile.consent else None,
            bands=profile.bands if "music" in profile.consent else (),
        )


def _profile(row: Registrant, known: Person | None, now_us: int) -> Profile:
    before = Profile(secrets.token_hex(8), 0, (BadgeBinding(row.badge, now_us),)) if known is None else known.profile
    return replace(before, first_name=row.first_name, colour=row.colour, bands=row.bands, consent=row.consent)


def _numbered(people: Iterable[Person], after: int) -> list[Person]:
    return [
        Person(person.badge, replace(person.profile, revision=revision))
        for revision, person in enumerate(people, after + 1)
    ]
