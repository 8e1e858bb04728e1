"""Every message a whole venue really sends, held to the published contract."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from jsonschema import Draft202012Validator
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from edgehub.tools.asyncapi import TOPICS, Topic, payload
from tests.fakes.broker import Broker


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


def test_a_venue_keeps_to_the_contract(tmp_path: Path) -> None:
    """Seven gateways and a hub for a minute of the venue: topic, schema, QoS and retain flag of each message are as published."""
    with Broker(tmp_path) as broker, Witness(broker.port) as witness:
        options = ["--headless", "--minutes", "1", "--speed", "10", "--broker", f"127.0.0.1:{broker.port}"]
        done = subprocess.run(
            [sys.executable, "-m", "edgehub", "demo", "--state", str(tmp_path / "state"), *options],
            capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    validators = {topic.name: Draft202012Validator(payload(topic.name)) for topic in TOPICS}
    seen: Counter[str] = Counter()
    for message in witness.heard:
        topic = topic_of(message.topic)
        seen[topic.name] += 1
        validators[topic.name].validate(json.loads(message.payload))
        # A broker hands QoS 1 on as asked for; what was sent with less comes with less.
        assert (message.qos, message.retain) == (topic.qos, topic.retain), message.topic
    assert seen.keys() >= {"status", "events", "ask", "ack", "profiles", "levels", "hubStatus", "occupancy"}
    assert seen["events"] > 20
