"""A Philips Hue bridge that is not there: version 1 of its API over real sockets, with its limits and its bad days.

It speaks enough HTTP/1.1 for phue and for edgehub, keeps rooms, lamps and scenes, insists on its link button, refuses
more than ten light or one group command a second, and can be told to fail in each way a bridge fails::

    async with BridgeEmulator({"Lounge": ["Lounge 1", "Lounge 2"]}, scenes={"Warm": ("Lounge", "#ffb46b")}) as bridge:
        key = bridge.add_user()
        ...                          # talk to bridge.host
        bridge.fault = Fault("drip")  # until bridge.fault = None
"""

import asyncio
import json
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

from edgehub.core.colour import GAMUTS, WHITE, Gamut, brightness, to_hex, to_xy

LINK_S: Final = 30.0
"""How long a press of the link button lasts."""
MOST_USERS: Final = 40

# Error types of the API, with the bridge's own words.
ERRORS: Final = {
    1: "unauthorized user",
    3: "resource, {path}, not available",
    4: "method, {method}, not available for resource, {path}",
    7: "invalid value for parameter",
    101: "link button not pressed",
    201: "parameter, xy, is not modifiable. Device is set to off.",
    301: "group could not be created. Group table is full.",
    901: "Internal error, 404",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail: "slow", "drip", "half", "reset", "html", "silent", "http", "lie" or "error".

    "slow" answers after ``seconds``, "drip" sends a byte every ``seconds``, "http" answers with status ``code``,
    "lie" does the same but obeys, "error" answers with a well-formed error reply of type ``code``.
    """

    kind: str
    seconds: float = 1.0
    code: int = 0


class Request(NamedTuple):
    """A line of the bridge's log. Times are the loop's."""

    at: float
    method: str
    path: str
    body: Any

    @property
    def is_group(self) -> bool:
        """A command to a group, scenes included."""
        return self.method == "PUT" and "/groups/" in self.path

    @property
    def is_light(self) -> bool:
        """A command to one lamp."""
        return self.method == "PUT" and "/lights/" in self.path


@dataclass(slots=True)
class LampState:
    """A simulated lamp."""

    id: str
    name: str
    gamut: str | None = "C"
    """"A", "B", "C", or None for a lamp that only dims."""
    on: bool = False
    bri: int = 254
    xy: tuple[float, float] = WHITE
    reachable: bool = True

    @property
    def rgb(self) -> str:
        """What it looks like, as "#rrggbb"; black when off."""
        return to_hex(self.xy, self.bri) if self.on else "#000000"

    def as_json(self) -> dict[str, Any]:
        """The lamp as the API tells it."""
        state: dict[str, Any] = {"on": self.on, "bri": self.bri, "alert": "none", "reachable": self.reachable}
        light: dict[str, Any] = {"name": self.name, "type": "Dimmable light", "modelid": "LWB010", "state": state}
        light["capabilities"] = {"control": {}}
        if self.gamut is not None:
            state |= {"xy": list(self.xy), "colormode": "xy", "hue": 0, "sat": 0, "effect": "none"}
            corners = GAMUTS[self.gamut]
            control = {
                "colorgamuttype": self.gamut,
                "colorgamut": [list(corners.red), list(corners.green), list(corners.blue)],
            }
            light |= {"type": "Extended color light", "modelid": "LCT015", "capabilities": {"control": control}}
        return light


@dataclass(slots=True)
class _Scene:
    id: str
    name: str
    group: str
    states: dict[str, dict[str, Any]] = field(default_factory=dict)


Answer = tuple[int, Any]
"""HTTP status and what becomes JSON (bytes are sent as HTML)."""


class BridgeEmulator:
    """A bridge on a port of this machine.

    Args:
        rooms: room → names of its lamps.
        scenes: scene → (room, "#rrggbb" of all its lamps).
        gamuts: lamp name → "A", "B", "C" or None (dims only); "C" when not named.
        port: 0 takes a free one.
        tls: served over https when given; a bridge's own certificate carries its id as common name.
        delay_s: how long every answer takes.
        strict: refuse commands beyond the limits with error 901; else they are only in the log.
        keep_alive: answer many requests on one connection; old bridges close it after each.
    """

    def __init__(
        self,
        rooms: Mapping[str, Sequence[str]],
        *,
        scenes: Mapping[str, tuple[str, str]] | None = None,
        gamuts: Mapping[str, str | None] | None = None,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        bridge_id: str = "001788FFFE09ABCD",
        delay_s: float = 0.0,
        strict: bool = True,
        keep_alive: bool = True,
    ) -> None:
        self.bridge_id, self.delay_s, self.strict, self.keep_alive = bridge_id, delay_s, strict, keep_alive
        self.fault: Fault | None = None
        """What every request suffers, until it is None again."""
        self.faults: deque[Fault] = deque()
        """What the next requests suffer, one each; before ``fault``."""
        self.log: list[Request] = []
        self.users: set[str] = set()
        self.listeners: list[Callable[[LampState], None]] = []
        """Called with every lamp that changed."""
        self.refused = 0
        """Commands refused because they were too many."""
        self.most_in_flight = 0
        self._port, self._tls = port, tls
        self._pressed_at = float("-inf")
        self._in_flight = 0
        self._spent: dict[bool, deque[float]] = {False: deque(maxlen=10), True: deque(maxlen=1)}
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._build(rooms, scenes or {}, gamuts or {})

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def host(self) -> str:
        """Address and port, as edgehub.yaml takes it."""
        return f"127.0.0.1:{self._port}"

    async def open(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, ssl=self._tls)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse connections and drop those there are, as a bridge without power does."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def press_link_button(self) -> None:
        """Let programs pair for the next 30 s."""
        self._pressed_at = asyncio.get_running_loop().time()

    def add_user(self) -> str:
        """Pair without the button; the key."""
        key = f"edgehubemulatedkey{len(self.users):022d}"
        self.users.add(key)
        return key

    def lamp(self, name: str) -> LampState:
        """A lamp by its name. Raises KeyError."""
        return next(lamp for lamp in self.lamps.values() if lamp.name == name)

    def change_by_hand(self, name: str, **state: Any) -> None:
        """Set a lamp as somebody with the bridge's own app would."""
        self._set(self.lamp(name), state)

    # The house

    def _build(
        self,
        rooms: Mapping[str, Sequence[str]],
        scenes: Mapping[str, tuple[str, str]],
        gamuts: Mapping[str, str | None],
    ) -> None:
        names = [name for lamps in rooms.values() for name in lamps]
        ids = {name: str(number) for number, name in enumerate(dict.fromkeys(names), start=1)}
        self.lamps = {ids[name]: LampState(ids[name], name, gamuts.get(name, "C")) for name in ids}
        self.rooms = {str(n): (name, [ids[lamp] for lamp in lamps]) for n, (name, lamps) in enumerate(rooms.items(), 1)}
        self._scenes: dict[str, _Scene] = {}
        for number, (scene, (room, colour)) in enumerate(scenes.items(), start=1):
            group = next(group for group, (name, _) in self.rooms.items() if name == room)
            look = {"on": True, "bri": brightness(colour), "xy": [round(value, 4) for value in to_xy(colour)]}
            states = {lamp: dict(look) for lamp in self.rooms[group][1]}
            self._scenes[f"Scene{number:011d}"] = _Scene(f"Scene{number:011d}", scene, group, states)

    def _set(self, lamp: LampState, state: Mapping[str, Any]) -> None:
        lamp.on = bool(state.get("on", lamp.on))
        lamp.bri = int(state.get("bri", lamp.bri))
        if lamp.gamut is not None and "xy" in state:
            gamut: Gamut = GAMUTS[lamp.gamut]
            x, y = gamut.nearest((float(state["xy"][0]), float(state["xy"][1])))
            lamp.xy = (round(x, 4), round(y, 4))
        for listener in self.listeners:
            listener(lamp)

    # HTTP

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, EOFError, ValueError, asyncio.CancelledError):
            pass  # whoever called has gone or speaks no HTTP: a bridge hangs up too
        finally:
            self._connections.discard(task)
            with suppress(OSError, RuntimeError):
                writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; True when the connection stays."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        at = asyncio.get_running_loop().time()
        method, path, _ = head.split("\r\n", 1)[0].split(" ")
        length = next((line[15:] for line in head.lower().split("\r\n") if line.startswith("content-length:")), "0")
        raw = await reader.readexactly(int(length))
        request = Request(at, method, path, json.loads(raw) if raw else None)
        self.log.append(request)
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            return await self._answer(request, reader, writer)
        finally:
            self._in_flight -= 1

    async def _answer(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        fault = self.faults.popleft() if self.faults else self.fault
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if fault is not None and fault.kind in _MISDEEDS:
            await _MISDEEDS[fault.kind](fault, reader, writer)
            return False
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        writer.write(_http(*self._reply(request, fault), keep_alive=self.keep_alive))
        await writer.drain()
        return self.keep_alive

    def _reply(self, request: Request, fault: Fault | None) -> Answer:
        match fault:
            case Fault("http", code=code):
                return code, b"<html>out of order</html>"
            case Fault("lie", code=code):
                self._api(request)
                return code, b"<html>out of order</html>"
            case Fault("html"):
                return 200, b"<html><body>Welcome to your router</body></html>"
            case Fault("error", code=code):
                return 200, _error(code, request)
            case _:
                return 200, self._api(request)

    # The API

    def _api(self, request: Request) -> Any:
        match request.path.rstrip("/").split("/")[1:]:
            case ["api"] if request.method == "POST":
                return self._pair(request)
            case ["api", "config"] | ["api", _, "config"]:
                return self._config()
            case ["api", key, *_] if key not in self.users:
                return _error(1, request)
            case ["api", _, *resource]:
                return self._resource(request, resource)
            case _:
                return _error(3, request)

    def _pair(self, request: Request) -> Any:
        if request.at > self._pressed_at + LINK_S:
            return _error(101, request)
        if len(self.users) >= MOST_USERS:
            return _error(301, request)
        return [{"success": {"username": self.add_user()}}]

    def _config(self) -> dict[str, Any]:
        return {"name": "Emulated bridge", "bridgeid": self.bridge_id, "modelid": "BSB002", "apiversion": "1.65.0"}

    def _resource(self, request: Request, resource: list[str]) -> Any:
        match request.method, resource:
            case "GET", []:
                return {part: self._resource(request, [part]) for part in ("lights", "groups", "scenes", "sensors")}
            case "GET", ["sensors"]:
                return {}
            case "GET", ["lights"]:
                return {lamp.id: lamp.as_json() for lamp in self.lamps.values()}
            case "GET", ["lights", lamp] if lamp in self.lamps:
                return self.lamps[lamp].as_json()
            case "GET", ["groups"]:
                return {group: _group(name, lamps) for group, (name, lamps) in self.rooms.items()}
            case "GET", ["groups", group] if group in self.rooms:
                return _group(*self.rooms[group])
            case "GET", ["scenes"]:
                return {scene.id: _scene(scene) for scene in self._scenes.values()}
            case "GET", ["scenes", scene] if scene in self._scenes:
                return _scene(self._scenes[scene]) | {"lightstates": self._scenes[scene].states}
            case "PUT", ["lights", lamp, "state"] if lamp in self.lamps:
                return self._put(request, [(self.lamps[lamp], request.body)])
            case "PUT", ["groups", "0", "action"]:  # all lamps, as every bridge has it
                return self._put(request, [(lamp, request.body) for lamp in self.lamps.values()])
            case "PUT", ["groups", group, "action"] if group in self.rooms:
                return self._put(request, self._action(group, request.body))
            case _:
                return _error(3, request)

    def _action(self, group: str, body: Mapping[str, Any]) -> list[tuple[LampState, Mapping[str, Any]]] | None:
        """What a group command means for each lamp; None when there is no such scene."""
        if "scene" not in body:
            return [(self.lamps[lamp], body) for lamp in self.rooms[group][1]]
        scene = self._scenes.get(str(body["scene"]))
        return None if scene is None else [(self.lamps[lamp], state) for lamp, state in scene.states.items()]

    def _put(self, request: Request, changes: Sequence[tuple[LampState, Any]] | None) -> Any:
        if changes is None or not isinstance(request.body, dict):
            return _error(7, request)
        if not self._within_limits(request) and self.strict:
            self.refused += 1
            return _error(901, request)
        for lamp, state in changes:
            self._set(lamp, state)
        prefix = "/" + "/".join(request.path.split("/")[3:])
        return [{"success": {f"{prefix}/{name}": value}} for name, value in request.body.items()]

    def _within_limits(self, request: Request) -> bool:
        spent = self._spent[request.is_group]
        full = len(spent) == spent.maxlen and request.at - spent[0] < 1.0
        if not full:
            spent.append(request.at)
        return not full


def _group(name: str, lamps: Sequence[str]) -> dict[str, Any]:
    return {"name": name, "lights": list(lamps), "type": "Room", "state": {}, "action": {}}


def _scene(scene: _Scene) -> dict[str, Any]:
    return {"name": scene.name, "type": "GroupScene", "group": scene.group, "lights": list(scene.states), "version": 2}


def _error(code: int, request: Request) -> list[dict[str, Any]]:
    address = "/" + "/".join(request.path.split("/")[3:])
    words = ERRORS.get(code, "out of order").format(path=address, method=request.method)
    return [{"error": {"type": code, "address": address, "description": words}}]


def _http(status: int, content: Any, *, keep_alive: bool = True) -> bytes:
    html = isinstance(content, bytes)
    body = content if html else json.dumps(content).encode()
    kind = "text/html" if html else "application/json"
    head = f"HTTP/1.1 {status} -\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    head += "\r\n" if keep_alive else "Connection: close\r\n\r\n"
    return head.encode() + bytes(body)


async def _drip(fault: Fault, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in _http(200, [{"success": {}}]):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(fault.seconds)


async def _half(_: Fault, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    answer = _http(200, [{"success": {"/lights/1/state/on": True}}])
    writer.write(answer[: len(answer) - 20])
    await writer.drain()


async def _reset(_: Fault, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    await asyncio.sleep(0)


async def _silent(_: Fault, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await reader.read()  # until the caller has had enough


_MISDEEDS: Final[Mapping[str, Callable[[Fault, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]]] = {
    "drip": _drip,
    "half": _half,
    "reset": _reset,
    "silent": _silent,
}
