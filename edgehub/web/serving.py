"""Serve an application while a context lasts."""

import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

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


@contextlib.asynccontextmanager
async def serving_here(app: web.Application, socket: Path) -> AsyncIterator[None]:
    """Serve on a socket of this machine that its owner alone can open. Raises OSError when it cannot be made."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GOODBYE_S)
    await runner.setup()
    try:
        with _private(socket):
            await web.UnixSite(runner, str(socket)).start()
        yield
    finally:
        await runner.cleanup()


@contextlib.contextmanager
def _private(socket: Path) -> Iterator[None]:
    """In the place of what a killed life left, for nobody but its owner from the first moment on."""
    socket.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)
