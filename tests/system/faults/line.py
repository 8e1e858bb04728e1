"""A stranger's line to the broker: hears what is said, and says what it likes."""

import json
import threading
import time
from collections import defaultdict
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.system.faults.rig import GATEWAY, SITE, until

BASE = f"edgehub/v1/{SITE}"
STATUS = f"{BASE}/{GATEWAY}/status"
EVENTS = f"{BASE}/{GATEWAY}/up/events/0"
ACK = f"{BASE}/{GATEWAY}/down/ack"
HUB = f"{BASE}/hub/status"


class Line:
    """A client of its own. Use as ``with``.

    Args:
        port: of the broker on this machine.
        topics: to listen to.
    """

    def __init__(self, port: int, *topics: str) -> None:
        self.heard: dict[str, list[bytes]] = defaultdict(list)
        self._topics = topics
        self._listening = threading.Event()
        self._client = client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        client.on_message = lambda _c, _u, message: self.heard[message.topic].append(bytes(message.payload))
        client.on_connect = self._welcome
        client.on_subscribe = lambda *_: self._listening.set()
        client.max_inflight_messages_set(20)
        client.connect("127.0.0.1", port)

    def _welcome(self, *_: Any) -> None:
        if self._topics:
            self._client.subscribe([(topic, 1) for topic in self._topics])
        else:
            self._listening.set()

    def __enter__(self) -> Self:
        self._client.loop_start()
        assert self._listening.wait(10), "the broker does not take a stranger"
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish; returns when the broker has it."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(30)

    def send(self, topic: str, payload: bytes) -> None:
        """Publish, and do not wait."""
        self._client.publish(topic, payload, qos=1)

    def say_all(self, topic: str, payloads: list[bytes]) -> None:
        """Publish many, as fast as the broker takes them."""
        for info in [self._client.publish(topic, payload, qos=1) for payload in payloads]:
            info.wait_for_publish(60)

    def status(self) -> dict[str, Any]:
        """The gateway's status as last heard."""
        return dict(json.loads(self.heard[STATUS][-1])) if self.heard[STATUS] else {}

    def wait_for_why(self, words: str, within_s: float) -> float | None:
        """How long until the gateway's status gives this reason, s; None when it does not."""
        began = time.monotonic()
        try:
            until(lambda: words in (self.status().get("why") or ""), words, within_s)
        except TimeoutError:
            return None
        return time.monotonic() - began
