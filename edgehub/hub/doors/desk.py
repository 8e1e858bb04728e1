"""The desk over HTTP: the same for the staff page, behind its login, and for `edgehub guest`, through a socket of this machine."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aiohttp import web

from edgehub.core.wire.fields import WireError, read_object
from edgehub.hub.desk import Desk, DeskError
from edgehub.hub.lineage import Lineage
from edgehub.hub.store import StoreError
from edgehub.web.login import SESSION
from edgehub.web.page import serve_file
from edgehub.web.serving import serving_here

MOST_BYTES = 4_096
FILES = {"desk.js": "text/javascript", "desk.css": "text/css"}
DRAWING_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""A drawing carries its style, and runs nothing."""
LOCAL_USER = "somebody at the hub's own machine"

Say = Callable[[Desk, Mapping[str, str], str], Awaitable[Any]]
SAYINGS: Mapping[str, tuple[tuple[str, ...], Say]] = {
    "merge": (("a", "b"), lambda desk, said, by: desk.merge(said["a"], said["b"], by=by)),
    "unmerge": (("a", "b"), lambda desk, said, by: desk.unmerge(said["a"], said["b"], by=by)),
    "hand": (("guest", "badge"), lambda desk, said, by: desk.hand(said["guest"], said["badge"], by=by)),
    "take-back": (
        ("guest", "badge"),
        lambda desk, said, by: desk.hand(said["guest"], said["badge"], by=by, worn=False),
    ),
    "agree": (
        ("guest", "purpose"),
        lambda desk, said, by: desk.agree(said["guest"], said["purpose"], given=True, by=by),
    ),
    "refuse": (
        ("guest", "purpose"),
        lambda desk, said, by: desk.agree(said["guest"], said["purpose"], given=False, by=by),
    ),
    "forget": (("guest",), lambda desk, said, _: desk.forget(said["guest"])),
    "admit": (("name",), lambda desk, said, _: desk.admit(said["name"])),
}
"""What staff can say: the words it takes, and what follows; of who is forgotten the revision that gateways confirm."""


def add_desk(app: web.Application, desk: Desk, lineage: Callable[[], Awaitable[Lineage]]) -> None:
    """Add the desk's routes below /desk.

    Args:
        app: where; whoever reaches it may do all of this.
        desk: what staff can ask and say.
        lineage: draws the map of now.
    """

    async def find(request: web.Request) -> web.Response:
        found = await desk.find(request.query.get("for", ""))
        return web.json_response({"guests": [{"person": one.person, "ids": one.ids} for one in found]})

    async def show(request: web.Request) -> web.Response:
        return web.json_response(await desk.guest(await desk.one(request.match_info["guest"])))

    async def everything(request: web.Request) -> web.Response:
        return web.json_response(await desk.everything(await desk.one(request.match_info["guest"])))

    async def say(request: web.Request) -> web.Response:
        takes, what = SAYINGS[request.match_info["what"]]
        done = await what(desk, _words(await request.content.read(MOST_BYTES), takes), _user(request))
        return web.json_response({"ok": True} | ({} if done is None else {"revision": done}))

    async def receipts(request: web.Request) -> web.Response:
        revision = request.query.get("revision", "0")
        found = await desk.receipts(int(revision) if revision.isdecimal() and len(revision) < 18 else 0)
        return web.json_response({"gateways": [asdict(one) for one in found]})

    async def draw(_request: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": DRAWING_POLICY}
        return web.Response(text=(await lineage()).svg(), content_type="image/svg+xml", headers=headers)

    app.router.add_get("/desk", serve_file("desk.html", "text/html"))
    for name, kind in FILES.items():
        app.router.add_get(f"/desk/{name}", serve_file(name, kind))
    app.router.add_get("/desk/guests", _answering(find))
    app.router.add_get("/desk/guests/{guest}", _answering(show))
    app.router.add_get("/desk/guests/{guest}/everything", _answering(everything))
    app.router.add_get("/desk/receipts", _answering(receipts))
    app.router.add_get("/desk/map.svg", _answering(draw))
    app.router.add_post(f"/desk/{{what:{'|'.join(SAYINGS)}}}", _answering(say))


def at_socket(desk: Desk, lineage: Callable[[], Awaitable[Lineage]], socket: Path) -> AbstractAsyncContextManager[None]:
    """Serve the desk on a socket of this machine while the context lasts. Raises OSError when it cannot be made."""
    app = web.Application()
    add_desk(app, desk, lineage)
    return serving_here(app, socket)


def _user(request: web.Request) -> str:
    session = request.get(SESSION)
    return LOCAL_USER if session is None else session.user


def _words(body: bytes, takes: tuple[str, ...]) -> Mapping[str, str]:
    """What was said, each a text. Raises DeskError."""
    try:
        said: Mapping[str, Any] = read_object(body, limit=MOST_BYTES)
    except WireError as error:
        raise DeskError(f"that cannot be read: {error}") from error
    if not all(isinstance(said.get(word), str) and said[word].strip() for word in takes):
        raise DeskError(f"this needs {' and '.join(takes)}")
    return {word: said[word] for word in takes}


def _answering(
    handler: Callable[[web.Request], Awaitable[web.Response]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except DeskError as error:
            return web.json_response({"why": str(error)}, status=404 if request.method == "GET" else 409)
        except StoreError as error:
            return web.json_response({"why": f"the hub's store fails: {error}"}, status=503)

    return answer
