"""`edgehub status`: what gateways and hub say of themselves."""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgehub.tools.hub import add_broker, broker_settings, site_name

if TYPE_CHECKING:
    from edgehub.config import MqttSettings
    from edgehub.core.wire import HubStatus, Status

EPILOG = """\
Asks the broker for the last words of every gateway and of the hub, and prints them as a table.
Exit code 0, or 1 when the broker cannot be reached or something is not as it should be.

examples:
  edgehub status                                the site and broker of this machine's /etc/edgehub
  edgehub status --config config                another folder
  edgehub status --site dv-conference --host hub.local --ca ca.crt --cert admin.crt --key admin.key
"""
INSTALLED = Path("/etc/edgehub")
COLUMNS = ("gateway", "state", "radio", "lights", "waiting", "config", "why")


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = "What gateways and hub say of themselves."
    parser.epilog = EPILOG
    parser.add_argument(
        "--config",
        type=Path,
        metavar="DIR",
        help="take site and broker from DIR/edgehub.yaml (/etc/edgehub when there is no --site)",
    )
    parser.add_argument("--site", type=site_name, help="name of the site, instead of --config")
    add_broker(parser)
    parser.add_argument("--wait", type=float, default=2.0, metavar="S", help="how long to listen (2 s)")


def run(args: argparse.Namespace) -> int:
    """Listen, print, and say by the exit code whether all is well."""
    from edgehub.config import ConfigError, load_installation

    site, settings, directory = args.site, broker_settings(args), folder(args)
    if directory is not None:
        try:
            installation = load_installation(directory)
        except ConfigError as error:
            print(error, file=sys.stderr)
            return 2
        if installation.mqtt is None:
            print("This gateway works alone: its edgehub.yaml names no broker, so there is nobody to ask.")
            return 1
        if installation.mqtt.cert is not None and args.cert is None:
            # The shipped broker makes the certificate's name the client id, and two clients of one name throw each
            # other out.
            print("Asking with this gateway's own certificate would throw the gateway off the broker.")
            print("Give the certificate of a person instead: --cert FILE --key FILE")
            return 2
        site = installation.site
        settings = replace(installation.mqtt, cert=args.cert, key=args.key)
    if site is None:
        print("edgehub status: say which site, with --site NAME or --config DIR", file=sys.stderr)
        return 2
    return asyncio.run(_show(site, settings, args.wait))


def folder(args: argparse.Namespace, installed: Path = INSTALLED) -> Path | None:
    """Where site and broker are written: as said; else, without --site, in the folder of this machine if it is there."""
    if args.config is not None or args.site is not None or not installed.is_dir():
        named: Path | None = args.config
        return named
    return installed


async def _show(site: str, settings: "MqttSettings", wait_s: float) -> int:
    found = await _listen(site, settings, wait_s)
    if isinstance(found, str):
        print(found[0].upper() + found[1:])
        return 1
    gateways, hub = found
    print(f"hub: {_hub(hub)}")
    print(table([_row(name, status) for name, status in sorted(gateways.items())]) if gateways else "no gateway yet")
    well = hub is not None and hub.state == "online" and all(one.state == "online" for one in gateways.values())
    return 0 if well and gateways else 1


async def _listen(
    site: str, settings: "MqttSettings", wait_s: float
) -> "tuple[dict[str, Status], HubStatus | None] | str":
    """Statuses by gateway and the hub's; a sentence when the broker cannot be reached."""
    import secrets

    from edgehub.core.wire import HubStatus, SiteTopics, Status, WireError
    from edgehub.mqtt import Message, Mqtt

    topics = SiteTopics(site)
    gateways: dict[str, Status] = {}
    hub: HubStatus | None = None
    reached = False
    client = Mqtt(settings, f"status-{secrets.token_hex(4)}", subscriptions=[(topics.every.status, 1)])
    async with client:
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while True:
                    for message in await client.take():
                        reached = reached or client.connected
                        if not isinstance(message, Message):
                            continue
                        with suppress(WireError):
                            name, _ = topics.read(message.topic)
                            if name == "hub":
                                hub = HubStatus.read(message.payload)
                            else:
                                gateways[name] = Status.read(message.payload)
        return (gateways, hub) if reached else client.why


def _hub(hub: "HubStatus | None") -> str:
    if hub is None:
        return "never seen; events wait at the gateways"
    return "online" if hub.state == "online" else f"{hub.state}; events wait at the gateways"


def _row(name: str, status: "Status") -> tuple[str, ...]:
    details = status.details
    why = details.get("why") or status.detail("radio").get("why") or status.detail("config").get("error") or ""
    return (
        name,
        status.state,
        _state(details.get("radio")),
        _states(details.get("hue")),
        str(details.get("backlog", "?")),
        _state(details.get("config")),
        str(why),
    )


def _state(value: Any) -> str:
    return str(value.get("state", "?")) if isinstance(value, Mapping) else str(value or "?")


def _states(bridges: Any) -> str:
    if not isinstance(bridges, Mapping) or not bridges:
        return "none"
    return ", ".join(f"{nickname} {_state(bridge)}" for nickname, bridge in sorted(bridges.items()))


def table(rows: list[tuple[str, ...]]) -> str:
    """Rows under their headings, in columns as wide as they need to be."""
    return "\n".join(_lines([COLUMNS, *rows]))


def _lines(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
