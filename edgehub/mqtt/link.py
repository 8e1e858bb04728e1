"""One connection to a broker, from the first packet to the end of paho's thread.

paho's thread does the network; its callbacks do one thing, hop to the loop. What they report are the dataclasses here.
The only module that knows paho.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edgehub.config import MqttSettings
from edgehub.core.data import dataclass
from edgehub.mqtt.reasons import describe
from edgehub.mqtt.tls import tls_context

KEEPALIVE_S = 15
"""A frozen broker or a half-open connection is seen after twice this."""
WINDOW = 20
"""Publishes in flight: mosquitto's default Receive Maximum, which paho never reads."""
ANSWER_S = 10.0
"""The broker's time for CONNACK and SUBACK."""
CLOSE_S = 1.0
"""For a DISCONNECT to go out; then the socket is cut, and half a second later the thread is left to itself."""


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says in our name when we vanish."""

    topic: str
    payload: bytes
    retain: bool = True


@dataclass(frozen=True, slots=True)
class Message:
    """Something published to a topic we subscribe to."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection ended, or could not be made."""

    why: str


@dataclass(frozen=True, slots=True)
class Welcomed:
    """The broker answered our CONNECT."""

    reason: ReasonCode


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker answered our SUBSCRIBE, topic by topic."""

    reasons: tuple[ReasonCode, ...]


@dataclass(frozen=True, slots=True)
class Published:
    """The broker answered a publish."""

    mid: int
    reason: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The connection ended, or its thread did."""

    why: str


class _Client(paho.Client):
    """A paho client that tells when its thread ends, whatever ended it."""

    on_thread_end: Callable[[str], None]

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        why = "the connection ended"
        try:
            return super().loop_forever(timeout, retry_first_connection)
        except Exception as error:  # noqa: BLE001  # a thread that dies in silence would look connected for ever
            why = f"the network thread failed: {error}"
            return MQTTErrorCode.MQTT_ERR_UNKNOWN
        finally:
            self.on_thread_end(why)


class Link:
    """One connection, from the first packet to the end of its thread. Lives on the loop, but for `_connect`."""

    def __init__(self, settings: MqttSettings, client_id: str, will: Will | None, take: Callable[..., None]) -> None:
        self.settings = settings
        self.loop = asyncio.get_running_loop()
        self.ended = asyncio.Event()
        self.ready = asyncio.Event()
        self.welcome = False
        """The broker answered, whatever it said."""
        self.in_flight: dict[int, str] = {}
        self.room = asyncio.Event()
        self.client = self._make(client_id, will)
        self._take = take
        self._abandoned = False

    @property
    def _is_v5(self) -> bool:
        return self.settings.protocol == "5"

    def _make(self, client_id: str, will: Will | None) -> _Client:
        protocol = paho.MQTTv5 if self._is_v5 else paho.MQTTv311
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if self._is_v5 else True,
            protocol=protocol,
            reconnect_on_failure=False,
        )
        client.on_connect = lambda _c, _u, _f, reason, _p: self.post(Welcomed(reason))
        client.on_disconnect = lambda _c, _u, _f, reason, _p: self.post(Ended(words(reason)))
        client.on_subscribe = lambda _c, _u, _m, reasons, _p: self.post(Subscribed(tuple(reasons)))
        client.on_publish = lambda _c, _u, mid, reason, _p: self.post(Published(mid, reason.value))
        client.on_message = lambda _c, _u, got: self.post(Message(got.topic, bytes(got.payload), got.retain))
        client.on_thread_end = lambda why: self.post(Ended(why))
        client.max_inflight_messages_set(WINDOW)
        if self.settings.username is not None:
            client.username_pw_set(self.settings.username, self.settings.password)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        return client

    def post(self, happening: Any) -> None:
        """Hop to the loop; all that a callback does."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self.loop.call_soon_threadsafe(self._take, self, happening)

    def start(self) -> None:
        """Resolve, connect and shake hands in a thread that nothing waits for: any of it may hang."""
        import threading

        threading.Thread(target=self._connect, name="mqtt connect", daemon=True).start()

    def _connect(self) -> None:
        host, port = self.settings.host, self.settings.port
        try:
            if self.settings.ca is not None:
                self.client.tls_set_context(tls_context(self.settings))
            self.client.connect_timeout = ANSWER_S / 2
            if self._is_v5:
                properties = _properties(PacketTypes.CONNECT, SessionExpiryInterval=0)
                self.client.connect(host, port, KEEPALIVE_S, clean_start=True, properties=properties)
            else:
                self.client.connect(host, port, KEEPALIVE_S)
            if self._abandoned:
                self.client.disconnect()
            self.client.loop_start()
        except (OSError, ValueError) as error:
            self.post(Lost(describe(error, host)))

    def subscribe(self, topics: Sequence[tuple[str, int]]) -> None:
        """Ask for all topics in one packet."""
        self.client.subscribe(list(topics))

    def publish(self, topic: str, payload: bytes, qos: int, *, retain: bool, expiry_s: int | None = None) -> bool:
        """Hand it to paho, with QoS 1 in flight until the broker answers; False when it was not sent."""
        expiring = expiry_s is not None and self._is_v5
        properties = _properties(PacketTypes.PUBLISH, MessageExpiryInterval=expiry_s) if expiring else None
        info = self.client.publish(topic, payload, qos, retain, properties)
        sent = info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS
        if sent and qos:
            self.in_flight[info.mid] = topic
        return sent

    def give_up(self) -> None:
        """End the connection whatever state it is in; the thread then ends by itself."""
        self._abandoned = True
        self.client.disconnect()
        if (stream := self.client.socket()) is not None:
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]  # paho's type has no such method

    async def close(self) -> None:
        """End it in good order; within 1.5 s whatever hangs."""
        self._abandoned = True
        self.client.disconnect()
        for cut in (False, True):
            if cut:
                self.give_up()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), CLOSE_S / 2 if cut else CLOSE_S)
                return


def _properties(packet: int, **values: Any) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def words(reason: ReasonCode) -> str:
    """What the broker said."""
    if reason == "Unspecified error":  # paho's word for a connection that ended without one
        return "the connection broke"
    return str(reason).lower().replace("authorized", "authorised")


def refusal(puback: int) -> str:
    """Why a publish was refused, by the number of its answer."""
    return words(ReasonCode(PacketTypes.PUBACK, identifier=puback))
