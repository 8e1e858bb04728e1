"""A client that tries what it may not, at the broker as shipped."""

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Self

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edgehub.config import MqttSettings

ANSWERS_WITHIN_S = 5.0


class Intruder:
    """One connection. Use as a context manager; a broker that refuses it leaves it unconnected.

    Args:
        settings: broker and certificate.
        client_id: what it claims to be.
        protocol: 5 or 3.1.1.
        will: topic and payload the broker shall publish when it vanishes.
    """

    def __init__(
        self, settings: MqttSettings, client_id: str, *, protocol: str = "5", will: tuple[str, bytes] | None = None
    ) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.losses = 0
        self._connected: bool | None = None
        self._answers: dict[int, int] = {}
        self._settings = settings
        version = mqtt.MQTTv5 if protocol == "5" else mqtt.MQTTv311
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=version, reconnect_on_failure=False)
        if settings.ca is not None:
            self._client.tls_set(settings.ca, settings.cert, settings.key)
        if will is not None:
            self._client.will_set(*will, qos=1)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = lambda _c, _u, mid, reason, _p: self._answers.update({mid: reason.value})
        self._client.on_subscribe = lambda _c, _u, mid, _reasons, _p: self._answers.update({mid: 0})
        self._client.on_message = lambda _c, _u, got: self.heard.append((got.topic, got.payload))

    def _on_connect(self, _c: object, _u: object, _f: object, reason: object, _p: object) -> None:
        self._connected = reason == "Success"

    def _on_disconnect(self, *_why: object) -> None:
        self._connected = False
        self.losses += 1

    def __enter__(self) -> Self:
        try:
            self._client.connect(self._settings.host, self._settings.port, keepalive=30)
        except OSError:
            self._connected = False
        self._client.loop_start()
        self.wait(lambda: self._connected is not None)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def connected(self) -> bool:
        """True while the broker has it."""
        return self._connected is True

    def wait(self, done: Callable[[], bool], within_s: float = ANSWERS_WITHIN_S) -> bool:
        """Wait until something is so; False when it never is."""
        until = time.monotonic() + within_s
        while not done() and time.monotonic() < until:
            time.sleep(0.005)
        return done()

    def say(self, topics: list[str], payload: bytes) -> dict[str, int]:
        """Publish to each topic; the broker's reason code by topic (0 always in MQTT 3.1.1)."""
        sent = {topic: self._client.publish(topic, payload, qos=1).mid for topic in topics}
        assert self.wait(lambda: sent.keys() and all(mid in self._answers for mid in sent.values())), "no answer"
        return {topic: self._answers[mid] for topic, mid in sent.items()}

    def listen(self, topics: list[str]) -> None:
        """Ask for topics; whatever the answer, what counts is what arrives."""
        _, mid = self._client.subscribe([(topic, 1) for topic in topics])
        assert self.wait(lambda: mid in self._answers)

    def vanish(self) -> None:
        """Cut the connection, so that the broker speaks the will."""
        with contextlib.suppress(OSError):
            self._client.socket().shutdown(socket.SHUT_RDWR)
