"""Topics: who speaks to whom. A gateway's name in a topic is the common name of its certificate."""

import re

from edgehub.core.data import dataclass
from edgehub.core.wire.fields import WireError

ROOT = "edgehub/v1"
_NAME = re.compile(r"[^/+#$\x00-\x1f\x7f][^/+#\x00-\x1f\x7f]{0,63}")


def a_name(name: str) -> str:
    """``name``, when it may stand in a topic; a wildcard in it would open other gateways' topics."""
    if not _NAME.fullmatch(name):
        raise WireError(f"{name[:64]!r} cannot stand in a topic: 1 to 64 characters without / + # and a leading $")
    return name


@dataclass(frozen=True, slots=True)
class GatewayTopics:
    """The topics of one gateway; ``gateway="+"`` is every gateway, for subscribing."""

    site: str
    gateway: str

    @property
    def base(self) -> str:
        """What all of them begin with."""
        return f"{ROOT}/{self.site}/{self.gateway}"

    @property
    def status(self) -> str:
        """Retained birth and will."""
        return f"{self.base}/status"

    def events(self, partition: int | str) -> str:
        """Batches of events; ``"+"`` is every partition."""
        return f"{self.base}/up/events/{partition}"

    @property
    def anchor(self) -> str:
        """What the wall clock says of a boot's monotonic clock."""
        return f"{self.base}/up/anchor"

    @property
    def ask(self) -> str:
        """What the gateway wants sent again."""
        return f"{self.base}/up/ask"

    @property
    def ack(self) -> str:
        """The hub's acknowledgement."""
        return f"{self.base}/down/ack"

    @property
    def profiles(self) -> str:
        """Pages of profiles and tombstones."""
        return f"{self.base}/down/profiles"

    @property
    def command(self) -> str:
        """What the hub wants done; never retained."""
        return f"{self.base}/down/command"

    @property
    def stamp(self) -> str:
        """A sponsor's stamp confirmed in a zone of this gateway."""
        return f"{self.base}/down/stamp"

    @property
    def levels(self) -> str:
        """What the gateway's radio heard in the last second."""
        return f"{self.base}/peers/levels"


@dataclass(frozen=True, slots=True)
class SiteTopics:
    """The topics of a site."""

    site: str

    def gateway(self, name: str) -> GatewayTopics:
        """The topics of one gateway."""
        return GatewayTopics(self.site, name)

    @property
    def every(self) -> GatewayTopics:
        """The topics of all gateways, to subscribe to."""
        return GatewayTopics(self.site, "+")

    @property
    def hub_status(self) -> str:
        """Retained {state, generation}."""
        return f"{ROOT}/{self.site}/hub/status"

    def zone(self, zone: str) -> str:
        """Retained occupancy of a zone; never who."""
        return f"{ROOT}/{self.site}/zones/{zone}"

    def read(self, topic: str) -> tuple[str, str]:
        """Gateway and rest of a topic: ``("pi-bar", "up/ask")``. Raises WireError for another site's."""
        prefix = f"{ROOT}/{self.site}/"
        gateway, slash, rest = topic.removeprefix(prefix).partition("/")
        if not topic.startswith(prefix) or not slash:
            raise WireError(f"{topic[:80]!r} is no topic of this site")
        return a_name(gateway), rest
