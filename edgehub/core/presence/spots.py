"""Spots: the rooms and corners of a zone that sound different, kept apart."""

from collections.abc import Mapping

from edgehub.core.presence.survey import Fingerprint, Place

# A house's floor has half a dozen rooms that sound different. More labels than that in one zone are points on its
# floor, each heard for a few readings; a person will stand between them, so together they are one walk of the zone.
MOST_SPOTS = 6


def condensed(places: Mapping[Place, Fingerprint]) -> dict[Place, Fingerprint]:
    """The same survey, but zones with more than ``MOST_SPOTS`` spots are one place each."""
    by_zone: dict[str | None, dict[Place, Fingerprint]] = {}
    for place, fingerprint in places.items():
        by_zone.setdefault(place.zone, {})[place] = fingerprint
    found: dict[Place, Fingerprint] = {}
    for zone, spots in by_zone.items():
        found.update(spots if len(spots) <= MOST_SPOTS else {Place(zone): _together(spots)})
    return found


def _together(spots: Mapping[Place, Fingerprint]) -> Fingerprint:
    whole = Fingerprint()
    for fingerprint in spots.values():
        whole.merge(fingerprint)
    return whole
