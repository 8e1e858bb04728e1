"""A PIN in front of the page, where edgehub.yaml has one.

The browser asks for it (HTTP basic authentication; the name does not matter). It keeps curious guests out of the page,
over a network they cannot listen to; whoever needs more puts a proxy with TLS in front.
"""

import asyncio
import base64
import binascii
import time

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from edgehub.web.backoff import Backoff
from edgehub.web.secrecy import same

WRONG_COSTS_S = 1.0
"""All wrong guesses wait in one line, whoever makes them; whoever goes on guessing waits longer and longer."""


def door(pin: str) -> Middleware:
    """Return a middleware that lets in whoever knows the PIN."""
    line = asyncio.Lock()
    backoff = Backoff()

    @web.middleware
    async def ask(request: web.Request, handler: Handler) -> web.StreamResponse:
        address, said = request.remote or "", _said(request)
        if said is None:
            return _please()
        if (wait_s := backoff.wait_s(address, time.monotonic())) > 0:
            retry = {hdrs.RETRY_AFTER: str(int(wait_s) + 1)}
            return web.Response(status=429, text=f"Too many wrong PINs. Wait {wait_s:.0f} seconds.\n", headers=retry)
        if same(said, pin):
            backoff.right(address)
            return await handler(request)
        backoff.wrong(address, time.monotonic())
        async with line:
            await asyncio.sleep(WRONG_COSTS_S)
        return _please()

    return ask


def _please() -> web.Response:
    return web.Response(
        status=401,
        text="This page asks for the staff's PIN.\n",
        headers={hdrs.WWW_AUTHENTICATE: 'Basic realm="edgehub: the PIN as password", charset="UTF-8"'},
    )


def _said(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(token, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
