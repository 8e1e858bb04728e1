"""The front of the HTTP doors: what every request passes before anybody reads what it says, and how it is answered."""

import base64
import binascii
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from edgehub.core.wire.fields import WireError, dump, read_object
from edgehub.hub.access import AccessFile
from edgehub.hub.doors.calls import DEPTH, MOST_BATCH
from edgehub.hub.doors.contract import OPERATIONS, Operation, openapi
from edgehub.hub.doors.guests import Holder
from edgehub.hub.doors.pace import Pace
from edgehub.hub.doors.shapes import Unfit
from edgehub.hub.store import StoreError
from edgehub.web.backoff import Backoff
from edgehub.web.headers import add_headers

log = structlog.get_logger("edgehub.hub")

REQUESTS_PER_S, REQUESTS_AT_ONCE = 50.0, 200.0
"""Of one key: a batch a request carries thousands of calls. Installations of the app have one bucket each."""
BYTES_PER_S, BYTES_AT_ONCE = 1_000_000.0, 10_000_000.0
STORE_RETRY_S = 5
NESTED = DEPTH + 2
"""A batch is a list in an object."""


class Turned(Exception):  # noqa: N818  # says what happened
    """A request is turned away: with a status, a sentence, and when to come again."""

    def __init__(
        self, status: int, why: str, *, retry_s: float = 0.0, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(why)
        self.status = status
        self.headers = dict(headers or {})
        if retry_s > 0:
            self.headers[hdrs.RETRY_AFTER] = str(math.ceil(retry_s))


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was let in and read."""

    holder: Holder
    body: Mapping[str, Any]
    received_us: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to it."""

    body: Mapping[str, Any]
    status: int = 200


Door = Callable[[Asked], Awaitable[Answer]]
Guest = Callable[[str], Holder | None]
"""Whose token this is, when it is one."""


@dataclass(frozen=True, slots=True)
class Places:
    """Who may come from where, and what lies behind which path."""

    access: AccessFile
    doors: Mapping[str, Door]
    """Path → what is behind it; those of the contract, all of them."""
    token: Guest = lambda _: None
    """Knows the installations of the app."""
    origins: frozenset[str] = frozenset()
    """Web sites whose scripts may write here; none unless configured."""


class Front:
    """All HTTP doors as one application.

    Args:
        places: who may come, and what lies behind.
        wall_us: the wall clock, µs since 1970.
        clock: monotonic, s.
    """

    def __init__(
        self, places: Places, *, wall_us: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._places = places
        self._wall_us = wall_us
        self._clock = clock
        self._backoff = Backoff()
        self._requests = Pace(REQUESTS_PER_S, REQUESTS_AT_ONCE)
        self._bytes = Pace(BYTES_PER_S, BYTES_AT_ONCE)
        self._document = dump(openapi())

    def application(self) -> web.Application:
        """The routes, made from the contract."""
        app = web.Application(middlewares=[self._across, _in_words], client_max_size=MOST_BATCH)
        app.on_response_prepare.append(add_headers)
        app.router.add_get("/openapi.json", self._describe, allow_head=False)
        for operation in OPERATIONS:
            app.router.add_post(operation.path, self._behind(operation))
        return app

    async def _describe(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._document, content_type="application/json")

    def _behind(self, operation: Operation) -> Handler:
        door = self._places.doors[operation.path]

        async def answer(request: web.Request) -> web.Response:
            said = await door(await self._let_in(request, operation))
            return web.Response(status=said.status, body=dump(said.body), content_type="application/json")

        return answer

    async def _let_in(self, request: web.Request, operation: Operation) -> Asked:
        """Cheap questions first: nobody without a key makes us read half a megabyte."""
        _check_kind(request)
        holder = self._holder(request, operation)
        self._hold_pace(self._requests, holder.id, 1)
        data = await request.read()
        self._hold_pace(self._bytes, holder.id, len(data))
        body = read_object(data, limit=MOST_BATCH, depth=NESTED)
        return Asked(holder, operation.request.read(body, "the request"), self._wall_us())

    def _holder(self, request: web.Request, operation: Operation) -> Holder:
        """Who comes: with a key of a source, or as an installation of the app."""
        address, now = request.remote or "", self._clock()
        if (wait_s := self._backoff.wait_s(address, now)) > 0:
            raise Turned(429, "Too many wrong keys came from there.", retry_s=wait_s)
        shown = _shown(request)
        if shown is None:
            raise Turned(401, "Show a key: as user name of basic authentication, or as bearer.", headers=_ASK)
        if operation.installations and (holder := self._places.token(shown)) is not None:
            return holder
        key = self._places.access.now.key(shown)
        if key is None:
            self._backoff.wrong(address, now)
            raise Turned(401, "This key opens nothing.", headers=_ASK)
        if key.door != operation.door:
            raise Turned(403, f"This key opens the door {key.door}, and this is {operation.door}.")
        return Holder(key.id, key.source)

    def _hold_pace(self, pace: Pace, holder: str, amount: float) -> None:
        if (wait_s := pace.wait_s(holder, amount, self._clock())) > 0:
            raise Turned(429, "This is too much at once for one key.", retry_s=wait_s)

    @property
    def _across(self) -> Any:
        """Let scripts of configured sites write here; browsers keep all others from it."""
        origins = self._places.origins

        @web.middleware
        async def allow(request: web.Request, handler: Handler) -> web.StreamResponse:
            origin = request.headers.get(hdrs.ORIGIN, "")
            if origin not in origins:
                return await handler(request)
            asked = request.method == hdrs.METH_OPTIONS
            answer = web.Response(status=204) if asked else await handler(request)
            answer.headers.update({**_ACROSS, hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: origin})
            return answer

        return allow


_ASK: Mapping[str, str] = {hdrs.WWW_AUTHENTICATE: 'Basic realm="edgehub", charset="UTF-8"'}
_ACROSS = {
    hdrs.ACCESS_CONTROL_ALLOW_METHODS: "POST",
    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "Authorization, Content-Type",
    hdrs.ACCESS_CONTROL_MAX_AGE: "600",
    hdrs.VARY: hdrs.ORIGIN,
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def _check_kind(request: web.Request) -> None:
    if request.content_type != "application/json":
        raise Turned(415, "Send application/json.")
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise Turned(415, "Send it uncompressed.")


def _shown(request: web.Request) -> str | None:
    """The key or token a request shows."""
    scheme, _, shown = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    match scheme.lower():
        case "bearer":
            return shown.strip()
        case "basic":
            try:
                name, _, password = base64.b64decode(shown, validate=True).decode().partition(":")
            except (binascii.Error, ValueError):
                return ""
            return name or password
        case _:
            return None


@web.middleware
async def _in_words(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong is answered in the contract's form."""
    try:
        return await handler(request)
    except Turned as turned:
        return _sorry(turned.status, str(turned), turned.headers)
    except (Unfit, WireError) as error:
        return _sorry(400, f"{error}.")
    except StoreError as error:
        log.error("door.store_failing", why=str(error))  # noqa: TRY400  # a state, told in a sentence
        retry: Mapping[str, str] = {hdrs.RETRY_AFTER: str(STORE_RETRY_S)}
        return _sorry(503, "The hub cannot keep anything just now.", retry)
    except web.HTTPException as error:
        kept: Mapping[str, str] = {hdrs.ALLOW: error.headers[hdrs.ALLOW]} if hdrs.ALLOW in error.headers else {}
        return _sorry(error.status, f"{error.reason}.", kept)


def _sorry(status: int, why: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=dump({"error": why}), content_type="application/json", headers=headers)


def all_kept(results: Sequence[Mapping[str, Any]]) -> bool:
    """True when nothing of it was refused or contradicted, and none of it need come again."""
    return all(one["result"] in {"new", "again", "forgotten"} for one in results)
