"""`edgehub guest`: look a guest up at the hub of this machine, and say who is who."""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgehub.tools.sheet import sheet

SOCKET = "hub.sock"
INSTALLED = Path("/var/lib/edgehub-hub") / SOCKET
DESCRIPTION = """\
Asks the hub that runs on this machine, through a socket that only its owner can open.
A guest is named by any identifier, as KIND:VALUE or its bare value, or by the badge's number."""

EPILOG = """\
examples:
  edgehub guest show 1042                         who wears badge 1042, and what is known of them, from where
  edgehub guest show email:kim@example.org --json
  edgehub guest merge kim@example.org crm:003A    these two are one guest
  edgehub guest unmerge kim@example.org crm:003A  no, they are not: it is as if they had never been one
  edgehub guest hand kim@example.org 1043         a new badge for a lost one; the past stays Kim's
  edgehub guest refuse 1042 offers                Kim said at the desk: no offers
  edgehub guest everything 1042 > kim.json        all that is kept of Kim, for Kim
  edgehub guest everything 1042 --html kim.html   the same to be read, in one page
  edgehub guest forget 1042 --wait 60             Kim asked to be forgotten: says which Pi has confirmed it
  edgehub guest receipts                          which Pi has yet to confirm anything
  edgehub guest admit kim@example.org             Kim came back, and wants to be known again

exit codes: 0 done, 1 the hub says why not, 2 no hub answers here"""

ARGUMENTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "find": ("guests who may be meant", ("guest",)),
    "show": ("what is known of a guest, since when and from where", ("guest",)),
    "everything": ("every fact of the log about a guest, as JSON", ("guest",)),
    "merge": ("say that two are one guest", ("a", "b")),
    "unmerge": ("say that two names are not of one guest", ("a", "b")),
    "hand": ("hand a badge to a guest", ("guest", "badge")),
    "take-back": ("take a badge back from a guest", ("guest", "badge")),
    "agree": ("the guest agrees to a purpose", ("guest", "purpose")),
    "refuse": ("the guest does not agree to a purpose", ("guest", "purpose")),
    "forget": ("forget a guest, here and on every Pi; there is no way back", ("guest",)),
    "receipts": ("which gateways have confirmed what was forgotten", ()),
    "admit": ("let a forgotten guest in again who asks for it", ("name",)),
}
LOOKING = frozenset({"find", "show", "everything", "receipts"})
ASK_AGAIN_S = 0.5


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    commands = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    for what, (about, takes) in ARGUMENTS.items():
        one = commands.add_parser(what, help=about, description=f"{about.capitalize()}.")
        for name in takes:
            one.add_argument(name, metavar=name.upper())
        default = Path(os.environ.get("EDGEHUB_DESK") or (INSTALLED if INSTALLED.exists() else SOCKET))
        one.add_argument(
            "--hub", type=Path, default=default, metavar="SOCKET", help="of the hub ($EDGEHUB_DESK, or %(default)s)"
        )
        one.add_argument("--json", action="store_true", help="as the hub says it")
        if what == "everything":
            one.add_argument("--html", type=Path, metavar="FILE", help="as a page to be read, its owner's alone")
        if what == "forget":
            one.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="for the gateways to confirm")


def run(args: argparse.Namespace) -> int:
    """Ask or say one thing."""
    import asyncio

    from aiohttp import ClientError

    said = {name: getattr(args, name) for name in ARGUMENTS[args.what][1]}
    try:
        status, answer = asyncio.run(_ask(args.hub, args.what, said))
        if args.what == "forget" and "revision" in answer:
            answer = asyncio.run(_confirmed(args.hub, answer, args.wait))
    except (ClientError, OSError) as error:
        print(
            f"edgehub guest: no hub answers at {args.hub}: {error}. Is it running? Name its socket with --hub.",
            file=sys.stderr,
        )
        return 2
    if "why" in answer:
        print(f"edgehub guest: {answer['why']}.", file=sys.stderr)
        return 1
    if args.what == "everything" and args.html is not None:
        return _write(args.html, sheet(answer))
    if args.json or args.what == "everything":
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(args.what, answer)))
    return 0 if status < 400 else 1


def _write(path: Path, text: str) -> int:
    """Write what is a guest's for nobody else to read."""
    try:
        path.touch(0o600)
        path.chmod(0o600)
        path.write_text(text, "utf-8")
    except OSError as error:
        print(f"edgehub guest: {path} cannot be written: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


async def _confirmed(hub: Path, answer: Mapping[str, Any], wait_s: float) -> Mapping[str, Any]:
    """The answer, with the gateways' receipts as they are, or once all that are online have sent theirs."""
    import asyncio

    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    said = {"revision": str(answer["revision"])}
    while True:
        _, receipts = await _ask(hub, "receipts", said)
        gateways = receipts.get("gateways", [])
        if all(one["confirmed"] for one in gateways) or loop.time() >= until:
            return {**answer, "gateways": gateways}
        await asyncio.sleep(ASK_AGAIN_S)


async def _ask(hub: Path, what: str, said: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
    from urllib.parse import quote

    from aiohttp import ClientSession, UnixConnector

    async with ClientSession("http://hub", connector=UnixConnector(str(hub))) as session:
        if what not in LOOKING:
            request = session.post(f"/desk/{what}", json=said)
        elif what == "receipts":
            request = session.get("/desk/receipts", params=said)
        elif what == "find":
            request = session.get("/desk/guests", params={"for": said["guest"]})
        else:
            tail = "/everything" if what == "everything" else ""
            request = session.get(f"/desk/guests/{quote(said['guest'], safe='')}{tail}")
        async with request as response:
            return response.status, await response.json()


def _lines(what: str, answer: Mapping[str, Any]) -> Iterator[str]:
    match what:
        case "find":
            yield from (" ".join(guest["ids"]) for guest in answer["guests"])
            if not answer["guests"]:
                yield "Nobody."
        case "show":
            yield from card(answer)
        case "forget":
            yield "Gone from the hub."
            yield from _receipts(answer["gateways"])
        case "receipts":
            yield from _receipts(answer["gateways"]) if answer["gateways"] else ["No gateway was ever heard of here."]
        case _:
            yield "Done."


def _receipts(gateways: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for one in gateways:
        if one["confirmed"]:
            yield f"{one['gateway']} has confirmed."
        elif one["online"]:
            yield f"{one['gateway']} has not confirmed yet ({one['waiting']} to go)."
        else:
            yield f"{one['gateway']} is offline; it will confirm when it is back ({one['waiting']} to go)."


def card(guest: Mapping[str, Any]) -> Iterator[str]:
    """A guest's document for people."""
    yield "Known as   " + ", ".join(guest["ids"])
    for badge in guest["badges"]:
        until = "now" if badge["until_us"] is None else _time(badge["until_us"])
        yield f"Badge      {badge['badge']}, {_time(badge['since_us'])} to {until}"
    for purpose, consent in guest["consent"].items():
        word = "agreed" if consent["given"] else "refused"
        yield f"Consent    {purpose}: {word}, {_time(consent['at_us'])}, {consent['source']}"
    for name, value in guest["values"].items():
        yield f"Value      {name}: {_plain(value['value'])}  ({value['source']}, {_time(value['at_us'])})"
    for name, attribute in guest["attributes"].items():
        yield from _attribute(name, attribute)
    for entry in guest["timeline"]:
        until = "" if entry["until_us"] is None else f" to {_time(entry['until_us'])}"
        yield f"{_time(entry['at_us'])}{until}  {entry['type']} {entry['name'] or ''} ({entry['source']})"


def _attribute(name: str, attribute: Mapping[str, Any]) -> Iterator[str]:
    if not attribute["known"]:
        yield f"Attribute  {name}: unknown"
    for period, value in attribute["known"].items():
        yield f"Attribute  {name} ({period}): {_plain(value['value'], attribute['unit'])}"


def _plain(value: Any, unit: str | None = None) -> str:
    match value, unit:
        case list(), _:
            return ", ".join(map(str, value)) or "none"
        case int(), "time":
            return _time(value)
        case int() | float(), "s":
            return f"{value / 60:.1f} min"
        case _:
            return str(value)


def _time(at_us: int | None) -> str:
    return "ever" if at_us is None else f"{datetime.fromtimestamp(at_us / 1e6, UTC):%Y-%m-%d %H:%M:%S}"
