"""The page: one HTML page, kept fresh by server-sent events, for the hub (whole venue) and a gateway (its zones).

No build step, nothing from other hosts, and a content security policy that says so. The board it shows is taken and
written out once per change, whatever the number of screens that watch; a slow screen skips pictures, it never queues.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import hdrs, web

from edgehub.web.door import door
from edgehub.web.headers import add_headers
from edgehub.web.listen import Listen
from edgehub.web.serving import serving

if TYPE_CHECKING:
    from edgehub.web.login import Login

STATIC = Path(__file__).parent / "static"
FILES = {
    "app.js": "text/javascript",
    "plan.js": "text/javascript",
    "panels.js": "text/javascript",
    "words.js": "text/javascript",
    "style.css": "text/css",
}
HEARTBEAT_S = 15.0
SHORTEST_PAUSE_S = 0.2
"""Between two pictures: five a second look smooth, and a burst of events becomes one picture."""
MAX_STREAMS = 64
RETRY_MS = 2000


class Board(Protocol):
    """What the page shows, kept by a hub or a gateway."""

    def snapshot(self) -> Mapping[str, Any]:
        """The picture of now, ready for JSON."""
        ...

    async def changed(self) -> None:
        """Return when the picture is another one than at the last return."""
        ...


class Page:
    """The page as an aiohttp application; `serve` runs it."""

    def __init__(self, board: Board, *, max_streams: int = MAX_STREAMS, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._board = board
        self._max_streams = max_streams
        self._heartbeat_s = heartbeat_s
        self._picture = b""
        self._number = 0
        self._news = asyncio.Condition()
        self._closing = False
        self.streams = 0

    def application(self, pin: str | None = None, login: "Login | None" = None) -> web.Application:
        """The routes: the page, its files, the board as JSON and as a stream; behind PIN or login where there is one."""
        app = web.Application(middlewares=[door(pin)] if pin else [])
        if login is not None:
            login.guard(app)
        app.on_response_prepare.append(add_headers)
        app.router.add_get("/", serve_file("index.html", "text/html"))
        for name, kind in FILES.items():
            app.router.add_get(f"/{name}", serve_file(name, kind))
        app.router.add_get("/api/board", self._board_now)
        app.router.add_get("/events", self._events)
        app.cleanup_ctx.append(self._following)
        app.on_shutdown.append(self._close)
        return app

    async def _board_now(self, _request: web.Request) -> web.Response:
        return web.json_response(self._board.snapshot())

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if self.streams >= self._max_streams:
            raise web.HTTPServiceUnavailable(text="Too many screens are watching.", headers={hdrs.RETRY_AFTER: "30"})
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "text/event-stream"})
        self.streams += 1
        try:
            await response.prepare(request)
            await response.write(f"retry: {RETRY_MS}\n\n".encode())
            self._take_picture()
            with contextlib.suppress(ConnectionResetError):
                async for message in self._messages():
                    await response.write(message)
        finally:
            self.streams -= 1
        return response

    async def _messages(self) -> AsyncIterator[bytes]:
        """The newest picture whenever there is one the screen has not seen, and a beat when nothing happens."""
        seen = 0
        while not self._closing:
            if seen == self._number:
                yield await self._beat_or_news(seen)
            else:
                seen = self._number
                yield self._picture

    async def _beat_or_news(self, seen: int) -> bytes:
        """Wait for the next picture; a comment line when it is there, a beat when none came for a while."""
        try:
            async with asyncio.timeout(self._heartbeat_s), self._news:
                await self._news.wait_for(lambda: self._closing or self._number != seen)
        except TimeoutError:
            return b"event: beat\ndata: {}\n\n"
        return b":\n"

    def _take_picture(self) -> None:
        data = json.dumps(self._board.snapshot(), separators=(",", ":"), ensure_ascii=False)
        self._picture = f"event: board\ndata: {data}\n\n".encode()
        self._number += 1

    async def _follow(self) -> None:
        """Take a picture after every change, if anybody watches."""
        while True:
            await self._board.changed()
            if self.streams:
                self._take_picture()
                async with self._news:
                    self._news.notify_all()
            await asyncio.sleep(SHORTEST_PAUSE_S)

    async def _following(self, _app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(self._follow(), name="page")
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _close(self, _app: web.Application) -> None:
        """End the streams, which would hold a stop up for as long as somebody watches."""
        self._closing = True
        async with self._news:
            self._news.notify_all()


def serve(
    board: Board,
    listen: Listen,
    *,
    pin: str | None = None,
    login: "Login | None" = None,
    add: Callable[[web.Application], None] = lambda _: None,
) -> AbstractAsyncContextManager[str]:
    """Serve the page while the context lasts; gives its URL.

    Args:
        board: what it shows.
        listen: where.
        pin: asked for, where there is one (a gateway's page).
        login: asked for, where there is one (the hub's page).
        add: adds more routes, behind the same PIN or login.

    Raises:
        OSError: on entering, when the address is taken or a certificate cannot be used.
    """
    app = Page(board).application(pin, login)
    add(app)
    return serving(app, listen)


def serve_file(name: str, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    """What answers with a static file, read once."""
    body = (STATIC / name).read_bytes()

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=kind, charset="utf-8")

    return answer
