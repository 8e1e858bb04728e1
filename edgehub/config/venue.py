"""zones.yaml → Venue: what the staff say about their place, and whether it makes sense."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edgehub.config.fields import Choice, Day, Duration, Entry, Field, Text, TimeOfDay, TimeZone, YesNo
from edgehub.config.groups import Group, ListOf, MapOf
from edgehub.config.nodes import Listing, Node, Scalar, Table
from edgehub.config.page import Page
from edgehub.config.problems import START, Mark, Mistake, did_you_mean
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
        Text("UUID or UUID/major", rf"{_UUID}(/[0-9]{{1,5}})?", "Write it like f7826da6-4fa2-4e98-8024-bc5b71e0893e/1."),
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
    _check(values, tree, page, bridges)
    return None if page.broken else _venue(values)


# --- does it make sense together?


def _check(values: Mapping[str, Any], tree: Table, page: Page, bridges: Mapping[str, Any] | None) -> None:
    zones = values.get("zones") or {}
    for zone_id, zone in zones.items():
        _check_times(zone_id, zone, tree, page)
        _check_bridge(zone_id, zone, tree, page, bridges)
    if "badges" in values and (scheme := _scheme(values["badges"])):
        _check_markers(values.get("markers") or {}, scheme, tree, page)
    if "zones" in values:
        _check_marker_zones(values.get("markers") or {}, zones, tree, page)


def _check_times(zone_id: str, zone: Mapping[str, Any], tree: Table, page: Page) -> None:
    arrive, leave = zone.get("arrive_after"), zone.get("leave_after")
    if arrive is None or leave is None or leave >= arrive:
        return
    arrive_text, leave_text = (_text(find(tree, "zones", zone_id, key)) for key in ("arrive_after", "leave_after"))
    page.report(
        Mistake(
            _mark(tree, "zones", zone_id, "leave_after"),
            f"people leave {zone.get('name', zone_id)} after {leave_text} but arrive after {arrive_text};"
            " they would flicker in and out",
            "leave_after is normally 3–5 times arrive_after.",  # noqa: RUF001 - a sentence for people
        )
    )


def _check_bridge(
    zone_id: str, zone: Mapping[str, Any], tree: Table, page: Page, bridges: Mapping[str, Any] | None
) -> None:
    bridge = (zone.get("lights") or {}).get("bridge")
    if bridge is None or bridges is None or bridge in bridges:
        return
    hint = did_you_mean(bridge, bridges, f"edgehub.yaml has: {', '.join(bridges) or 'no bridge under hue:'}.")
    mark = _mark(tree, "zones", zone_id, "lights", "bridge")
    page.report(Mistake(mark, f'there is no Hue bridge called "{bridge}" in edgehub.yaml', hint))


def _check_markers(markers: Mapping[str, Any], scheme: BadgeScheme, tree: Table, page: Page) -> None:
    first: dict[str, str] = {}
    for marker_id, marker in markers.items():
        if "badge" not in marker:
            continue
        badge, mark = canonical_badge(marker["badge"], scheme), _mark(tree, "markers", marker_id, "badge")
        if badge is None:
            hint = 'Write a number of this venue, or the whole name, like "eddystone:NAMESPACE/INSTANCE".'
            page.report(Mistake(mark, f'"{marker["badge"]}" names no beacon of this venue', hint))
        elif badge in first:
            hint = f"Hold the right one near the Pi and run: edgehub learn marker {marker_id}"
            page.report(Mistake(mark, f'beacon {marker["badge"]} is already "{first[badge]}"', hint))
        else:
            first[badge] = marker_id


def _check_marker_zones(markers: Mapping[str, Any], zones: Mapping[str, Any], tree: Table, page: Page) -> None:
    written = find(tree, "zones")
    known = written.entries if isinstance(written, Table) else zones  # a zone with a mistake in it is still a zone
    for marker_id, marker in markers.items():
        if "zone" in marker and marker["zone"] not in known:
            hint = did_you_mean(marker["zone"], known, f"There are: {', '.join(known)}.")
            mark = _mark(tree, "markers", marker_id, "zone")
            page.report(Mistake(mark, f'there is no zone called "{marker["zone"]}"', hint))


def find(node: Node, *path: str) -> Node | None:
    """Return the node at a path of names, None when nothing is written there."""
    for name in path:
        if not isinstance(node, Table) or name not in node.entries:
            return None
        node = node.entries[name][1]
    return node


def _mark(tree: Table, *path: str) -> Mark:
    node = find(tree, *path)
    return START if node is None else node.mark


def _text(node: Node | None) -> str:
    match node:
        case Scalar(text):
            return text
        case Listing() | Table() | None:
            return "0s"


# --- build


def _venue(values: Mapping[str, Any]) -> Venue:
    scheme = _scheme(values["badges"]) or BadgeScheme()
    markers = values["markers"] or {}
    privacy = values["privacy"]
    return Venue(
        zones={zone_id: _zone(zone_id, zone) for zone_id, zone in values["zones"].items()},
        markers={marker_id: _marker(marker_id, marker, scheme) for marker_id, marker in markers.items()},
        badges=scheme,
        event=VenueEvent(**values["event"]) if values["event"] else VenueEvent(),
        privacy=Privacy(privacy["need_consent"], privacy["forget"], privacy["screens_show"]) if privacy else Privacy(),
    )


def _scheme(badges: Mapping[str, Any] | None) -> BadgeScheme | None:
    """The scheme; None when it is mistaken, and nothing can be said about badges."""
    if badges is None:
        return BadgeScheme()
    if "ibeacon" not in badges:
        return None
    if badges["ibeacon"] is None:
        return BadgeScheme()
    uuid, _, major = badges["ibeacon"].partition("/")
    return BadgeScheme(uuid.lower(), int(major) if major else None)


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
