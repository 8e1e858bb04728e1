"""zones.yaml → Venue: what the staff say about their place, and whether it makes sense."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edgehub.config.fields import Choice, Day, Duration, Entry, Field, Text, TimeOfDay, TimeZone, YesNo
from edgehub.config.groups import Group, ListOf, MapOf
from edgehub.config.page import Page
from edgehub.config.problems import START
from edgehub.config.sense import check_together, scheme_of
from edgehub.core.badge import canonical_badge
from edgehub.core.venue import BadgeScheme, Marker, Privacy, Venue, VenueEvent, Zone, ZoneLights

FILE: Final = "zones.yaml"
PEOPLE: Final = "favourite colours"

# GATEWAY, or GATEWAY/ADAPTER where a gateway has several radios. Capitals are allowed: recordings use them.
_RECEIVER = Text(
    "the name of a receiver",
    r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9]+)?",
    "Write the gateway's name, like pi-bar, or with its adapter, like pi-bar/hci1.",
)
_UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

LIGHTS = Group({
    "bridge": Field(Text(), "Nickname of the Hue bridge in edgehub.yaml.", "hall", required=True),
    "room": Field(Text(), "Name of the room, as in the Hue app.", "Lounge", required=True),
    "idle": Field(Text(), "Scene of that room for when nobody is there; without it the lamps are left as found.", "Amber"),
    "people": Field(
        Choice((PEOPLE, "nothing")),
        "What guests change: the lamps show their favourite colours as long as they are there, or nothing.",
        PEOPLE,
        default=PEOPLE,
    ),
})  # fmt: skip

ZONE = Group({
    "name": Field(Text(), "What people call it, in any language.", "Coffee stand", required=True),
    "heard_by": Field(
        ListOf(_RECEIVER), "Receivers in the zone, the one that speaks for it first. May be empty.", ["pi-coffee"], default=()
    ),
    "arrive_after": Field(Duration(), "A visit counts from this stay on. Lights do not wait for it.", "5s", default=0.0),
    "leave_after": Field(Duration(), "A visit lasts at least until this long after the guest was last heard.", "90s"),
    "sponsor": Field(YesNo(), "Whether this is a sponsor's booth.", True, default=False),
    "lights": Field(LIGHTS, "The lamps of the zone.", {"bridge": "hall", "room": "Lounge"}),
})  # fmt: skip

MARKER = Group({
    "badge": Field(Text(), "The beacon, written like a badge.", 9001, required=True),
    "zone": Field(Text(), "The zone it is glued in.", "bacon", required=True),
})  # fmt: skip

EVENT = Group({
    "name": Field(Text(), "What the event is called.", "Digital Velocity", default=""),
    "timezone": Field(TimeZone(), "Time zone of the venue.", "America/Los_Angeles", default="UTC"),
    "days": Field(ListOf(Day()), "Days of the event.", ["2026-11-23", "2026-11-24"], default=()),
    "open": Field(TimeOfDay(), "When the doors open, in the venue's time.", "08:30"),
    "close": Field(TimeOfDay(), "When they close; after midnight is fine.", "23:59"),
})  # fmt: skip

BADGES = Group({
    "ibeacon": Field(
        Text("a UUID or UUID/major", rf"{_UUID}(/[0-9]{{1,5}})?", "Write it like f7826da6-4fa2-4e98-8024-bc5b71e0893e/1."),
        "UUID/major of the venue's iBeacons: the badge number is the minor. A UUID alone: major-minor.",
        "f7826da6-4fa2-4e98-8024-bc5b71e0893e/1",
    ),
})  # fmt: skip

PRIVACY = Group({
    "need_consent": Field(YesNo(), "Whether guests must have agreed before anything is kept of them.", True, default=True),
    "forget": Field(Duration(after=" after close"), "When guests' data is deleted.", "24h after close"),
    "screens_show": Field(
        Choice(("colours", "first names")),
        "What public screens show of a guest; names only of those who opted in.",
        "colours",
        default="colours",
    ),
})  # fmt: skip

SETTINGS = Group({
    "version": Field(Choice(("1",)), "Version of this file's form.", 1, required=True),
    "event": Field(EVENT, "When the venue is open.", {"name": "Digital Velocity"}),
    "badges": Field(BADGES, "What counts as a person.", {"ibeacon": "f7826da6-4fa2-4e98-8024-bc5b71e0893e/1"}),
    "markers": Field(
        MapOf(MARKER, "a marker"), "Beacons glued to furniture: silence tells a deaf receiver from an empty room.", {}
    ),
    "zones": Field(MapOf(ZONE, "a zone", least=1), "Places with a name.", {"coffee": {"name": "Coffee stand"}}, required=True),
    "privacy": Field(PRIVACY, "What may be kept and shown.", {"need_consent": True}),
})  # fmt: skip


def load_venue(path: Path | str) -> Venue:
    """Return the venue described by a zones file, or by the zones.yaml of a folder; JSON is YAML.

    Raises:
        ConfigError: with every mistake of the file.
    """
    path = Path(path)
    page = Page(path / FILE if path.is_dir() else path)
    venue = read_venue(page)
    page.raise_mistakes()
    assert venue is not None
    return venue


def read_venue(page: Page, bridges: Mapping[str, Any] | None = None) -> Venue | None:
    """Return the venue, or None with the mistakes in ``page``. ``bridges``: nicknames edgehub.yaml has; None = any."""
    tree = page.tree()
    if tree is None:
        return None
    values = SETTINGS.read(Entry(page.path.name, START, tree), page)
    check_together(values, page, bridges)
    return None if page.broken else _venue(values)


def _venue(values: Mapping[str, Any]) -> Venue:
    scheme = scheme_of(values["badges"]) or BadgeScheme()
    markers = values["markers"] or {}
    privacy = values["privacy"]
    return Venue(
        zones={zone_id: _zone(zone_id, zone) for zone_id, zone in values["zones"].items()},
        markers={marker_id: _marker(marker_id, marker, scheme) for marker_id, marker in markers.items()},
        badges=scheme,
        event=VenueEvent(**values["event"]) if values["event"] else VenueEvent(),
        privacy=Privacy(privacy["need_consent"], privacy["forget"], privacy["screens_show"]) if privacy else Privacy(),
    )


def _marker(marker_id: str, marker: Mapping[str, Any], scheme: BadgeScheme) -> Marker:
    badge = canonical_badge(marker["badge"], scheme)
    assert badge is not None
    return Marker(marker_id, badge, marker["zone"])


def _zone(zone_id: str, zone: Mapping[str, Any]) -> Zone:
    return Zone(
        id=zone_id,
        name=zone["name"],
        heard_by=zone["heard_by"],
        arrive_after_s=zone["arrive_after"],
        leave_after_s=zone["leave_after"],
        sponsor=zone["sponsor"],
        lights=_lights(zone["lights"]) if zone["lights"] else None,
    )


def _lights(lights: Mapping[str, Any]) -> ZoneLights:
    return ZoneLights(lights["bridge"], lights["room"], lights["idle"], people=lights["people"] == PEOPLE)
