"""Every message gateways and hub say to each other: topics, versions, to and from JSON.

A message is a dataclass whose annotations say what it may hold (`shapes`); its reader, its writer and the published
contract (`edgehub contract`, in words and in JSON Schema) all follow from that. Everything is read strictly: whatever the bytes, the answer is a
message or a WireError. Unknown fields are ignored, so that a version can grow; unknown versions become Poison, which
the hub sets aside and acknowledges.
"""

from edgehub.core.wire.envelope import (
    MAX_BATCH,
    MAX_EVENTS,
    At,
    Envelope,
    Epoch,
    Identity,
    Poison,
    lone_identity,
    read_batch,
)
from edgehub.core.wire.events import EventBody, body_dict, compaction_key, read_body, shed_class
from edgehub.core.wire.fields import WireError
from edgehub.core.wire.messages import Ack, Anchor, Ask, Command, Mark, Occupancy, PeerLevels, Stamp
from edgehub.core.wire.profiles import ProfilesPage, pages
from edgehub.core.wire.status import HubStatus, Status, succeed
from edgehub.core.wire.topics import GatewayTopics, SiteTopics

__all__ = [
    "MAX_BATCH",
    "MAX_EVENTS",
    "Ack",
    "Anchor",
    "Ask",
    "At",
    "Command",
    "Envelope",
    "Epoch",
    "EventBody",
    "GatewayTopics",
    "HubStatus",
    "Identity",
    "Mark",
    "Occupancy",
    "PeerLevels",
    "Poison",
    "ProfilesPage",
    "SiteTopics",
    "Stamp",
    "Status",
    "WireError",
    "body_dict",
    "compaction_key",
    "lone_identity",
    "pages",
    "read_batch",
    "read_body",
    "shed_class",
    "succeed",
]
