"""The wire as an AsyncAPI 3 document, seen from a hub: which topics, which messages, and the rules around them.

Each payload is a JSON Schema of its own, without references, so that any validator takes it as it stands.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from edgehub.core.wire import (
    Ack,
    Ask,
    At,
    Command,
    GatewayTopics,
    HubStatus,
    Occupancy,
    PeerLevels,
    SiteTopics,
    Stamp,
    Status,
)
from edgehub.core.wire.envelope import MAX_BATCH, MAX_DEPTH, MAX_ENVELOPE, MAX_EVENTS, VERSION
from edgehub.core.wire.profiles import Page
from edgehub.tools.json_schema import Schema, batch_schema, message_schema

FORMAT = "application/schema+json;version=draft-2020-12"
SITE = SiteTopics("{site}")
GATEWAY = GatewayTopics("{site}", "{gateway}")

DESCRIPTION = f"""\
What the gateways of a venue and their hub say to each other over MQTT 5. Anybody's hub may subscribe; this document
is generated from the code that reads and writes the messages, seen from the hub: it *receives* what gateways say.

**Delivery.** A broker's PUBACK means nothing here. A gateway keeps every event until the hub acknowledges it on `ack`,
and sends it again every 2 to 5 s until then. So: write events down, dedupe and watermark in one transaction, commit,
and only then acknowledge. Acknowledge duplicates too, and what you cannot read: an event that is never acknowledged is
sent for ever.

**Identity.** An event is (gateway, epoch nonce, partition, seq). The same identity with another content is an alarm,
never a reason to drop one in silence. `seq` has no gaps, but for ranges that a `store.shed` event names: these were
given up for want of disk, and the watermark may pass over them.

**Order of a conversation.** 1. The hub publishes `hubStatus` online, retained, with the offline one as its will.
2. Each gateway sends `ask`; the hub answers with one `ack` for each mark and with `profiles` (at least one page, empty
when there is nothing new), or is asked again. 3. Events flow; the hub acknowledges. A hub that was restored from a
backup comes with a new `generation`, and acknowledges to each mark what it really has: gateways then send again what
it lost, as far back as they kept it.

**Limits.** A message is at most {MAX_BATCH} bytes (`levels`: {PeerLevels.LIMIT}), an event {MAX_ENVELOPE}, nested {MAX_DEPTH} deep; integers stay below
2^53 and are written without fraction or exponent; no object has a key twice; text is UTF-8 without lone surrogates.
Unknown fields are ignored and unknown event types kept, so that version {VERSION} can grow. An event of another version
is set aside *and acknowledged*.

**Sessions.** Clean start, session expiry 0, on both sides: the gateway's outbox is the session.
"""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: what travels on it, which way, and how."""

    name: str
    address: str
    action: Literal["receive", "send"]
    """What the hub does."""
    summary: str
    schema: Callable[[], Schema]
    qos: int = 1
    retain: bool = False


TOPICS = (
    Topic("status", GATEWAY.status, "receive", "A gateway is there, or went away (then it may be its will that speaks).",
          lambda: message_schema(Status), retain=True),
    Topic("events", GATEWAY.events("{partition}"), "receive", f"1 to {MAX_EVENTS} events, in order of sequence.", batch_schema),
    Topic("ask", GATEWAY.ask, "receive", "A gateway wants profiles, and to know what the hub really has.",
          lambda: message_schema(Ask)),
    Topic("anchor", GATEWAY.anchor, "receive", "What the wall clock says of a boot's monotonic clock, to correct earlier times by.",
          lambda: message_schema(At)),
    Topic("ack", GATEWAY.ack, "send", "After the commit: what the hub has of one epoch and partition.", lambda: message_schema(Ack)),
    Topic("profiles", GATEWAY.profiles, "send", "A page of profiles and tombstones, in order of revision; expiring after 60 s.",
          lambda: message_schema(Page)),
    Topic("command", GATEWAY.command, "send", "What the hub wants done: never retained, of no effect when late.",
          lambda: message_schema(Command)),
    Topic("stamp", GATEWAY.stamp, "send", "A sponsor's stamp confirmed in a zone of this gateway; expiring after 60 s.",
          lambda: message_schema(Stamp)),
    Topic("levels", GATEWAY.levels, "receive", "From gateway to gateway, once a second; a hub need not listen.",
          lambda: message_schema(PeerLevels), qos=0),
    Topic("hubStatus", SITE.hub_status, "send", "The hub takes events, or does not: retained, and the offline one as its will.",
          lambda: message_schema(HubStatus), retain=True),
    Topic("occupancy", SITE.zone("{zone}"), "receive", "How many are in a zone, for dashboards; never who.",
          lambda: message_schema(Occupancy), retain=True),
)  # fmt: skip

PARAMETERS: Mapping[str, Schema] = {
    "site": {"description": "Name of the venue, the same on all its machines.", "examples": ["dv-conference"]},
    "gateway": {"description": "Name of a gateway, and of its certificate; never hub or zones.", "examples": ["pi-lounge"]},
    "partition": {"description": "0 for ordinary venues; a person's events are all in one.", "examples": ["0"]},
    "zone": {"description": "Id of a zone in zones.yaml.", "examples": ["lounge"]},
}  # fmt: skip


def document() -> Schema:
    """The document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "edgehub wire",
            "version": f"{VERSION}.0.0",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"venue": _server()},
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {f"{topic.action}{topic.name[0].upper()}{topic.name[1:]}": _operation(topic) for topic in TOPICS},
        "components": {
            "messages": {topic.name: _message(topic) for topic in TOPICS},
            "securitySchemes": {
                "certificate": {
                    "type": "X509",
                    "description": "A client certificate of the venue; its common name is user name and client id.",
                }
            },
        },
    }


def payload(name: str) -> Schema:
    """The JSON Schema of one topic's message, to stand alone. Raises KeyError for a name there is not."""
    topic = {topic.name: topic for topic in TOPICS}[name]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": topic.address, **topic.schema()}


def _server() -> dict[str, Any]:
    return {
        "host": "hub.local:8883",
        "protocol": "secure-mqtt",
        "protocolVersion": "5.0",
        "description": "The venue's broker (config/mosquitto.conf); the access list lets a name speak for itself only.",
        "security": [{"$ref": "#/components/securitySchemes/certificate"}],
    }


def _channel(topic: Topic) -> dict[str, Any]:
    used = {name: words for name, words in PARAMETERS.items() if f"{{{name}}}" in topic.address}
    messages = {topic.name: {"$ref": f"#/components/messages/{topic.name}"}}
    return {"address": topic.address, "description": topic.summary, "parameters": used, "messages": messages}


def _operation(topic: Topic) -> dict[str, Any]:
    channel = f"#/channels/{topic.name}"
    return {
        "action": topic.action,
        "channel": {"$ref": channel},
        "summary": topic.summary,
        "messages": [{"$ref": f"{channel}/messages/{topic.name}"}],
        "bindings": {"mqtt": {"qos": topic.qos, "retain": topic.retain, "bindingVersion": "0.2.0"}},
    }


def _message(topic: Topic) -> dict[str, Any]:
    return {"name": topic.name, "summary": topic.summary, "payload": {"schemaFormat": FORMAT, "schema": topic.schema()}}
