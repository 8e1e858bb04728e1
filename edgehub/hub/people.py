"""What gateways know of guests, in the store: profiles with revisions, and of whom nothing may be remembered.

Every change is made in one transaction with what follows from it: who may not be remembered any more leaves no stay
and no event behind.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgehub.core.profile import CONSENT_PURPOSES, BadgeBinding, Profile
from edgehub.core.wire.fields import dump_text
from edgehub.core.wire.profiles import profile_to_json, read_profile
from edgehub.hub.fact import PERSON
from edgehub.hub.guest import Guest
from edgehub.hub.store import Row, Transaction

REMEMBER = frozenset({"analytics", "offers"})
"""Who agreed to one of these may be remembered; visits of others are not kept."""


@dataclass(frozen=True, slots=True)
class Person:
    """A guest as gateways may be told of, before consent is asked, and the badge worn now."""

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
    def of_row(cls, row: Row) -> "Person":
        """From the store."""
        return cls(row[2], read_profile(json.loads(row[3])))


def persons_of(guest: Guest) -> list[Person]:
    """A guest under each person id; badges are the canonical one's, and nothing of the others is erased."""
    profile = Profile(
        guest.person,
        0,
        tuple(BadgeBinding(one.badge, one.since_us, one.until_us) for one in guest.badges),
        _text(guest, "first_name"),
        _text(guest, "colour"),
        tuple(str(band) for band in _value(guest, "bands") or ()),
        guest.agreed & CONSENT_PURPOSES,
    )
    worn = [one.badge for one in guest.badges if one.until_us is None]
    others = (person for person in guest.persons if person != guest.person)
    return [
        Person(worn[-1] if worn else None, profile),
        *(Person(None, replace(profile, person=person, badges=())) for person in others),
    ]


def _value(guest: Guest, name: str) -> Any:
    return guest.values[name].value if name in guest.values else None


def _text(guest: Guest, name: str) -> str | None:
    value = _value(guest, name)
    return value if isinstance(value, str) and value else None


def tombstone(person: str) -> Person:
    """All that is left of a guest who is forgotten."""
    return Person(None, Profile(person, 0, erased=True))


def change(transaction: Transaction, people: Iterable[Person], *, need_consent: bool) -> list[Person]:
    """Keep those who are not as they were, with new revisions, and return them."""
    people = list(people)
    known = _known(transaction, people)
    return put(transaction, [one for one in people if one != known.get(one.profile.person)], need_consent=need_consent)


def restamp(transaction: Transaction, above: int, *, need_consent: bool) -> list[Person]:
    """Give everybody a revision beyond ``above``.

    For when a gateway knows a later one than we ever gave (our store is new, or from a backup), or others travel.
    """
    people = [Person.of_row(row) for row in transaction.select("people")]
    return put(transaction, people, above=above, need_consent=need_consent)


def put(transaction: Transaction, people: Sequence[Person], *, above: int = 0, need_consent: bool) -> list[Person]:
    """Keep persons with new revisions; of whoever may not be remembered nothing else stays."""
    [[last]] = transaction.select("last_revision")
    numbered = [
        replace(person, profile=replace(person.profile, revision=revision))
        for revision, person in enumerate(people, max(above, last) + 1)
    ]
    transaction.run("put_person", [one.row() for one in numbered])
    forgotten = [one.profile.person for one in numbered if not remembered(one.profile, need_consent=need_consent)]
    transaction.run("forget_stays", [{"person": person} for person in forgotten])
    transaction.run("forget_dwell", [{"person": person} for person in forgotten])
    transaction.run("forget_sightings", [{"subject": f"{PERSON}:{person}"} for person in forgotten])
    return numbered


def remembered(profile: Profile, *, need_consent: bool) -> bool:
    """True for a guest whose visits may be kept."""
    return not profile.erased and (not need_consent or bool(profile.consent & REMEMBER))


def _known(transaction: Transaction, people: Sequence[Person]) -> dict[str, Person]:
    """As they are kept, without their revisions."""
    if not people:
        return {}
    rows = transaction.select("people_with", persons={one.profile.person for one in people})
    found = map(Person.of_row, rows)
    return {one.profile.person: replace(one, profile=replace(one.profile, revision=0)) for one in found}
