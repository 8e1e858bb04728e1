"""The guests a gateway may follow: consent first.

A badge whose wearer agreed to nothing is as unknown to us as a passing phone: dropped in memory, followed by nobody.
"""

from collections.abc import Iterable, Mapping

from edgehub.core.profile import Profile, Profiles


class Guests:
    """Profiles seen through the venue's rule on consent."""

    def __init__(self, profiles: Profiles, *, need_consent: bool) -> None:
        self._profiles = profiles
        self.need_consent = need_consent
        self.wearers: Mapping[str, str] = {}
        """Badge key → person, of the guests who may be followed."""
        self.refresh()

    def take(self, profiles: Iterable[Profile]) -> list[str]:
        """Take newer profiles; the persons whose profile changed."""
        changed = [profile.person for profile in profiles if self._profiles.put(profile)]
        if changed:
            self.refresh()
        return changed

    def replace(self, profiles: Profiles) -> None:
        """Take these guests, and no others any more."""
        self._profiles = profiles
        self.refresh()

    def refresh(self) -> None:
        """Work out anew who may be followed."""
        self.wearers = {badge: person for badge, person in self._profiles.badges.items() if self._followed(person)}

    def of(self, person: str) -> Profile | None:
        """The guest's profile, unless unknown or erased."""
        return self._profiles.of(person)

    def colour(self, person: str) -> str | None:
        """The favourite colour, of a guest who agreed to lights."""
        profile = self._profiles.of(person)
        return profile.colour if profile is not None and self._agreed(profile, "lights") else None

    def counts(self, person: str) -> bool:
        """True when visits may be kept: the guest agreed to offers or analytics, which need them.

        Guests known from the staff's list alone (revision 0) have no name that the hub would know: they get light.
        """
        profile = self._profiles.of(person)
        return profile is not None and profile.revision > 0 and self._agreed(profile, "offers", "analytics")

    def _followed(self, person: str) -> bool:
        profile = self._profiles.of(person)
        return profile is not None and bool(profile.consent or not self.need_consent)

    def _agreed(self, profile: Profile, *purposes: str) -> bool:
        return not self.need_consent or any(purpose in profile.consent for purpose in purposes)
