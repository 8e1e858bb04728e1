"""The bulletin: what a gateway says of itself, as details of its status and as a sentence for `systemctl status`."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edgehub import __version__

if TYPE_CHECKING:
    from edgehub.gateway.daemon import Gateway


class Bulletin:
    """Drawn from a gateway whose engine has started; nothing in it names a guest."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway

    def details(self) -> Mapping[str, Any]:
        """For the retained status (see `Status.details`)."""
        gateway, store = self._gateway, self._gateway.store
        stats = store.stats()
        return {
            "versions": {"edgehub": __version__},
            "config": dict(gateway.config_state),
            "radio": gateway.radio_state(),
            "hue": {name: asdict(bridge.state) for name, bridge in gateway.bridges.items()},
            "store": {"state": "failing" if store.failing else "ok", "why": store.failing or ""},
            "backlog": stats.backlog,
            "shed": stats.shed,
            "quarantined": stats.set_aside,
            "metrics": {
                **self._heard(),
                "committed": stats.committed,
                "acknowledged": stats.acknowledged,
                "latency_ms": gateway.latencies.summary_ms(),
            },
        }

    def _heard(self) -> dict[str, Any]:
        gateway, sightings = self._gateway, self._gateway.engine.sightings
        return {
            "heard": sightings.heard,
            "unknown": sightings.unknown,
            "malformed": dict(sightings.malformed),
            "dropped": gateway.inbox.dropped + sum(state.dropped for state in gateway.radio.states.values()),
        }

    def sentence(self) -> str:
        """All of it in a line."""
        gateway = self._gateway
        people, waiting = len(gateway.engine.greeter.where), gateway.store.backlog
        return f"radio {gateway.radio_state()['state']}, {people} guests near, {self._hub()}, {waiting} events wait"

    def _hub(self) -> str:
        sync = self._gateway.sync
        return "works alone" if sync is None else "hub online" if sync.hub_online else "hub away"
