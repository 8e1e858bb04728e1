"""What this gateway's page shows: its zones, the guests it decides about, its lamps and its health."""

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from edgehub.core.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgehub.gateway.daemon import Gateway

LOOK_EVERY_S = 0.5


class GatewayBoard:
    """A picture of a gateway, taken from its engine."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._last: Mapping[str, Any] | None = None

    async def changed(self) -> None:
        """Return when the picture is another one than at the last return."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            picture = {**self.snapshot(), "clock": None}
            if picture != self._last:
                self._last = picture
                return

    def snapshot(self) -> dict[str, Any]:
        """The picture of now, ready for JSON."""
        gateway, now = self._gateway, self._gateway.now
        venue = gateway.venue
        clock = dt.datetime.fromtimestamp(now.wall_us / 1e6, ZoneInfo(venue.event.timezone))
        return {
            "site": gateway.config.installation.site,
            "event": venue.event.name or gateway.name,
            "clock": clock.isoformat(timespec="seconds"),
            "speed": gateway.radio.clock.speed,
            "zones": [self._zone(zone_id) for zone_id in venue.zones],
            "people": [self._person(person, zone) for person, zone in gateway.engine.greeter.where.items()],
            "leaders": {},
            "gateways": [self._health()],
            "hub": {"state": self._hub()},
            "totals": {"guests": len(gateway.engine.greeter.where), "waiting": gateway.store.backlog},
        }

    def _zone(self, zone_id: str) -> dict[str, Any]:
        engine, zone = self._gateway.engine, self._gateway.venue.zones[zone_id]
        look = engine.greeter.lighting.look(zone_id)
        plan = self._gateway.config.learned.plan or {}
        return {
            "id": zone_id,
            "name": zone.name,
            "sponsor": zone.sponsor,
            "count": sum(where == zone_id for where in engine.greeter.where.values()),
            "light": {"state": look.state, "colour": look.colour, "why": look.why},
            "box": (plan.get("zones") or {}).get(zone_id),
        }

    def _person(self, person: str, zone: str) -> dict[str, Any]:
        engine = self._gateway.engine
        profile, visit = engine.guests.of(person), engine.reporter.visits.of(person)
        since_s = 0 if visit is None else round(self._gateway.now.decision - visit.entered_at)
        colour = engine.guests.colour(person)  # who did not agree to lights is drawn without one
        return {"id": person, "label": self._label(profile), "colour": colour, "zone": zone, "since_s": since_s}

    def _label(self, profile: Profile | None) -> str | None:
        shows_names = self._gateway.venue.privacy.screens_show == "first names"
        agreed = profile is not None and "screen" in profile.consent
        return profile.first_name if profile is not None and shows_names and agreed else None

    def _health(self) -> dict[str, Any]:
        radio = self._gateway.radio_state()
        bridges = {name: bridge.state for name, bridge in self._gateway.bridges.items()}
        sync = self._gateway.sync
        why = [radio["why"], *(state.why for state in bridges.values()), self._gateway.store.failing or ""]
        why.append((sync and sync.why) or "")
        return {
            "id": self._gateway.name,
            "state": "online",
            "radio": radio["state"],
            "hue": ", ".join(f"{name} {state.state}" for name, state in bridges.items()) or "none",
            "backlog": self._gateway.store.backlog,
            "why": "; ".join(filter(None, why)),
        }

    def _hub(self) -> str:
        sync = self._gateway.sync
        return "none" if sync is None else "online" if sync.hub_online else "away"
