"""`edgehub hub user` and `edgehub hub key`: who may log in to the hub's pages, and who may write to its doors."""

import argparse
import getpass
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgehub.hub.access import Access

FILE = "access.json"
INSTALLED = Path("/var/lib/edgehub-hub")
"""Where the shipped unit keeps the hub's memory."""
EPILOG = """\
A running hub takes up a change at once.

examples:
  edgehub hub user add kim                       asks for a password; on a script's standard input: one line
  edgehub hub key add registration               prints a write key, once: whoever has it may write as "registration"
  edgehub hub key add app --door app             for the phone app
  edgehub hub key list
"""


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe `user` and `key`, below `edgehub hub`."""
    for command, named, about in (
        ("user", "NAME", "who may log in to the pages"),
        ("key", "SOURCE or ID", "who may write to the doors"),
    ):
        one = commands.add_parser(
            command, help=about, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        one.add_argument("do", choices=("add", "remove", "list"))
        one.add_argument("name", nargs="?", metavar=named, help="not for list")
        one.add_argument("--access", type=Path, metavar="FILE", help="beside the hub's database, unless said")
        if command == "key":
            one.add_argument(
                "--door", choices=("collector", "app", "stamps"), default="collector", help="what it opens (collector)"
            )


def _installed() -> Path:
    return (INSTALLED if INSTALLED.is_dir() else Path()) / FILE


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 then, 2 when it cannot be done."""
    from edgehub.hub.access import AccessError, read_access, write_access

    path = args.access or _installed()
    try:
        access = read_access(path)
        if args.do == "list":
            _list(access, args.command)
            return 0
        changed, said = _changed(access, args)
        write_access(path, changed)
    except (AccessError, ValueError, OSError) as error:
        print(f"edgehub hub {args.command}: {error}", file=sys.stderr)
        return 2
    print(said)
    return 0


def _list(access: "Access", command: str) -> None:
    if command == "user":
        lines = sorted(access.users)
    else:
        lines = [f"{key.id}  {key.door:<9}  {key.source}" for key in access.keys.values()]
    print("\n".join(lines) if lines else f"There is no {command} yet.")


def _changed(access: "Access", args: argparse.Namespace) -> tuple["Access", str]:
    name = args.name or ""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@/-]{0,63}", name):
        raise ValueError(f'"{name}" is no name: up to 64 letters, digits and . _ @ / -')
    try:
        match args.command, args.do:
            case "user", "add":
                return access.with_user(name, _password(name)), f"{name} may log in."
            case "user", _:
                return access.without_user(name), f"{name} may not log in any more."
            case _, "add":
                changed, shown = access.with_key(name, args.door)
                return changed, shown
            case _:
                return access.without_key(name), f"The key {name} opens nothing any more."
    except KeyError:
        raise ValueError(f'there is no {args.command} called "{name}"; see: edgehub hub {args.command} list') from None


def _password(name: str) -> str:
    """Asked for twice on a terminal; else the first line of standard input. Never from the command line, which others can read."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(f"Password for {name}: ")
    if getpass.getpass("Once more: ") != password:
        raise ValueError("these were two different passwords; nothing was changed")
    return password
