"""Page and doors over TLS, with a certificate of the venue's own authority."""

import ssl
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from edgehub.cli import main
from edgehub.web.listen import Listen, ListenError
from edgehub.web.serving import serving


async def hello(_request: web.Request) -> web.Response:
    """Say so."""
    return web.Response(text="hello")


@pytest.fixture
def listen(tmp_path: Path) -> Listen:
    """Loopback, with a server's certificate."""
    assert main(["pki", "init", "--dir", str(tmp_path / "pki"), "--at", "localhost"]) == 0
    return Listen.parse(
        "127.0.0.1:0", *(tmp_path / "pki" / "machines" / "broker" / f"server.{end}" for end in ("crt", "key"))
    )


@pytest.mark.asyncio
async def test_what_is_served_over_tls_is_not_served_without(listen: Listen) -> None:
    """A client that trusts the venue's authority reads it; one that speaks plain HTTP, or trusts others, does not."""
    assert listen.cert is not None
    app = web.Application()
    app.router.add_get("/", hello)
    trust, others = ssl.create_default_context(cafile=listen.cert.parent / "ca.crt"), ssl.create_default_context()
    async with serving(app, listen) as url, aiohttp.ClientSession() as session:
        assert url.startswith("https://localhost:")
        assert await (await session.get(url, ssl=trust)).text() == "hello"
        for wrong, how in ((url, others), (url.replace("https", "http"), trust)):
            with pytest.raises(aiohttp.ClientError):
                await session.get(wrong, ssl=how)


def test_a_certificate_comes_with_its_key(tmp_path: Path) -> None:
    """One without the other is said at the start."""
    with pytest.raises(ListenError, match="needs its key"):
        Listen.parse("127.0.0.1:0", tmp_path / "server.crt")


def test_a_key_that_others_may_read_is_refused(listen: Listen) -> None:
    """With what to do about it."""
    assert listen.key is not None
    listen.key.chmod(0o640)
    with pytest.raises(PermissionError, match="chmod 600"):
        listen.context()
