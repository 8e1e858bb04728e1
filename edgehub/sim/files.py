"""The staff's files of the simulated venue, as people would write them: zones.yaml, edgehub.yaml, registration.csv."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from edgehub.sim.guests import Guest
from edgehub.sim.offices import ticket
from edgehub.sim.venue import CONFERENCE

SITE = "dv-conference"
BRIDGE = "hall"

# Lamps of the bridge by room, and the scene for when nobody is there.
LAMPS = {
    "Lounge": ("Lounge 1", "Lounge 2", "Lounge 3"),
    "Foyer": ("Foyer 1", "Foyer 2"),
    "Snacks": ("Snacks 1", "Snacks 2"),
}
SCENES = {"Warm lounge": ("Lounge", "#ffb46b"), "Bright": ("Foyer", "#ffe9cf"), "Amber": ("Snacks", "#ff9a2e")}
ROOM_OF_ZONE = {"party": "Lounge", "coffee": "Foyer", "bacon": "Snacks"}

ZONES = """\
version: 1
event: {{name: Digital Velocity, timezone: {timezone}, days: ["{day}"], open: "00:00", close: "23:59"}}

badges:
  ibeacon: "f7826da6-4fa2-4e98-8024-bc5b71e0893e/1"
markers:
{markers}

zones:
  party:
    name: Party lounge
    heard_by: [pi-lounge, pi-bar]
    arrive_after: 5s
    lights: {{bridge: hall, room: Lounge, idle: Warm lounge, people: favourite colours}}
  coffee:
    name: Coffee stand
    heard_by: [pi-coffee]
    lights: {{bridge: hall, room: Foyer, idle: Bright, people: favourite colours}}
  bacon:
    name: Bacon table
    heard_by: [pi-bacon]
    lights: {{bridge: hall, room: Snacks, idle: Amber, people: favourite colours}}
  acme:   {{name: Acme booth,   heard_by: [pi-expo],  sponsor: true}}
  birch:  {{name: Birch booth,  heard_by: [pi-expo2], sponsor: true}}
  cobalt: {{name: Cobalt booth, heard_by: [pi-expo3], sponsor: true}}

privacy: {{need_consent: true, forget: 24h after close, screens_show: first names}}
"""

EDGEHUB = """\
version: 1
site: {site}
gateway: {gateway}
mqtt: {{host: {broker_host}, port: {broker_port}, protocol: "{protocol}"}}
bluetooth: {{source: "socket:{radio}"}}
hue:
  hall: {{host: "{bridge}"}}
logs: {{style: sentence, level: info}}
"""

MARKER_ZONES = {"bacon-tray": "bacon", "coffee-bar": "coffee", "dj-booth": "party"}


@dataclass(frozen=True, slots=True)
class Wiring:
    """Where the things of the demo are reached, as edgehub.yaml names them."""

    broker_host: str
    broker_port: int
    protocol: str
    """"5" or "3.1.1"."""
    radio: Path
    bridge: str
    """Host and port of the Hue bridge emulator."""


def zones_yaml(today: date, timezone: str) -> str:
    """The text of zones.yaml."""
    numbers = {marker: number for marker, (number, _) in CONFERENCE.markers.items()}
    markers = "\n".join(f"  {name}: {{badge: {numbers[name]}, zone: {zone}}}" for name, zone in MARKER_ZONES.items())
    return ZONES.format(timezone=timezone, day=today.isoformat(), markers=markers)


def edgehub_yaml(gateway: str, wiring: Wiring) -> str:
    """The text of one gateway's edgehub.yaml."""
    return EDGEHUB.format(
        site=SITE,
        gateway=gateway,
        broker_host=json.dumps(wiring.broker_host),
        broker_port=wiring.broker_port,
        protocol=wiring.protocol,
        radio=wiring.radio,
        bridge=wiring.bridge,
    )


def write_registration(path: Path, guests: Sequence[Guest]) -> None:
    """Write registration.csv, with the columns a ticket system exports."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["badge", "first_name", "colour", "bands", "consent", "ticket_no"])
        writer.writerows(_rows(guests))


def _rows(guests: Sequence[Guest]) -> Iterable[list[str]]:
    for guest in guests:
        bands, consent = ";".join(guest.bands), ";".join(guest.consent)
        yield [guest.badge.written, guest.first_name, guest.colour, bands, consent, ticket(guest)]
