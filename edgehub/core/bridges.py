"""The bridges of a venue: whose lights hang on which, and how many gateways drive it."""

from edgehub.core.lighting import Lighting
from edgehub.core.speaker import gateway_of
from edgehub.core.venue import Venue, ZoneLights


def lights_on(bridge: str, venue: Venue) -> list[ZoneLights]:
    """The zones' lights that hang on a bridge."""
    return [zone.lights for zone in venue.zones.values() if zone.lights is not None and zone.lights.bridge == bridge]


def lighting_of(venue: Venue, before: Lighting | None) -> Lighting:
    """The lighting of a venue, which goes on with what is lit now if there was one before."""
    zones = {zone.id: zone.lights for zone in venue.zones.values() if zone.lights is not None}
    return Lighting(zones, shares(venue), before=before)


def shares(venue: Venue) -> dict[str, int]:
    """Bridge → how many gateways may drive it: each keeps to its part of the bridge's rate without asking the others."""
    users: dict[str, set[str]] = {}
    for zone in venue.zones.values():
        if zone.lights is not None:
            users.setdefault(zone.lights.bridge, set()).update(gateway_of(receiver) for receiver in zone.heard_by)
    return {bridge: max(1, len(gateways)) for bridge, gateways in users.items()}
