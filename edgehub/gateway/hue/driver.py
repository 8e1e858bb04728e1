"""phue, fenced off: it raises, it hurries, it opens no file, asks no cloud, and keeps secrets.

Left to itself phue 1.1 talks to the network in its constructor, writes the key to the log and to a file everybody may
read, waits 10 s for every *read*, and returns errors as if they were answers. So this subclass replaces its two doors,
``connect`` and ``request``, and every method behind them behaves.
"""

import json
import logging
import os
import time
import warnings
from collections.abc import Mapping
from typing import Any

from edgehub.core.data import dataclass
from edgehub.gateway.hue.errors import (
    BadName,
    BridgeError,
    BridgeGone,
    NotABridge,
    NotPaired,
    WrongBridge,
    from_reply,
    from_status,
)
from edgehub.gateway.hue.house import House, LampFound, LampSeen
from edgehub.gateway.hue.http import DEADLINE_S, Line
from edgehub.gateway.hue.keys import Key

with warnings.catch_warnings():
    warnings.simplefilter("ignore", SyntaxWarning)  # phue 1.1 compares a string with `is not`
    import phue

# phue logs the key at INFO and replies at DEBUG. A level can be set back from outside, a filter cannot.
phue.logger.addFilter(lambda record: record.levelno >= logging.WARNING)

FADE_DS = 4
"""Tenths of a second from one colour to the next: Hue's own default, soft without being slow."""


@dataclass(slots=True)
class Counts:
    """What happened so far; written by one thread, read by any."""

    requests: int = 0
    failures: int = 0
    latency_s: float = 0.0
    """Of the last request that was answered well."""


class Driver(phue.Bridge):  # type: ignore[misc]  # phue has no types
    """A bridge, spoken to by one thread. Nothing is sent before the first method call.

    Every method takes at most ``deadline_s`` per request and raises a BridgeError: NotPaired, ButtonNotPressed,
    BridgeBusy, BridgeGone, BadName or one of their kinds.

    Args:
        host: address, with a port where it is not the usual one.
        key: from pairing; None only for pairing.
        deadline_s: for each request.
        counts: where to count requests; kept by whoever makes one driver after the other.
    """

    def __init__(
        self, host: str, key: Key | None = None, *, deadline_s: float = DEADLINE_S, counts: Counts | None = None
    ) -> None:
        self.counts = counts or Counts()
        self.line = Line(host, key.scheme if key else None, key.certificate if key else None, deadline_s)
        self.key = key
        super().__init__(ip=host, username=key.username if key else "0", config_file_path=os.devnull)

    def connect(self) -> None:
        """Do nothing: a constructor has no business on the network, and phue's would log the key."""

    def register_app(self) -> None:
        """Refuse: phue would write the key to a file of its own. ``pair`` is ours."""
        raise NotPaired("phue may not pair by itself: run `edgehub hue pair`")

    def get_ip_address(self, set_result: bool = False) -> str:  # noqa: ARG002 - phue's signature
        """Refuse: phue would ask a cloud service."""
        raise BridgeGone("the address of the bridge is missing: give it in edgehub.yaml")

    def request(self, mode: str = "GET", address: str | None = None, data: Any = None) -> Any:
        """Exchange one request; every error in the reply is raised."""
        self.counts.requests += 1
        started = time.monotonic()
        try:
            status, content = self.line.exchange(
                mode, address or "/", None if data is None else json.dumps(data).encode()
            )
            if status != 200:
                raise from_status(status)
            reply = _without_errors(_parsed(content))
        except BridgeError:
            self.counts.failures += 1
            raise
        self.counts.latency_s = time.monotonic() - started
        return reply

    def pair(self, device: str) -> Key:
        """Ask for a key; somebody must have pressed the link button within the last 30 s."""
        bridge_id = self.bridge_id()
        reply = self.request("POST", "/api", {"devicetype": device})
        try:
            username = str(reply[0]["success"]["username"])
        except (LookupError, TypeError):
            raise NotABridge("the bridge gave no key: check the host") from None
        self.key = Key(bridge_id, username, self.line.scheme, self.line.certificate)
        self.username = username
        return self.key

    def bridge_id(self) -> str:
        """The id of whatever bridge answers, in lower case; over https its certificate must carry the same."""
        found = self._told_id()
        if self.line.scheme == "https" and self.key is None and self.line.certificate_name() != found:
            raise WrongBridge("the certificate there belongs to another device: check the host")
        return found

    def _told_id(self) -> str:
        """Anybody may ask a bridge for its id; bridges differ in how, and some emulators answer only whom they know."""
        for path in ("/api/0/config", "/api/config", f"/api/{self.username}/config"):
            try:
                reply = self.request("GET", path)
            except (NotPaired, BadName):
                continue
            if isinstance(reply, dict) and reply.get("bridgeid"):
                return str(reply["bridgeid"]).lower()
        raise NotABridge("what answers there is no Hue bridge: check the host")

    def house(self) -> House:
        """Everything the bridge has, once it is the bridge we know."""
        found = self.bridge_id()
        if self.key is not None and found != self.key.bridge_id.lower():
            raise WrongBridge("another bridge answers at this address: check the host, or pair again")
        lights, groups, scenes = self.get_light(), self.get_group(), self.get_scene()
        with _as_not_a_bridge():
            return House.of(found, lights, groups, scenes)

    def lamps(self) -> Mapping[str, LampFound]:
        """All lamps as they are now."""
        lights = self.get_light()
        with _as_not_a_bridge():
            return {lamp: LampFound.of(lamp, light) for lamp, light in lights.items()}

    def lamp(self, lamp: str) -> LampSeen:
        """What one lamp shows now."""
        light = self.get_light(int(lamp))
        with _as_not_a_bridge():
            return LampSeen.of(light["state"])

    def scene_states(self, scene: str) -> dict[str, LampSeen]:
        """What a scene does to each lamp; empty when the bridge is too old to tell."""
        reply = self.request("GET", f"/api/{self.username}/scenes/{scene}")
        with _as_not_a_bridge():
            return {lamp: LampSeen.of(state) for lamp, state in reply.get("lightstates", {}).items()}

    def show(self, lamp: str, state: Mapping[str, Any]) -> None:
        """Set one lamp by its id."""
        self.set_light(int(lamp), dict(state), transitiontime=FADE_DS)

    def recall(self, room: str, scene: str) -> None:
        """Set a room to a scene, both by id."""
        self.activate_scene(int(room), scene, FADE_DS)


class _as_not_a_bridge:  # noqa: N801 - a context manager reads as a verb
    """Whatever nonsense breaks parsing was not said by a Hue bridge."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: object) -> None:
        if kind is not None and issubclass(kind, (TypeError, ValueError, LookupError, AttributeError)):
            raise NotABridge("the bridge answered something unknown: is its firmware up to date?") from None


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise NotABridge("what answers there is no Hue bridge (no JSON): check the host") from None


def _without_errors(reply: Any) -> Any:
    """The reply itself, unless a line of it is an error."""
    for line in reply if isinstance(reply, list) else ():
        if isinstance(line, dict) and isinstance(line.get("error"), dict):
            raise from_reply(line["error"])
    return reply
