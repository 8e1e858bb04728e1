"""The PIN in front of the page, over real HTTP."""

import asyncio

import aiohttp
import pytest

from edgehub.web import door
from edgehub.web.listen import Listen
from edgehub.web.page import serve
from tests.fakes.board import FakeBoard


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["", "api/board", "events", "app.js"])
async def test_without_the_pin_nothing_is_shown(path: str) -> None:
    """Neither the page nor its data nor its files, whatever way one asks."""
    async with (
        serve(FakeBoard(), Listen(), pin="4711") as url,
        aiohttp.ClientSession() as session,
        session.get(url + path) as answer,
    ):
        assert answer.status == 401
        assert "Basic" in answer.headers["WWW-Authenticate"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "PIN" in await answer.text()


@pytest.mark.asyncio
async def test_the_pin_opens_and_a_wrong_one_costs_time() -> None:
    """Any name with the right PIN; a guess takes a second."""
    async with serve(FakeBoard(), Listen(), pin="4711") as url, aiohttp.ClientSession() as session:
        right, wrong = (aiohttp.encode_basic_auth("staff", pin) for pin in ("4711", "4712"))
        async with session.get(url + "api/board", headers={"Authorization": right}) as answer:
            assert answer.status == 200
        began = asyncio.get_running_loop().time()
        for said in ("Basic " + "x" * 7, wrong):
            async with session.get(url + "api/board", headers={"Authorization": said}) as answer:
                assert answer.status == 401
        assert asyncio.get_running_loop().time() - began >= 2 * door.WRONG_COSTS_S
