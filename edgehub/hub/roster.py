"""The roster: who the guests are whom gateways know, and what of them may travel there.

It is what the store's `people` say, in memory for the board and for questions; `edgehub.hub.people` changes them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from edgehub.core.profile import Profile
from edgehub.hub.people import Person, remembered


class Roster:
    """All persons by id.

    Args:
        people: as last stored.
        need_consent: False where the venue may do without (its own staff, a rehearsal).
    """

    def __init__(self, people: Iterable[Person] = (), *, need_consent: bool = True) -> None:
        self._people = {person.profile.person: person for person in people}
        self.need_consent = need_consent

    @property
    def revision(self) -> int:
        """The highest given so far."""
        return max((person.profile.revision for person in self._people.values()), default=0)

    def remembered(self, person: str) -> bool:
        """True for a guest whose visits may be kept."""
        known = self.of(person)
        return known is not None and remembered(known, need_consent=self.need_consent)

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

    def settle(self, changed: Iterable[Person]) -> None:
        """These are stored; of two the later revision is right, in whatever order they are told."""
        for person in changed:
            known = self._people.get(person.profile.person)
            if known is None or known.profile.revision < person.profile.revision:
                self._people[person.profile.person] = person

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
