"""paho inside asyncio: a connection that comes back by itself, for gateway and hub alike.

Each connection is a paho client of its own, made anew after a loss: nothing that paho queued can be sent later, and
"not sent" means not sent. paho's thread does the network; its callbacks do one thing, hop to the loop. A broker that
is absent is a state with a sentence (`why`), not an error.

Clean start and session expiry 0: the outbox is the session. A PUBACK is flow control and never means delivery.
"""

import asyncio
import contextlib
import random
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edgehub.config import MqttSettings, exposed
from edgehub.core.data import dataclass

KEEPALIVE_S = 15
"""A frozen broker or a half-open connection is seen after twice this."""
WINDOW = 20
"""Publishes in flight: mosquitto's default Receive Maximum, which paho never reads."""
ANSWER_S = 10.0
"""The broker's time for CONNACK and SUBACK."""
BACKOFF_S = (0.25, 30.0)
"""First and longest wait before the next try; halved at random, so that a fleet does not come back as one."""
MOST_UNREAD = 5_000
"""Messages nobody has taken yet; more are dropped and counted, and come again, for nobody acknowledged them."""
CLOSE_S = 1.0
"""For a DISCONNECT to go out; then the socket is cut, and half a second later the thread is left to itself."""
NO_SUBSCRIBER = 16
FAILURE = 128


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
class Connected:
    """The broker took us and our subscriptions; everything published before is forgotten."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection ended, or could not be made."""

    why: str


Happening = Message | Connected | Lost


@dataclass(frozen=True, slots=True)
class _Welcomed:
    reason: ReasonCode


@dataclass(frozen=True, slots=True)
class _Subscribed:
    reasons: tuple[ReasonCode, ...]


@dataclass(frozen=True, slots=True)
class _Published:
    mid: int
    reason: int


@dataclass(frozen=True, slots=True)
class _Ended:
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


class _Link:
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
    def is_v5(self) -> bool:
        return self.settings.protocol == "5"

    def _make(self, client_id: str, will: Will | None) -> _Client:
        protocol = paho.MQTTv5 if self.is_v5 else paho.MQTTv311
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if self.is_v5 else True,
            protocol=protocol,
            reconnect_on_failure=False,
        )
        client.on_connect = lambda _c, _u, _f, reason, _p: self.post(_Welcomed(reason))
        client.on_disconnect = lambda _c, _u, _f, reason, _p: self.post(_Ended(_words(reason)))
        client.on_subscribe = lambda _c, _u, _m, reasons, _p: self.post(_Subscribed(tuple(reasons)))
        client.on_publish = lambda _c, _u, mid, reason, _p: self.post(_Published(mid, reason.value))
        client.on_message = lambda _c, _u, got: self.post(Message(got.topic, bytes(got.payload), got.retain))
        client.on_thread_end = lambda why: self.post(_Ended(why))
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
                self.client.tls_set_context(_tls(self.settings))
            self.client.connect_timeout = ANSWER_S / 2
            if self.is_v5:
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


class Mqtt:
    """A connection to the broker. Use as ``async with``; it never raises because the broker is absent.

    Args:
        settings: of the broker.
        client_id: unique at the broker; with client certificates, the certificate's common name.
        subscriptions: ``(topic filter, QoS)``, renewed on each connection.
        will: published by the broker when we vanish.
    """

    def __init__(
        self,
        settings: MqttSettings,
        client_id: str,
        *,
        subscriptions: Sequence[tuple[str, int]] = (),
        will: Will | None = None,
    ) -> None:
        self._settings = settings
        self._client_id = client_id
        self._subscriptions = subscriptions
        self._will = will
        self._link: _Link | None = None
        self._inbox: asyncio.Queue[Happening] = asyncio.Queue()
        self.connected = False
        self.why = "not connected yet"
        """Why not, in a sentence, while not connected; empty otherwise."""
        self.complaint: str | None = None
        """What the broker refused of us since the connection was made."""
        self.unheard: str | None = None
        """The last topic we published to without any subscriber; None once somebody listens to it."""
        self.dropped = 0
        """Messages given up because nobody took them in time."""

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.create_task(self._keep_connected(), name="mqtt")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._keeper.cancel()
        await asyncio.wait([self._keeper])
        if self._link is not None:
            await self._link.close()
        self.connected = False

    @property
    def broker(self) -> str:
        """Host and port, for sentences."""
        return f"{self._settings.host}:{self._settings.port}"

    async def take(self) -> list[Happening]:
        """Everything that happened since the last call, in order; waits for the first."""
        happened = [await self._inbox.get()]
        while not self._inbox.empty():
            happened.append(self._inbox.get_nowait())
        return happened

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expiry_s: int | None = None
    ) -> bool:
        """Hand a message to the broker once the window has room. False when it was not sent and never will be.

        True says no more than that it went out on this connection.
        """
        link = self._link
        while self.connected and link is self._link and link is not None:
            if qos == 0 or len(link.in_flight) < WINDOW:
                expiring = expiry_s is not None and link.is_v5
                properties = _properties(PacketTypes.PUBLISH, MessageExpiryInterval=expiry_s) if expiring else None
                info = link.client.publish(topic, payload, qos, retain, properties)
                if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS and qos:
                    link.in_flight[info.mid] = topic
                return info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS
            link.room.clear()
            await link.room.wait()
        return False

    def publish_now(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Publish with QoS 0, at once or not at all."""
        if self._link is None or not self.connected:
            return False
        return self._link.client.publish(topic, payload, 0, retain).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    async def flush(self, timeout_s: float) -> bool:
        """Wait until the broker has answered every publish. False when it took longer."""
        link = self._link
        deadline = time.monotonic() + timeout_s
        while link is not None and link.in_flight and self.connected and link is self._link:
            link.room.clear()
            try:
                await asyncio.wait_for(link.room.wait(), max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                return False
        return True

    async def _keep_connected(self) -> None:
        failures = 0
        while True:
            link = self._link = _Link(self._settings, self._client_id, self._will, self._happened)
            link.start()
            if await self._becomes_ready(link):
                failures = 0
                await link.ended.wait()
            first, longest = BACKOFF_S
            failures += 1
            await asyncio.sleep(min(longest, first * 2**failures) * random.uniform(0.5, 1.0))  # noqa: S311

    async def _becomes_ready(self, link: _Link) -> bool:
        waits = [asyncio.ensure_future(event.wait()) for event in (link.ready, link.ended)]
        try:
            await asyncio.wait(waits, timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not link.ready.is_set() and not link.ended.is_set():
            self._happened(link, Lost("it does not answer"))
        return link.ready.is_set()

    def _happened(self, link: _Link, happening: Any) -> None:
        """On the loop: what paho's thread reported."""
        if link is not self._link or link.ended.is_set():
            return
        match happening:
            case Message():
                self._deliver(happening)
            case _Published(mid, reason):
                self._settle(link.in_flight.pop(mid, ""), reason)
                link.room.set()
            case _Ended(why):
                self._lose(link, why if link.welcome else _turned_away(self._settings))
            case _Welcomed(reason) if reason.is_failure:
                self._lose(link, f"refused: {_words(reason)}")
            case _Welcomed():
                link.welcome = True
                if self._subscriptions:
                    link.subscribe(self._subscriptions)
                else:
                    self._ready(link)
            case _Subscribed(reasons):
                refused = [
                    pair[0] for pair, reason in zip(self._subscriptions, reasons, strict=False) if reason.is_failure
                ]
                self._ready(link)
                if refused:
                    self.complaint = f"the broker refuses to let us read {', '.join(refused)}: not authorised"
            case Lost(why):
                self._lose(link, why)

    def _deliver(self, message: Message) -> None:
        if self._inbox.qsize() < MOST_UNREAD:
            self._inbox.put_nowait(message)
        else:
            self.dropped += 1

    def _settle(self, topic: str, reason: int) -> None:
        if reason >= FAILURE:
            why = _words(ReasonCode(PacketTypes.PUBACK, identifier=reason))
            self.complaint = f"the broker refuses what we publish to {topic}: {why}"
        elif reason == NO_SUBSCRIBER:
            self.unheard = topic
        elif topic == self.unheard:
            self.unheard = None

    def _ready(self, link: _Link) -> None:
        self.connected, self.why, self.complaint, self.unheard = True, "", None, None
        link.ready.set()
        self._inbox.put_nowait(Connected())

    def _lose(self, link: _Link, why: str) -> None:
        self.connected = False
        self.why = f"broker at {self.broker}: {why}"
        link.ended.set()
        link.room.set()
        link.give_up()
        self._inbox.put_nowait(Lost(self.why))


def _properties(packet: int, **values: Any) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def _words(reason: ReasonCode) -> str:
    if reason == "Unspecified error":  # paho's word for a connection that ended without one
        return "the connection broke"
    return str(reason).lower().replace("authorized", "authorised")


def _turned_away(settings: MqttSettings) -> str:
    """Why a broker may end a connection before it says a word; TLS 1.3 does not tell."""
    if settings.ca is None:
        return "it ended the connection before it answered (does it want TLS? then set ca, cert and key)"
    return (
        "it ended the connection before it answered: our certificate may be missing, revoked, expired or of another "
        "authority, or its clock is wrong"
    )


class _Socket(ssl.SSLSocket):
    """A TLS connection that is closed when its handshake fails: paho leaves that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def _tls(settings: MqttSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca)
    context.sslsocket_class = _Socket
    if settings.cert is not None:
        if settings.key is not None and (mode := exposed(Path(settings.key))):
            raise PermissionError(
                f"others on this machine may read {settings.key} ({mode}); run: chmod 600 {settings.key}"
            )
        context.load_cert_chain(settings.cert, settings.key)
    return context


def describe(error: Exception, host: str) -> str:
    """Why a connection could not be made, for a person."""
    match error:
        case ConnectionRefusedError():
            return "nothing listens there (is it running?)"
        case socket.gaierror():
            return f"there is no host called {host}"
        case TimeoutError():
            return "it does not answer"
        case ssl.SSLCertVerificationError() if "not yet valid" in str(error):
            return "clock problem: its certificate is not valid yet by the clock of this machine (is the time set?)"
        case ssl.SSLCertVerificationError() if "has expired" in str(error):
            return "its certificate has expired by the clock of this machine"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted ({error.verify_message})"
        case ssl.SSLError():
            return f"TLS failed ({error.reason or 'a file of certificate or key is none'})"
        case FileNotFoundError():
            return f"the file {error.filename or 'of a certificate'} is missing"
    return str(error) or type(error).__name__
