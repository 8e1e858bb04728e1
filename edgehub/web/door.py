"""A PIN in front of the page, where edgehub.yaml has one.

The browser asks for it (HTTP basic authentication; the name does not matter). It keeps curious guests out of the page,
over a network they cannot listen to; whoever needs more puts a proxy with TLS in front.
"""

import asyncio
import base64
import binascii
import hmac

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

WRONG_COSTS_S = 1.0
"""A four-digit PIN then takes a guesser hours; all wrong guesses wait in one line."""


def door(pin: str) -> Middleware:
    """Return a middleware that lets in whoever knows the PIN."""
    line = asyncio.Lock()

    @web.middleware
    async def ask(request: web.Request, handler: Handler) -> web.StreamResponse:
        said = _said(request)
        if said is not None and hmac.compare_digest(said.encode(), pin.encode()):
            return await handler(request)
        if said is not None:
            async with line:
                await asyncio.sleep(WRONG_COSTS_S)
        return web.Response(
            status=401,
            text="This page asks for the staff's PIN.\n",
            headers={hdrs.WWW_AUTHENTICATE: 'Basic realm="edgehub: the PIN as password", charset="UTF-8"'},
        )

    return ask


def _said(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(token, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
