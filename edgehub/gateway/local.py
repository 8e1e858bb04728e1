"""Guests of a gateway that no hub has told about anybody: the staff's own list."""

import hashlib

from edgehub.config import Registration
from edgehub.core.profile import BadgeBinding, Profile


def local_profiles(registration: Registration) -> list[Profile]:
    """The registration as profiles of revision 0, so that whatever the hub says of these badges replaces them."""
    return [
        Profile(
            person="local-" + hashlib.sha256(row.badge.encode()).hexdigest()[:16],
            revision=0,
            badges=(BadgeBinding(row.badge),),
            first_name=row.first_name,
            colour=row.colour,
            bands=row.bands,
            consent=row.consent,
        )
        for row in registration
    ]
