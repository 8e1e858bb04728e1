"""Hears every message at a broker, and knows which topic of the published contract each belongs to."""

from dataclasses import dataclass
from typing import Self

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from edgehub.tools.asyncapi import TOPICS, Topic


@dataclass(frozen=True)
class Heard:
    topic: str
    payload: bytes
    qos: int
    retain: bool


class Witness:
    """Hears every message at a broker, with the retain flag it was sent with."""

    def __init__(self, port: int) -> None:
        self.heard: list[Heard] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_message = lambda _c, _u, got: self.heard.append(
            Heard(got.topic, got.payload, got.qos, got.retain)
        )
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("#", options=SubscribeOptions(qos=1, retainAsPublished=True))

    def __enter__(self) -> Self:
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def topic_of(address: str) -> Topic:
    """The one topic of the contract that an address belongs to."""
    [found] = [topic for topic in TOPICS if fits(topic.address, address)]
    return found


def fits(pattern: str, address: str) -> bool:
    wanted, given = pattern.split("/"), address.split("/")
    if len(wanted) != len(given) or (wanted[3] == "{gateway}" and given[3] in {"hub", "zones"}):
        return False
    return all(
        part in (level, "{site}", "{gateway}", "{zone}", "{partition}")
        for part, level in zip(wanted, given, strict=True)
    )
