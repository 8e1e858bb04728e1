"""The board: what a venue may put on a screen, as one picture that the page draws.

Names only where the venue shows names and of guests who agreed to be named, and guests only if they agreed to be
remembered.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from edgehub.core.speaker import gateway_of
from edgehub.core.venue import Venue, Zone
from edgehub.core.wire import Status, succeed
from edgehub.core.wire.events import LightShown
from edgehub.hub.ledger import Ledger
from edgehub.hub.roster import Roster
from edgehub.hub.terms import timezone_of
from edgehub.hub.work import Light

LEADERS = 5
LIVE_US = 60_000_000
"""Events this fresh show that the venue's clock is ours; else (a simulated day) the newest event tells the time."""
AWAY_US = 300_000_000
"""Who was in no zone for five minutes is not between two of them."""
GREETED_US = 20_000_000
"""A guest whose colour came on is drawn in that room at once; the visit itself is known some 12 s later."""
UNKNOWN_LIGHT: Mapping[str, Any] = {"colour": None, "state": "unknown", "why": "Nothing has been heard of this light."}
NO_LIGHT: Mapping[str, Any] = {"colour": None, "state": "none", "why": ""}


class Board:
    """What the hub knows, as a picture. The page waits for `changed` and takes a `snapshot`."""

    def __init__(
        self,
        site: str,
        venue: Venue,
        ledger: Ledger,
        roster: Roster,
        *,
        wall_us: Callable[[], int],
        speed: float = 1,
        boxes: Mapping[str, Any] | None = None,
    ) -> None:
        self._site = site
        self.venue = venue
        self._ledger = ledger
        self._roster = roster
        self._wall_us = wall_us
        self._speed = speed
        self._boxes = boxes or {}
        self._latest_us = 0
        self._lights: dict[str, Mapping[str, Any]] = {}
        self._greeted: dict[str, tuple[str, int]] = {}
        """Person → the zone that lit their colour, and when."""
        self._counts: dict[str, int] = {}
        self._gateways: dict[str, Status] = {}
        self.hub: dict[str, Any] = {"state": "starting"}
        self.totals: dict[str, int] = {}
        self._leaders_so_far: Mapping[str, Sequence[tuple[str, float]]] = {}
        """Zone → guests and how long they were there, by the store: the longest first."""
        self._changed = asyncio.Condition()
        self._version = 0
        self._seen = 0

    async def changed(self) -> None:
        """Wait until something changed since the last call."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._version != self._seen)
            self._seen = self._version

    async def touch(self) -> None:
        """Something changed."""
        async with self._changed:
            self._version += 1
            self._changed.notify_all()

    def take_status(self, gateway: str, status: Status) -> Status:
        """A gateway said how it is; what is known of it now, for a death of an earlier life is ignored."""
        known = self._gateways[gateway] = succeed(self._gateways.get(gateway), status)
        return known

    def take_count(self, zone: str, count: int) -> None:
        """A gateway said how many are in a zone."""
        self._counts[zone] = count

    def take_lights(self, lights: list[Light], latest_us: int) -> None:
        """Bridges showed or refused something."""
        for light in lights:
            self._lights[light.zone] = _light(light)
            if isinstance(light, LightShown) and light.person is not None:
                self._greeted[light.person] = light.zone, latest_us
        self._latest_us = max(self._latest_us, latest_us)

    def count(self, more: Mapping[str, int]) -> None:
        """So many more of each."""
        for what, number in more.items():
            self.totals[what] = self.totals.get(what, 0) + number

    def take_leaders(self, leaders: Mapping[str, Sequence[tuple[str, float]]]) -> None:
        """What the store says of guests who may have gone: zone → person and seconds."""
        self._leaders_so_far = leaders

    def online(self) -> list[str]:
        """Names of the gateways that are there."""
        return [name for name, status in self._gateways.items() if status.state == "online"]

    def now_us(self) -> int:
        """What the venue's clock says, µs since 1970."""
        wall_us = self._wall_us()
        return wall_us if abs(wall_us - self._latest_us) < LIVE_US or not self._latest_us else self._latest_us

    def snapshot(self) -> dict[str, Any]:
        """The picture of now."""
        now_us = self.now_us()
        people = self._people(now_us)
        return {
            "site": self._site,
            "event": self.venue.event.name,
            "clock": datetime.fromtimestamp(now_us / 1e6, timezone_of(self.venue.event)).isoformat(timespec="seconds"),
            "speed": self._speed,
            "zones": [self._zone(zone, people) for zone in self.venue.zones.values()],
            "people": people,
            "leaders": self._leaders(now_us),
            "gateways": [_gateway(name, status) for name, status in sorted(self._gateways.items())],
            "hub": self.hub,
            "totals": self.totals,
        }

    def _people(self, now_us: int) -> list[dict[str, Any]]:
        found = []
        for profile in self._roster:
            if not self._roster.remembered(profile.person):
                continue
            place = self._place(profile.person, now_us)
            if place is not None:
                found.append({**self._shown(profile.person), **place})
        return found

    def _place(self, person: str, now_us: int) -> dict[str, Any] | None:
        """Zone and since when; None for who is not here."""
        stay = self._ledger.whereabouts(person, now_us)
        zone, lit_us = self._greeted.get(person, ("", 0))
        if now_us - lit_us < GREETED_US and (stay is None or (stay.zone != zone and stay.entered_us < lit_us)):
            return {"zone": zone, "since_s": max(0, round((now_us - lit_us) / 1e6))}
        if stay is not None:
            return {"zone": stay.zone, "since_s": max(0, round((now_us - stay.entered_us) / 1e6))}
        return None if self._away(person, now_us) else {"zone": None, "since_s": 0}

    def _away(self, person: str, now_us: int) -> bool:
        """Not come yet, or gone for good: nobody to draw between the rooms."""
        last_us = self._ledger.last_us(person)
        return last_us is None or now_us - last_us > AWAY_US

    def _shown(self, person: str) -> dict[str, Any]:
        profile = self._roster.of(person)
        # Who did not agree to lights is drawn, but not in a colour that would single them out.
        colour = profile.colour if profile is not None and "lights" in profile.consent else None
        names = self.venue.privacy.screens_show == "first names"
        return {"id": person, "label": self._roster.name(person) if names else None, "colour": colour or "#9aa0a6"}

    def _zone(self, zone: Zone, people: list[dict[str, Any]]) -> dict[str, Any]:
        here = sum(person["zone"] == zone.id for person in people)
        dark = NO_LIGHT if zone.lights is None else UNKNOWN_LIGHT
        return {
            "id": zone.id,
            "name": zone.name,
            "sponsor": zone.sponsor,
            "count": max(self._count(zone), here),  # guests who are not drawn count, and who was just lit
            "light": self._lights.get(zone.id, dark),
            "box": self._boxes.get(zone.id),
        }

    def _count(self, zone: Zone) -> int:
        """What a gateway said of it; nothing once all that hear it are gone, for nobody will ever say who left."""
        gateways = {gateway_of(receiver) for receiver in zone.heard_by}
        gone = {name for name, status in self._gateways.items() if status.state != "online"}
        return 0 if gateways and gateways <= gone else self._counts.get(zone.id, 0)

    def _leaders(self, now_us: int) -> dict[str, list[dict[str, Any]]]:
        totals: dict[str, list[tuple[float, str]]] = {
            zone: [(s, who) for who, s in self._leaders_so_far.get(zone, ()) if who not in self._ledger]
            for zone in self.venue.zones
        }
        for person in self._ledger:
            for zone, dwell_s in self._ledger.dwell_s(person, now_us).items():
                totals.setdefault(zone, []).append((dwell_s, person))
        return {
            zone: [
                {**self._shown(person), "dwell_s": round(dwell_s)} for dwell_s, person in sorted(rows)[::-1][:LEADERS]
            ]
            for zone, rows in totals.items()
        }


def _light(light: Light) -> dict[str, Any]:
    if not isinstance(light, LightShown):
        return {"colour": light.colour, "state": "refused", "why": light.why}
    if light.colour is not None:
        return {"colour": light.colour, "state": "people", "why": "In a guest's favourite colour."}
    return {"colour": None, "state": "idle", "why": f"Nobody is here: {light.scene or 'as it was'}."}


def _gateway(name: str, status: Status) -> dict[str, Any]:
    radio = status.detail("radio").get("state", "unknown")
    bridges = [value for value in status.detail("hue").values() if isinstance(value, Mapping)]
    worst = next((bridge["state"] for bridge in bridges if bridge.get("state") not in (None, "ok")), None)
    return {
        "id": name,
        "state": status.state,
        "radio": radio,
        "hue": worst or ("ok" if bridges else "none"),
        "backlog": status.details.get("backlog", 0),
        "why": status.details.get("why") or "",
    }
