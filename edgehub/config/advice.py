"""What works, but hardly as it was meant: warnings, never mistakes."""

from collections.abc import Mapping
from typing import Any

from edgehub.config.installation import Installation
from edgehub.config.page import Page
from edgehub.config.problems import START, did_you_mean
from edgehub.core.venue import Venue

_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})


def advise_installation(installation: Installation, page: Page) -> None:
    """Warn of an open broker."""
    mqtt = installation.mqtt
    if mqtt and mqtt.ca is None and mqtt.host not in _THIS_MACHINE:
        hint = "Use TLS, as mosquitto.conf in config/ shows, unless this network is yours alone."
        page.warn(page.mark("mqtt", "host"), "without ca, anybody on this network can read what is sent", hint)


def advise_venue(venue: Venue, page: Page, installation: Installation | None, bridges: Mapping[str, Any]) -> None:
    """Warn of gateways nobody counts on, radios and rooms that do not exist, and zones that share their lamps.

    ``bridges``: rooms and scenes each bridge had when it was last seen. It may be off now, so they only warn.
    """
    if installation is not None and installation.role == "gateway":
        _advise_receivers(venue, page, installation)
    _advise_rooms(venue, page, bridges)
    _advise_shared_rooms(venue, page)


def _advise_receivers(venue: Venue, page: Page, installation: Installation) -> None:
    heard_by = [(zone.id, receiver) for zone in venue.zones.values() for receiver in zone.heard_by]
    own = [(zone, receiver) for zone, receiver in heard_by if receiver.partition("/")[0] == installation.gateway]
    for zone, receiver in own:
        if receiver not in installation.receivers:
            hint = f"Its adapters in edgehub.yaml make it: {', '.join(installation.receivers)}."
            page.warn(page.mark("zones", zone, "heard_by"), f'this gateway has no receiver "{receiver}"', hint)
    if not own:
        hint = did_you_mean(
            installation.gateway, [name for _, name in heard_by], "It can still help its neighbours to decide."
        )
        page.warn(START, f'no zone is heard by this gateway, "{installation.gateway}"', hint)


def _advise_rooms(venue: Venue, page: Page, bridges: Mapping[str, Any]) -> None:
    for zone in venue.zones.values():
        seen = bridges.get(zone.lights.bridge) if zone.lights else None
        if zone.lights is None or not isinstance(seen, Mapping):
            continue
        for key, thing, wanted in (("room", "room", zone.lights.room), ("idle", "scene", zone.lights.idle)):
            known = [str(name) for name in seen.get(f"{thing}s") or ()]
            if wanted is not None and known and wanted not in known:
                message = f'there is no {thing} on Hue bridge "{zone.lights.bridge}" called "{wanted}"'
                hint = did_you_mean(wanted, known, f"It had: {', '.join(known)}.")
                page.warn(page.mark("zones", zone.id, "lights", key), message, hint)


def _advise_shared_rooms(venue: Venue, page: Page) -> None:
    first: dict[tuple[str, str], str] = {}
    for zone in venue.zones.values():
        if zone.lights and (lamps := (zone.lights.bridge, zone.lights.room)) in first:
            message = f'"{zone.id}" and "{first[lamps]}" have the same lamps; they would take turns'
            page.warn(page.mark("zones", zone.id, "lights", "room"), message, "Give each zone a room of its own.")
        elif zone.lights:
            first[lamps] = zone.id
