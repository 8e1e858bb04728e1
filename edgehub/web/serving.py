"""Serve an application while a context lasts."""

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from edgehub.web.listen import Listen

GOODBYE_S = 1.0
"""For answers that are on their way when a stop comes."""


@contextlib.asynccontextmanager
async def serving(app: web.Application, listen: Listen) -> AsyncIterator[str]:
    """Serve there; gives the URL. Raises OSError when the address is taken, or a certificate cannot be used."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GOODBYE_S, auto_decompress=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, listen.host, listen.port, ssl_context=listen.context()).start()
        yield listen.url(runner.addresses[0][1])
    finally:
        await runner.cleanup()
