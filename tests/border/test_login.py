"""The login of the hub's page, over real HTTP and with the real file of users."""

import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import structlog
from aiohttp import web

from edgehub.hub.access import Access, AccessFile, read_access, write_access
from edgehub.tools import access as tool
from edgehub.web.headers import add_headers
from edgehub.web.listen import Listen
from edgehub.web.login import COOKIE, SESSION, Login
from edgehub.web.page import serve
from edgehub.web.serving import serving
from tests.fakes.board import FakeBoard

PASSWORD = "a long enough one"  # the tests' own
FORM = {"name": "kim", "password": PASSWORD}
KIM = Access().with_user("kim", PASSWORD)
"""Made once: scrypt is dear on purpose."""


class Clock:
    """Monotonic time by hand, s."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def _change(request: web.Request) -> web.Response:
    return web.Response(text=f"changed by {request[SESSION].user}")


@contextlib.asynccontextmanager
async def guarded(
    tmp_path: Path, clock: Clock | None = None, **options: bool
) -> AsyncIterator[tuple[str, aiohttp.ClientSession, AccessFile]]:
    """An application behind the login, a browser on it, and the file of users with Kim in it."""
    path = tmp_path / "access.json"
    write_access(path, KIM)
    access = AccessFile(path)
    login = Login(access.password_of, clock=clock or Clock(), **options)
    app = web.Application()
    app.on_response_prepare.append(add_headers)
    login.guard(app)
    app.router.add_get("/", _hello)
    app.router.add_post("/change", _change)
    jar = aiohttp.CookieJar(unsafe=True)
    async with serving(app, Listen()) as url, aiohttp.ClientSession(cookie_jar=jar) as browser:
        yield url.replace("localhost", "127.0.0.1"), browser, access


async def _hello(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


async def csrf(browser: aiohttp.ClientSession, url: str) -> str:
    """What a page of this session would send along."""
    async with browser.get(url + "session") as answer:
        return str((await answer.json())["csrf"])


@pytest.mark.asyncio
async def test_the_right_password_opens_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    """Before the login a form or a 401; after it the page; after the logout the form again."""
    async with guarded(tmp_path) as (url, browser, _):
        assert (await browser.get(url)).status == 401
        form = await browser.get(url, headers={"Accept": "text/html"})
        assert form.url.path == "/login"
        assert "form-action 'self'" in form.headers["Content-Security-Policy"]
        for wrong in ({**FORM, "password": "something else"}, {**FORM, "name": "sam"}):
            answer = await browser.post(url + "login", data=wrong)
            assert "not the name and password" in await answer.text()
        assert (await browser.get(url)).status == 401
        entered = await browser.post(url + "login", data=FORM)
        assert await entered.text() == "hello"
        token = await csrf(browser, url)
        left = await browser.post(url + "logout", headers={"X-CSRF-Token": token})
        assert left.url.path == "/login"
        assert (await browser.get(url)).status == 401


@pytest.mark.asyncio
async def test_the_cookie_is_for_the_browser_alone(tmp_path: Path) -> None:
    """HttpOnly and SameSite=Strict, Secure over TLS; and the headers that keep a page to itself are on every answer."""
    async with guarded(tmp_path, secure=True) as (url, browser, _):
        answer = await browser.post(url + "login", data=FORM, allow_redirects=False)
        cookie = answer.cookies[COOKIE]
        assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Strict", True)
        headers = (await browser.get(url + "login")).headers
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.asyncio
async def test_no_other_site_can_change_anything(tmp_path: Path) -> None:
    """A change needs the token of this session, and comes from no other site, even with the cookie."""
    async with guarded(tmp_path) as (url, browser, _):
        await browser.post(url + "login", data=FORM)
        token = await csrf(browser, url)
        host = url.removeprefix("http://").strip("/")
        for headers in (
            {},
            {"X-CSRF-Token": "guess"},
            {"X-CSRF-Token": token, "Origin": "http://evil.example"},
            {"X-CSRF-Token": token, "Sec-Fetch-Site": "cross-site"},
            {"X-CSRF-Token": token, "Origin": "null"},
        ):
            assert (await browser.post(url + "change", headers=headers)).status == 403
        changed = await browser.post(url + "change", headers={"X-CSRF-Token": token, "Origin": f"http://{host}"})
        assert await changed.text() == "changed by kim"
        by_form = await browser.post(url + "change", data={"csrf": token})
        assert by_form.status == 200


@pytest.mark.asyncio
async def test_guessing_is_slowed_down(tmp_path: Path) -> None:
    """After a few wrong guesses even the right password waits, and is told how long."""
    clock = Clock()
    async with guarded(tmp_path, clock) as (url, browser, _):
        for _ in range(5):
            await browser.post(url + "login", data={**FORM, "password": "x"})
        held = await browser.post(url + "login", data=FORM)
        assert held.status == 429
        assert int(held.headers["Retry-After"]) >= 1
        clock.now += 10
        assert await (await browser.post(url + "login", data=FORM)).text() == "hello"


@pytest.mark.asyncio
async def test_a_form_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Bytes of no charset, an unknown one, no length, too much: a status, never a failure."""
    kind = "application/x-www-form-urlencoded"
    async with guarded(tmp_path) as (url, browser, _):
        for body, told, expected in (
            (b"name=\xff", kind, 400),
            (b"name=kim", f"{kind}; charset=nothing", 400),
            (b"name=" + b"x" * 5_000, kind, 413),
            (b"name=kim", "multipart/form-data", 400),
        ):
            answer = await browser.post(url + "login", data=body, headers={"Content-Type": told})
            assert answer.status == expected, (body[:20], told)


@pytest.mark.asyncio
async def test_a_session_ends_with_disuse_or_with_its_user(tmp_path: Path) -> None:
    """After half a day unused, and at once when the user is taken out of the file."""
    clock = Clock()
    async with guarded(tmp_path, clock) as (url, browser, access):
        await browser.post(url + "login", data=FORM)
        clock.now += 11 * 3600
        assert (await browser.get(url)).status == 200
        clock.now += 13 * 3600
        assert (await browser.get(url)).status == 401
        await browser.post(url + "login", data=FORM)
        assert (await browser.get(url)).status == 200
        write_access(tmp_path / "access.json", access.now.without_user("kim"))
        assert (await browser.get(url)).status == 401


@pytest.mark.asyncio
async def test_without_users_a_page_answers_to_its_own_machine_alone(tmp_path: Path) -> None:
    """By its own name only: a site whose name was made to lead here sees nothing. The first user closes the page."""
    path = tmp_path / "access.json"
    access = AccessFile(path)
    login = Login(access.password_of, needed=lambda: access.has_users)
    async with serve(FakeBoard(), Listen(), login=login) as url, aiohttp.ClientSession() as browser:
        assert (await browser.get(url + "api/board")).status == 200
        rebound = await browser.get(url + "api/board", headers={"Host": "127.evil.example"})
        assert rebound.status == 403
        write_access(path, KIM)
        assert (await browser.get(url + "api/board")).status == 401
        path.chmod(0o644)
        assert (await browser.get(url + "api/board")).status == 401


@pytest.mark.asyncio
async def test_no_log_line_holds_a_password_or_a_cookie(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """S4 at the login: at the lowest level, right and wrong."""
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as lines:
        async with guarded(tmp_path) as (url, browser, _):
            await browser.post(url + "login", data={**FORM, "password": PASSWORD + "?"})
            await browser.post(url + "login", data=FORM)
            cookie = next(iter(browser.cookie_jar)).value
            token = await csrf(browser, url)
    assert lines, "a wrong password is told"
    logged = repr(lines) + caplog.text
    assert [secret for secret in (PASSWORD, cookie, token) if secret in logged] == []


def test_the_file_holds_no_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A key is printed once and kept as a digest, readable by its owner alone; a changed key opens nothing."""
    path = tmp_path / "access.json"
    assert command(path, "key", "add", "crm") == 0
    shown = capsys.readouterr().out.strip()
    key = read_access(path).key(shown)
    assert key is not None
    assert key.source == "crm"
    assert read_access(path).key(shown[:-1] + "x") is None
    assert shown.partition(".")[2] not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    assert command(path, "key", "remove", key.id) == 0
    assert read_access(path).key(shown) is None
    assert command(path, "key", "remove", key.id) == 2
    assert "no key called" in capsys.readouterr().err


def command(path: Path, *words: str) -> int:
    """Run `edgehub hub …`."""
    import argparse

    parser = argparse.ArgumentParser()
    tool.add_commands(parser.add_subparsers(dest="command"))
    return tool.run(parser.parse_args([*words, "--access", str(path)]))
