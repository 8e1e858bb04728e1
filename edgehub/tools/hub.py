"""`edgehub hub`: run the reference hub."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgehub.tools import access

if TYPE_CHECKING:
    from edgehub.config import MqttSettings
    from edgehub.hub.daemon import Hub, HubSettings

EPILOG = """\
The hub takes the events of every gateway of a site, writes them down and only then acknowledges them;
it hands out profiles of the guests in the registration file. Edits of that file and of zones.yaml are taken up
within some seconds, but what counts as a badge is read at the start; a mistake keeps what was good.

examples:
  edgehub hub --site dv-conference --host hub.local --ca ca.crt --cert hub.crt --key hub.key \\
              --zones zones.yaml --registration registration.csv --db /var/lib/edgehub-hub/hub.db
  edgehub hub --site demo --host 127.0.0.1 --port 1883 --db hub.db --page 127.0.0.1:8080
  edgehub hub user add kim          who may log in to the page; without any user it answers to this machine alone
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = "Run the reference hub of a site."
    parser.epilog = EPILOG
    parser.add_argument("--site", type=site_name, help="name of the site, as in the gateways' edgehub.yaml")
    add_broker(parser)
    parser.add_argument("--db", type=Path, default=Path("hub.db"), metavar="FILE", help="the hub's memory (hub.db)")
    parser.add_argument("--registration", type=Path, metavar="FILE", help="registration.csv: who wears which badge")
    parser.add_argument("--zones", type=Path, metavar="FILE", help="zones.yaml: names of zones, what counts as a badge")
    parser.add_argument("--learned", type=Path, metavar="FILE", help="learned.yaml: where zones lie on the floor plan")
    parser.add_argument("--page", metavar="HOST:PORT", help="serve the venue's page there; port 0 takes a free one")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate of the page, to serve it as https")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="the key of that certificate")
    parser.add_argument("--access", type=Path, metavar="FILE", help="users and keys (access.json, beside --db)")
    parser.add_argument("--speed", type=float, default=1.0, help="what the page says of a simulated venue's clock")
    access.add_commands(parser)


def site_name(text: str) -> str:
    """The name of a site, by the rule of edgehub.yaml: a wildcard in it would open other sites' topics."""
    from edgehub.config import topic_name

    if not text:
        raise argparse.ArgumentTypeError("the name is empty (edgehub-hub.service takes it from /etc/edgehub/hub.env)")
    try:
        return topic_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_broker(parser: argparse.ArgumentParser, *, host: str | None = "127.0.0.1") -> None:
    """The options that say where the broker is."""
    parser.add_argument("--host", default=host, help="of the broker")
    parser.add_argument("--port", type=int, help="of the broker (8883 with --ca, else 1883)")
    parser.add_argument("--protocol", choices=("5", "3.1.1"), default="5", help="version of MQTT")
    parser.add_argument("--ca", metavar="FILE", help="certificate of the venue's CA; turns TLS on")
    parser.add_argument("--cert", metavar="FILE", help="our certificate")
    parser.add_argument("--key", metavar="FILE", help="its key")
    parser.add_argument("--username", help="for a foreign broker; the password is read from $EDGEHUB_MQTT_PASSWORD")


def broker_settings(args: argparse.Namespace) -> "MqttSettings":
    """The broker that the options name."""
    import os

    from edgehub.config import MqttSettings

    port = args.port or (1883 if args.ca is None else 8883)
    password = os.environ.get("EDGEHUB_MQTT_PASSWORD") if args.username else None
    return MqttSettings(args.host, port, args.ca, args.cert, args.key, args.username, password, args.protocol)


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; 0 then, 2 when it cannot start."""
    if args.command:
        return access.run(args)
    if args.site is None:
        print("edgehub hub: --site is missing: the name of the site, as in the gateways' edgehub.yaml", file=sys.stderr)
        return 2
    return _serve(args)


def _serve(args: argparse.Namespace) -> int:
    from edgehub.config import ConfigError
    from edgehub.hub.store import StoreError
    from edgehub.web.listen import ListenError

    try:
        return asyncio.run(_run(_settings(args)))
    except ConfigError as error:
        print(error, file=sys.stderr)
    except StoreError as error:
        print(f"edgehub hub: {args.db}: {error}", file=sys.stderr)
    except (OSError, ListenError) as error:
        print(f"edgehub hub: {error}", file=sys.stderr)
    return 2


def _settings(args: argparse.Namespace) -> "HubSettings":
    from edgehub.config import load_learned, load_venue
    from edgehub.core.venue import Venue
    from edgehub.hub.daemon import HubSettings
    from edgehub.web.listen import Listen

    plan = None if args.learned is None else load_learned(args.learned).plan
    return HubSettings(
        site=args.site,
        mqtt=broker_settings(args),
        database=args.db,
        registration=args.registration,
        zones=args.zones,
        venue=Venue() if args.zones is None else load_venue(args.zones),
        page=Listen.parse(args.page, args.tls_cert, args.tls_key) if args.page else None,
        access=args.access or args.db.absolute().parent / access.FILE,
        speed=args.speed,
        boxes=(plan or {}).get("zones") or {},
    )


async def _run(settings: "HubSettings") -> int:
    from edgehub.hub.daemon import run_hub

    stop = asyncio.Event()
    if settings.page is not None and (warning := settings.page.warning("the page")):
        print(f"edgehub hub: {warning}", file=sys.stderr)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_hub(settings, stop=stop, ready=_ready)
    return 0


async def _ready(hub: "Hub", page: str | None) -> None:
    print(f"hub of {hub.board.snapshot()['site']}: broker {hub.mqtt.broker}", flush=True)
    if page is not None:
        print(f"page: {page}", flush=True)
