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
from dataclasses import dataclass
from typing import Any, Final, Self

from edgehub.sim.bridge_house import House, LampState, Request, error_reply

__all__ = ["MOST_USERS", "BridgeEmulator", "Fault", "LampState", "Request"]

LINK_S: Final = 30.0
"""How long a press of the link button lasts."""
MOST_USERS: Final = 40


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail: "slow", "drip", "half", "reset", "html", "silent", "http", "lie" or "error".

    "slow" answers after ``seconds``, "drip" sends a byte every ``seconds``, "http" answers with status ``code``,
    "lie" does the same but obeys, "error" answers with a well-formed error reply of type ``code``.
    """

    kind: str
    seconds: float = 1.0
    code: int = 0


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
        self.refused = 0
        """Commands refused because they were too many."""
        self.most_in_flight = 0
        self._port, self._tls = port, tls
        self._pressed_at = float("-inf")
        self._in_flight = 0
        self._spent: dict[bool, deque[float]] = {False: deque(maxlen=10), True: deque(maxlen=1)}
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._house = House(rooms, scenes or {}, gamuts or {})

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

    @property
    def lamps(self) -> Mapping[str, LampState]:
        """Lamps by id."""
        return self._house.lamps

    @property
    def listeners(self) -> list[Callable[[LampState], None]]:
        """Called with every lamp that changed."""
        return self._house.listeners

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
        self._house.set(self.lamp(name), state)

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
                return 200, error_reply(code, request)
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
                return error_reply(1, request)
            case ["api", _, *resource] if request.method == "GET":
                told = self._house.tell(resource)
                return error_reply(3, request) if told is None else told
            case ["api", _, *resource] if request.method == "PUT" and isinstance(request.body, dict):
                return self._put(request, resource, request.body)
            case _:
                return error_reply(3, request)

    def _pair(self, request: Request) -> Any:
        if request.at > self._pressed_at + LINK_S:
            return error_reply(101, request)
        if len(self.users) >= MOST_USERS:
            return error_reply(301, request)
        return [{"success": {"username": self.add_user()}}]

    def _config(self) -> dict[str, Any]:
        return {"name": "Emulated bridge", "bridgeid": self.bridge_id, "modelid": "BSB002", "apiversion": "1.65.0"}

    def _put(self, request: Request, resource: Sequence[str], body: Mapping[str, Any]) -> Any:
        try:
            changes = self._house.changes(resource, body)
        except KeyError:
            return error_reply(7, request)
        if changes is None:
            return error_reply(3, request)
        if not self._within_limits(request) and self.strict:
            self.refused += 1
            return error_reply(901, request)
        for lamp, state in changes:
            self._house.set(lamp, state)
        return [{"success": {f"/{'/'.join(resource)}/{name}": value}} for name, value in body.items()]

    def _within_limits(self, request: Request) -> bool:
        spent = self._spent[request.is_group]
        full = len(spent) == spent.maxlen and request.at - spent[0] < 1.0
        if not full:
            spent.append(request.at)
        return not full


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
