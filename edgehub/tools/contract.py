"""`edgehub contract`: what a hub must understand, as an AsyncAPI document or as one JSON Schema."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

DESCRIPTION = """\
Prints the contract between gateways and hub: every topic, every message and the rules of delivery, as an AsyncAPI 3
document with JSON Schemas (draft 2020-12). It is made from the code that reads and writes the messages, so it is
true of the version installed here. `http` is the other half: the hub's HTTP doors as an OpenAPI 3.1 document. For somebody who writes a hub of their own: begin with config/examples/subscriber.py."""

EPILOG = """\
examples:
  edgehub contract                           the whole document; also in config/schema/edgehub.asyncapi.json
  edgehub contract | jq -r .info.description     the rules of delivery, in words
  edgehub contract events                    the JSON Schema of one message, for any validator
  edgehub contract http                      the HTTP doors; also in config/schema/edgehub.openapi.json
  edgehub contract --write FILE              into a file (config/schema/edgehub.asyncapi.json when a message changed)
"""

HTTP = "http"


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument(
        "message", nargs="?", help="the schema of this message alone: status, events, ask, ack, …; or http"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="write it there instead")


def run(args: argparse.Namespace) -> int:
    """Print or write; 2 for a message there is not."""
    from edgehub.tools import asyncapi

    names = [topic.name for topic in asyncapi.TOPICS]
    if args.message is not None and args.message not in {HTTP, *names}:
        print(f"There is no message {args.message!r}; there are: {', '.join([*names, HTTP])}.", file=sys.stderr)
        return 2
    made = text(_http() if args.message == HTTP else _wire(args.message))
    if args.write is None:
        print(made, end="")
    else:
        args.write.write_text(made, "utf-8")
    return 0


def _wire(message: str | None) -> dict[str, Any]:
    from edgehub.tools import asyncapi

    return asyncapi.document() if message is None else asyncapi.payload(message)


def _http() -> dict[str, Any]:
    from edgehub.hub.doors.contract import openapi

    return openapi()


def text(made: dict[str, Any]) -> str:
    """As a file holds it."""
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"
