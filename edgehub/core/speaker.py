"""Who speaks: of several gateways that decide alike, one reports a zone and drives its lamps.

It is the first healthy gateway of the zone's ``heard_by``; for a zone without a receiver, the first healthy gateway of
the site by name. A gateway alone, without broker, speaks for the zones it stands in and for no others.
"""

from collections.abc import Mapping

from edgehub.core.venue import Zone


def gateway_of(receiver: str) -> str:
    """The gateway a receiver belongs to: ``pi-hall/hci1`` → ``pi-hall``."""
    return receiver.split("/", 1)[0]


class Speakers:
    """Keeps who is healthy and answers who speaks for a zone."""

    def __init__(self, me: str, zones: Mapping[str, Zone]) -> None:
        self.me = me
        self._zones = zones
        self._healthy: dict[str, bool] = {}
        self._me_healthy = True
        self._alone = True
        self.suspects: frozenset[str] = frozenset()
        """Receivers that say they hear, and seem not to."""

    @property
    def alone(self) -> bool:
        """True without a broker: nothing is known of the others."""
        return self._alone

    def swap(self, zones: Mapping[str, Zone]) -> None:
        """Take a changed venue."""
        self._zones = zones

    def set_link(self, connected: bool) -> None:
        """The broker was reached, or lost; what the others were is stale without it."""
        self._alone = not connected
        if not connected:
            self._healthy.clear()

    def set_health(self, gateway: str, healthy: bool) -> None:
        """A gateway came online with a radio that hears, or is offline or deaf."""
        if gateway == self.me:
            self._me_healthy = healthy
        else:
            self._healthy[gateway] = healthy

    def healthy(self, gateway: str) -> bool:
        """True when the gateway is known to hear, and nothing speaks against it."""
        said = self._me_healthy if gateway == self.me else self._healthy.get(gateway, False)
        return said and not any(gateway_of(receiver) == gateway for receiver in self.suspects)

    def of(self, zone_id: str) -> str | None:
        """The gateway that speaks for a zone, or None when nobody can."""
        zone = self._zones.get(zone_id)
        if zone is None:
            return None
        return next((gateway for gateway in self._candidates(zone) if self.healthy(gateway)), None)

    def mine(self) -> frozenset[str]:
        """The zones this gateway speaks for now."""
        return frozenset(zone for zone in self._zones if self.of(zone) == self.me)

    def theirs(self) -> frozenset[str]:
        """The zones another gateway speaks for now; for the rest nobody can."""
        return frozenset(zone for zone in self._zones if self.of(zone) not in {self.me, None})

    def _candidates(self, zone: Zone) -> list[str]:
        if zone.heard_by:
            return [gateway_of(receiver) for receiver in zone.heard_by]
        return [] if self._alone else sorted({self.me, *self._healthy})
