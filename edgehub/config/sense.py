"""Does zones.yaml make sense together? Each value was fine by itself; a mistaken one is absent here and not judged."""

from collections.abc import Mapping
from typing import Any

from edgehub.config.nodes import Table, find
from edgehub.config.page import Page
from edgehub.config.problems import Mistake, did_you_mean
from edgehub.core.badge import canonical_badge
from edgehub.core.venue import BadgeScheme

Values = Mapping[str, Any]


def check_together(values: Values, page: Page, bridges: Mapping[str, Any] | None) -> None:
    """Report what does not fit. ``bridges``: the nicknames edgehub.yaml has; None when nobody knows them."""
    for zone_id, zone in (values.get("zones") or {}).items():
        _check_times(zone_id, zone, page)
        if bridges is not None:
            _check_bridge(zone_id, zone, page, bridges)
    markers = values.get("markers") or {}
    scheme = scheme_of(values.get("badges")) if "badges" in values else None
    if scheme and (scheme.ibeacon_major or 0) > 0xFFFF:
        hint = "Look it up in the app of the beacons' maker."
        page.report(Mistake(page.mark("badges", "ibeacon"), "a major is at most 65535", hint))
    elif scheme:
        _check_marker_badges(markers, scheme, page)
    written = find(page.root, "zones") if page.root else None
    if isinstance(written, Table):  # a zone with a mistake in it is still a zone
        _check_marker_zones(markers, written.entries, page)


def _check_times(zone_id: str, zone: Values, page: Page) -> None:
    arrive, leave = zone.get("arrive_after"), zone.get("leave_after")
    if arrive is None or leave is None or leave >= arrive:
        return
    name = zone.get("name", zone_id)
    arrive, leave = (page.written("zones", zone_id, key) for key in ("arrive_after", "leave_after"))
    message = f"people leave {name} after {leave} but arrive after {arrive}; they would flicker in and out"
    hint = "leave_after is normally 3–5 times arrive_after."  # noqa: RUF001 - a sentence for people
    page.report(Mistake(page.mark("zones", zone_id, "leave_after"), message, hint))


def _check_bridge(zone_id: str, zone: Values, page: Page, bridges: Mapping[str, Any]) -> None:
    bridge = (zone.get("lights") or {}).get("bridge")
    if bridge is None or bridge in bridges:
        return
    hint = did_you_mean(bridge, bridges, f"edgehub.yaml has: {', '.join(bridges) or 'no bridge, under hue:'}.")
    mark = page.mark("zones", zone_id, "lights", "bridge")
    page.report(Mistake(mark, f'there is no Hue bridge called "{bridge}" in edgehub.yaml', hint))


def _check_marker_badges(markers: Mapping[str, Values], scheme: BadgeScheme, page: Page) -> None:
    first: dict[str, str] = {}
    for marker_id, written in (
        (marker_id, marker["badge"]) for marker_id, marker in markers.items() if "badge" in marker
    ):
        badge, mark = canonical_badge(written, scheme), page.mark("markers", marker_id, "badge")
        if badge is None:
            hint = 'Write a number of this venue, or the whole name, like "eddystone:NAMESPACE/INSTANCE".'
            page.report(Mistake(mark, f'"{written}" names no beacon of this venue', hint))
        elif badge in first:
            hint = f"Hold the right one near the Pi and run: edgehub learn marker {marker_id}"
            page.report(Mistake(mark, f'beacon {written} is already "{first[badge]}"', hint))
        else:
            first[badge] = marker_id


def _check_marker_zones(markers: Mapping[str, Values], zones: Mapping[str, Any], page: Page) -> None:
    for marker_id, marker in markers.items():
        if "zone" in marker and marker["zone"] not in zones:
            hint = did_you_mean(marker["zone"], zones, f"There are: {', '.join(zones)}.")
            mark = page.mark("markers", marker_id, "zone")
            page.report(Mistake(mark, f'there is no zone called "{marker["zone"]}"', hint))


def scheme_of(badges: Mapping[str, Any] | None) -> BadgeScheme | None:
    """Return the scheme that ``badges:`` describes; None when it is mistaken, and no badge can be judged."""
    if badges is None:
        return BadgeScheme()
    if "ibeacon" not in badges:
        return None
    if badges["ibeacon"] is None:
        return BadgeScheme()
    uuid, _, major = badges["ibeacon"].partition("/")
    return BadgeScheme(uuid.lower(), int(major) if major else None)
