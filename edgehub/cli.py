"""The command line: finds the command, lets it describe its arguments, runs it. No logic of its own.

A command is a module of ``edgehub.tools`` with ``configure(parser)`` and ``run(args) -> exit code``. It is imported
only when it is asked for, so that ``edgehub --help`` stays fast on a Pi.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from edgehub import __version__

# Name → (module, one line for the list of commands).
COMMANDS = {
    "run": ("edgehub.tools.run", "run the gateway of this Pi"),
    "hub": ("edgehub.tools.hub", "run the reference hub"),
    "demo": ("edgehub.tools.demo", "a whole simulated venue on this machine, with a page"),
    "config": ("edgehub.tools.check", "check the configuration and say what to mend"),
    "calibrate": ("edgehub.tools.calibrate", "learn how zones sound from walks through them"),
    "learn": ("edgehub.tools.learn", "find out which badge is held to this Pi"),
    "hue": ("edgehub.tools.hue", "pair with a Philips Hue bridge"),
    "guest": ("edgehub.tools.guest", "look a guest up at the hub, and say who is who"),
    "map": ("edgehub.tools.map", "draw which source fills what, and what it is used for"),
    "status": ("edgehub.tools.status", "what gateways and hub say of themselves"),
    "outbox": ("edgehub.tools.outbox", "what waits for the hub on this Pi, and whether it is whole"),
    "replay": ("edgehub.tools.replay", "decide again what a recording heard"),
    "pki": ("edgehub.tools.pki", "certificates for the broker, the hub and every Pi"),
    "contract": ("edgehub.tools.contract", "what a hub of your own must understand: AsyncAPI, JSON Schema"),
    "decode": ("edgehub.tools.decode", "read beacon packets"),
}


def overview() -> str:
    """The text of ``edgehub --help``."""
    commands = "\n".join(f"  {name:<11}{line}" for name, (_, line) in COMMANDS.items())
    return (
        "usage: edgehub COMMAND [OPTIONS]\n\n"
        "Decides which zone of a venue each guest is in and for how long, greets guests with light\n"
        "in their favourite colour, and hands every event safely to a hub.\n\n"
        f"commands:\n{commands}\n\n"
        "first steps:\n"
        "  edgehub demo                              see a whole venue, no hardware needed\n"
        "  edgehub config check --config /etc/edgehub   before the first start, and after every edit\n"
        "  edgehub COMMAND --help                    what a command takes, with examples\n\n"
        "  --version  print the version and stop\n"
        "  -h, --help print this text and stop\n"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code is returned. 2 stands for bad usage."""
    words = list(sys.argv[1:] if argv is None else argv)
    match words:
        case [] | ["-h" | "--help", *_]:
            print(overview())
            return 0 if words else 2
        case ["--version", *_]:
            print(f"edgehub {__version__}")
            return 0
        case [name, *_] if name not in COMMANDS:
            print(f"edgehub: there is no command {name!r}.{_suggestion(name)}\n", file=sys.stderr)
            print(overview(), file=sys.stderr)
            return 2
    return _run(words[0], words[1:])


def _run(name: str, words: list[str]) -> int:
    tool = importlib.import_module(COMMANDS[name][0])
    parser = argparse.ArgumentParser(prog=f"edgehub {name}", formatter_class=argparse.RawDescriptionHelpFormatter)
    tool.configure(parser)
    try:
        return int(tool.run(parser.parse_args(words)))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; that is no failure of ours
        return 141


def _suggestion(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, COMMANDS, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
