"""A login in front of staff pages: a form, a session cookie that scripts cannot read, and nothing that other sites can trigger.

Sessions live in memory: after a restart everybody logs in again. What a cookie says is kept as a digest only.
"""

import asyncio
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from edgehub.web.backoff import Backoff
from edgehub.web.headers import FORM_POLICY
from edgehub.web.secrecy import NOBODYS, new_token, password_matches, same, token_digest

log = structlog.get_logger("edgehub.web")

STATIC = Path(__file__).parent / "static"
COOKIE = "edgehub"
IDLE_S = 12 * 3600.0
"""A session nobody uses ends; a screen on the wall uses its own."""
MOST_SESSIONS = 1_000
MOST_FORM = 4_096
MOST_WAITING = 20
"""Guesses that wait for their turn; more are sent away."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "X-CSRF-Token"
NO_LOGIN = "This page has no login yet, so it answers to this machine alone. On the hub: edgehub hub user add NAME\n"
SESSION: web.RequestKey["Session"] = web.RequestKey("session")


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody is logged in. ``until``: monotonic, s."""

    user: str
    csrf: str
    """What a page of ours sends along with every change, and no other site knows."""
    until: float


class Login:
    """Who is logged in.

    Args:
        password_of: what is kept of a user's password (`hash_password`); None for nobody of that name.
        needed: False while pages may be seen by whoever sits at this machine; asked at each request.
        secure: True where pages travel over TLS; the cookie then travels no other way.
        clock: monotonic, s.
    """

    def __init__(
        self,
        password_of: Callable[[str], str | None],
        *,
        needed: Callable[[], bool] = lambda: True,
        secure: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._password_of = password_of
        self._needed = needed
        self._secure = secure
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._backoff = Backoff()
        self._line = asyncio.Semaphore(1)
        """Each guess costs 32 MiB and a good part of a second: one at a time."""
        self._waiting = 0

    def guard(self, app: web.Application) -> None:
        """Let nobody into this application who is not logged in, and show the form to everybody else."""
        app.middlewares.append(self._middleware())
        app.router.add_get("/login", self._form)
        app.router.add_get("/login.css", _style)
        app.router.add_post("/login", self._enter)
        app.router.add_post("/logout", self._leave)
        app.router.add_get("/session", _tell_session)

    def _middleware(self) -> Middleware:
        @web.middleware
        async def ask(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.method not in SAFE_METHODS and not _from_here(request):
                raise web.HTTPForbidden(text="This came from another site.\n")
            if request.path in {"/login", "/login.css"}:
                return await handler(request)
            session = self._session(request)
            if session is not None:
                await _check_token(request, session)
                request[SESSION] = session
            elif self._needed():
                return _turned_away(request)
            elif not _names_this_machine(request.host):
                raise web.HTTPForbidden(text=NO_LOGIN)
            return await handler(request)

        return ask

    def _session(self, request: web.Request) -> Session | None:
        said = request.cookies.get(COOKIE)
        if said is None:
            return None
        key, now = token_digest(said), self._clock()
        session = self._sessions.pop(key, None)
        if session is None or session.until <= now or self._password_of(session.user) is None:
            return None
        self._sessions[key] = session = replace(session, until=now + IDLE_S)
        return session

    async def _form(self, request: web.Request) -> web.Response:
        return _page("" if "again" not in request.query else "That is not the name and password of anybody here.")

    async def _enter(self, request: web.Request) -> web.Response:
        user, password = await _said(request)
        if self._waiting >= MOST_WAITING:
            raise web.HTTPServiceUnavailable(text="Too many people log in at once.\n", headers={hdrs.RETRY_AFTER: "10"})
        self._waiting += 1
        try:
            async with self._line:
                return await self._judge(request.remote or "", user, password)
        finally:
            self._waiting -= 1

    async def _judge(self, address: str, user: str, password: str) -> web.Response:
        if (wait_s := self._backoff.wait_s(address, self._clock())) > 0:
            return _page(f"Too many wrong guesses. Wait {wait_s:.0f} seconds.", wait_s=wait_s)
        if not await self._right(user, password):
            self._backoff.wrong(address, self._clock())
            log.warning("login.wrong", address=address)
            raise web.HTTPSeeOther("/login?again")
        self._backoff.right(address)
        answer = web.HTTPSeeOther("/")
        answer.set_cookie(COOKIE, self._begin(user), httponly=True, samesite="Strict", secure=self._secure, path="/")
        raise answer

    async def _right(self, user: str, password: str) -> bool:
        """Takes as long for a name that nobody has: names are no easier to guess than passwords."""
        kept = self._password_of(user)
        matches = await asyncio.to_thread(password_matches, password, kept or NOBODYS)
        return matches and kept is not None

    def _begin(self, user: str) -> str:
        token = new_token()
        self._sessions[token_digest(token)] = Session(user, new_token(), self._clock() + IDLE_S)
        while len(self._sessions) > MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]  # the one unused for longest: use moves a session to the end
        return token

    async def _leave(self, request: web.Request) -> web.Response:
        self._sessions.pop(token_digest(request.cookies[COOKIE]), None)
        answer = web.HTTPSeeOther("/login")
        answer.del_cookie(COOKIE, path="/")
        raise answer


def _from_here(request: web.Request) -> bool:
    """Whether a change was sent by a page of ours, or by a program that is no browser. Browsers tell in one way at least."""
    site = request.headers.get("Sec-Fetch-Site")  # not told to plain http beyond this machine
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get(hdrs.ORIGIN)
    return origin is None or urlsplit(origin).netloc == request.host


def _names_this_machine(host: str) -> bool:
    """Whether a browser asked for this machine by its own name; a site whose name leads here must not see the page."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


async def _tell_session(request: web.Request) -> web.Response:
    session = request.get(SESSION)
    if session is None:
        raise web.HTTPNotFound(text="Nobody is logged in.\n")
    return web.json_response({"user": session.user, "csrf": session.csrf})


async def _check_token(request: web.Request, session: Session) -> None:
    if request.method not in SAFE_METHODS and not same(await _csrf_said(request), session.csrf):
        raise web.HTTPForbidden(text="This change does not come from a page of this session.\n")


async def _csrf_said(request: web.Request) -> str:
    said = request.headers.get(CSRF_HEADER)
    if said is None and request.content_type == "application/x-www-form-urlencoded":
        said = await _field(request, "csrf")
    return said or ""


async def _said(request: web.Request) -> tuple[str, str]:
    if request.content_length is None or request.content_length > MOST_FORM:
        raise web.HTTPRequestEntityTooLarge(MOST_FORM, request.content_length or 0)
    return await _field(request, "name"), await _field(request, "password")


async def _field(request: web.Request, name: str) -> str:
    """A field of a form. A form that cannot be read is refused."""
    try:
        return str((await request.post()).get(name, ""))
    except (ValueError, LookupError) as error:  # not of its charset, or of one that nobody knows
        raise web.HTTPBadRequest(text="This form cannot be read.\n") from error


def _turned_away(request: web.Request) -> web.Response:
    """A person gets the form, a program a sentence."""
    if request.method == "GET" and "text/html" in request.headers.get(hdrs.ACCEPT, ""):
        raise web.HTTPSeeOther("/login")
    return web.Response(status=401, text="Log in first: /login\n")


def _page(sentence: str, *, wait_s: float = 0.0) -> web.Response:
    text = (STATIC / "login.html").read_text().replace("{{sentence}}", sentence)
    answer = web.Response(status=429 if wait_s else 200, text=text, content_type="text/html")
    answer.headers["Content-Security-Policy"] = FORM_POLICY
    if wait_s:
        answer.headers[hdrs.RETRY_AFTER] = str(int(wait_s) + 1)
    return answer


async def _style(_request: web.Request) -> web.Response:
    return web.Response(text=(STATIC / "login.css").read_text(), content_type="text/css")
