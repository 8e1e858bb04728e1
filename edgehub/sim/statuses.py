"""What the gateways say of themselves in their retained status; the only thing the demo asks edgehub for."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from edgehub.config import MqttSettings
from edgehub.core.wire import Status, WireError
from edgehub.mqtt import Message, Mqtt
from edgehub.sim.files import SITE, Wiring
from edgehub.sim.judge import Latency

LISTEN_S = 1.0
"""Retained messages come at once."""


async def advert_to_request(wiring: Wiring) -> Latency:
    """From the deciding advert to the request at the bridge, by the slowest gateway that drove a light."""
    measured = [status.detail("metrics").get("latency_ms") for status in (await _statuses(wiring)).values()]
    summaries: list[Mapping[str, Any]] = [each for each in measured if isinstance(each, Mapping) and each.get("n")]
    return Latency(
        p50=max((each["p50"] for each in summaries), default=None),
        p99=max((each["p99"] for each in summaries), default=None),
    )


async def _statuses(wiring: Wiring) -> dict[str, Status]:
    settings = MqttSettings(wiring.broker_host, wiring.broker_port, protocol=wiring.protocol)
    found: dict[str, Status] = {}
    topics = [(f"edgehub/v1/{SITE}/+/status", 1)]
    async with Mqtt(settings, "edgehub-demo", subscriptions=topics) as mqtt:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LISTEN_S):
                while True:
                    for happening in await mqtt.take():
                        if isinstance(happening, Message):
                            _read(found, happening)
    return found


def _read(found: dict[str, Status], message: Message) -> None:
    with contextlib.suppress(WireError):  # the hub's own status is of another kind
        found[message.topic.split("/")[3]] = Status.read(message.payload)
