"""paho inside asyncio: a connection that comes back by itself, for gateway and hub alike.

Each connection is a paho client of its own, made anew after a loss: nothing that paho queued can be sent later, and
"not sent" means not sent. paho's thread does the network; its callbacks do one thing, hop to the loop. A broker that
is absent is a state with a sentence (`why`), not an error.

Clean start and session expiry 0: the outbox is the session. A PUBACK is flow control and never means delivery.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any, Self

from edgehub.config import MqttSettings
from edgehub.core.data import dataclass
from edgehub.mqtt.link import (
    ANSWER_S,
    KEEPALIVE_S,
    WINDOW,
    Ended,
    Link,
    Lost,
    Message,
    Published,
    Subscribed,
    Welcomed,
    Will,
    refusal,
    words,
)
from edgehub.mqtt.reasons import turned_away

__all__ = ["KEEPALIVE_S", "MOST_UNREAD", "Connected", "Happening", "Lost", "Message", "Mqtt", "Will"]

BACKOFF_S = (0.25, 30.0)
"""First and longest wait before the next try; halved at random, so that a fleet does not come back as one."""
MOST_UNREAD = 5_000
"""Messages nobody has taken yet; more are dropped and counted, and come again, for nobody acknowledged them."""
NO_SUBSCRIBER = 16
FAILURE = 128


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker took us and our subscriptions; everything published before is forgotten."""


Happening = Message | Connected | Lost


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
        self._link: Link | None = None
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
                return link.publish(topic, payload, qos, retain=retain, expiry_s=expiry_s)
            link.room.clear()
            await link.room.wait()
        return False

    def publish_now(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Publish with QoS 0, at once or not at all."""
        if self._link is None or not self.connected:
            return False
        return self._link.publish(topic, payload, 0, retain=retain)

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
            link = self._link = Link(self._settings, self._client_id, self._will, self._happened)
            link.start()
            if await self._becomes_ready(link):
                failures = 0
                await link.ended.wait()
            first, longest = BACKOFF_S
            failures += 1
            await asyncio.sleep(min(longest, first * 2**failures) * random.uniform(0.5, 1.0))  # noqa: S311

    async def _becomes_ready(self, link: Link) -> bool:
        waits = [asyncio.ensure_future(event.wait()) for event in (link.ready, link.ended)]
        try:
            await asyncio.wait(waits, timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not link.ready.is_set() and not link.ended.is_set():
            self._happened(link, Lost("it does not answer"))
        return link.ready.is_set()

    def _happened(self, link: Link, happening: Any) -> None:
        """On the loop: what paho's thread reported."""
        if link is not self._link or link.ended.is_set():
            return
        match happening:
            case Message():
                self._deliver(happening)
            case Published(mid, reason):
                self._settle(link.in_flight.pop(mid, ""), reason)
                link.room.set()
            case Ended(why):
                self._lose(link, why if link.welcome else turned_away(self._settings))
            case Welcomed(reason) if reason.is_failure:
                self._lose(link, f"refused: {words(reason)}")
            case Welcomed():
                link.welcome = True
                if self._subscriptions:
                    link.subscribe(self._subscriptions)
                else:
                    self._ready(link)
            case Subscribed(reasons):
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
            self.complaint = f"the broker refuses what we publish to {topic}: {refusal(reason)}"
        elif reason == NO_SUBSCRIBER:
            self.unheard = topic
        elif topic == self.unheard:
            self.unheard = None

    def _ready(self, link: Link) -> None:
        self.connected, self.why, self.complaint, self.unheard = True, "", None, None
        link.ready.set()
        self._inbox.put_nowait(Connected())

    def _lose(self, link: Link, why: str) -> None:
        self.connected = False
        self.why = f"broker at {self.broker}: {why}"
        link.ended.set()
        link.room.set()
        link.give_up()
        self._inbox.put_nowait(Lost(self.why))
