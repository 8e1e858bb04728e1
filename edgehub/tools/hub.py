"""`edgehub hub`: run the reference hub."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgehub.tools import access, stamps
from edgehub.tools.guest import SOCKET

if TYPE_CHECKING:
    from sqlalchemy import URL

    from edgehub.config import MqttSettings
    from edgehub.hub.daemon import Hub, HubSettings
    from edgehub.hub.doors.opening import DoorSettings

CREDENTIAL = "edgehub-db"
PASSWORD = f"where the password of that database stands (the credential {CREDENTIAL} of systemd, if there is one)"
MQTT_CREDENTIAL = "mqtt_password"
"""Of systemd's LoadCredential=; a password is never in the environment, where every child and crash report has it."""
EPILOG = """\
The hub takes the events of every gateway of a site, writes them down and only then acknowledges them;
it hands out profiles of the guests in the registration file. Edits of that file and of zones.yaml are taken up
within some seconds, but what counts as a badge is read at the start; a mistake keeps what was good.

examples:
  edgehub hub --site dv-conference --host hub.local --ca ca.crt --cert hub.crt --key hub.key \\
              --zones zones.yaml --registration registration.csv --db /var/lib/edgehub-hub/hub.db
  edgehub hub --site demo --host 127.0.0.1 --port 1883 --db hub.db --page 127.0.0.1:8080
  edgehub hub --site fair --host hub.local --db postgresql://edgehub@db.local/edgehub --db-password /run/secrets/db
  edgehub hub --site demo --data-layer data_layer.yaml --doors 127.0.0.1:8090 --drop drop --stamps stamps.yaml
  edgehub hub user add kim          who may log in to the page; without any user it answers to this machine alone
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = "Run the reference hub of a site."
    parser.epilog = EPILOG
    parser.add_argument("--site", type=site_name, help="name of the site, as in the gateways' edgehub.yaml")
    add_broker(parser)
    parser.add_argument(
        "--db",
        type=database,
        default="hub.db",
        metavar="FILE|postgresql://…",
        help="the hub's memory: a file (hub.db), or a PostgreSQL database as postgresql://USER@HOST/NAME",
    )
    parser.add_argument("--db-password", type=Path, metavar="FILE", help=PASSWORD)
    parser.add_argument("--registration", type=Path, metavar="FILE", help="registration.csv: who wears which badge")
    parser.add_argument("--zones", type=Path, metavar="FILE", help="zones.yaml: names of zones, what counts as a badge")
    parser.add_argument("--learned", type=Path, metavar="FILE", help="learned.yaml: where zones lie on the floor plan")
    parser.add_argument("--page", metavar="HOST:PORT", help="serve the venue's page there; port 0 takes a free one")
    parser.add_argument(
        "--data-layer", type=Path, metavar="FILE", help="data_layer.yaml: what each source means; opens doors"
    )
    parser.add_argument("--doors", metavar="HOST:PORT", help="take calls, stamps and phones' sightings over HTTP there")
    parser.add_argument("--drop", type=Path, metavar="FOLDER", help="take files there, in a folder for each source")
    parser.add_argument("--stamps", type=Path, metavar="FILE", help="stamps.yaml: which stamp stands at which booth")
    parser.add_argument(
        "--allow-origin", action="append", default=[], metavar="URL", help="a web site whose scripts may use --doors"
    )
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate of page and doors, to serve https")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="the key of that certificate")
    parser.add_argument("--access", type=Path, metavar="FILE", help="users and keys (access.json, beside --db)")
    parser.add_argument("--desk", type=Path, metavar="SOCKET", help="for `edgehub guest` (hub.sock, beside --db)")
    parser.add_argument("--speed", type=float, default=1.0, help="what the page says of a simulated venue's clock")
    commands = parser.add_subparsers(dest="command", metavar="", title="commands; without one, the hub runs")
    access.add_commands(commands)
    stamps.add_command(commands)


def site_name(text: str) -> str:
    """The name of a site, by the rule of edgehub.yaml: a wildcard in it would open other sites' topics."""
    from edgehub.config import topic_name

    if not text:
        raise argparse.ArgumentTypeError("the name is empty (edgehub-hub.service takes it from /etc/edgehub/hub.env)")
    try:
        return topic_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def database(text: str) -> "Path | URL":
    """What `--db` names: a file, or a database on a PostgreSQL server."""
    if "://" not in text:
        return Path(text)
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise argparse.ArgumentTypeError("it is neither a file nor postgresql://USER@HOST/NAME") from error
    if url.get_backend_name() != "postgresql":
        raise argparse.ArgumentTypeError(f"it is a file or postgresql://…, not {url.drivername}://…")
    if url.password is not None:
        raise argparse.ArgumentTypeError("everybody on this machine can read a password here: use --db-password FILE")
    return url


def add_broker(parser: argparse.ArgumentParser, *, host: str | None = "127.0.0.1") -> None:
    """The options that say where the broker is."""
    parser.add_argument("--host", default=host, help="of the broker")
    parser.add_argument("--port", type=int, help="of the broker (8883 with --ca, else 1883)")
    parser.add_argument("--protocol", choices=("5", "3.1.1"), default="5", help="version of MQTT")
    parser.add_argument("--ca", metavar="FILE", help="certificate of the venue's CA; turns TLS on")
    parser.add_argument("--cert", metavar="FILE", help="our certificate")
    parser.add_argument("--key", metavar="FILE", help="its key")
    parser.add_argument("--username", help="for a foreign broker")
    parser.add_argument(
        "--password-file",
        type=password_in,
        dest="password",
        metavar="FILE",
        help="holds the password of --username, and is its owner's alone (default: the credential mqtt_password)",
    )


def password_in(path: str) -> str:
    """The password in a file that nobody else may read."""
    file = Path(path)
    try:
        if file.stat().st_mode & 0o077:
            raise argparse.ArgumentTypeError(f"others on this machine may read {path}; run: chmod 600 {path}")
        return file.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise argparse.ArgumentTypeError(f"{path} cannot be read: {error}") from error


def broker_settings(args: argparse.Namespace, credentials: str | None = None) -> "MqttSettings":
    """The broker that the options name; ``credentials`` is the folder systemd made for us, unless it says otherwise."""
    from edgehub.config import MqttSettings

    port = args.port or (1883 if args.ca is None else 8883)
    credential = Path(credentials or os.environ.get("CREDENTIALS_DIRECTORY") or "/nowhere", MQTT_CREDENTIAL)
    password = args.password
    if args.username and password is None and credential.is_file():
        password = credential.read_text("utf-8").rstrip("\r\n")
    return MqttSettings(args.host, port, args.ca, args.cert, args.key, args.username, password, args.protocol)


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; 0 then, 2 when it cannot start, 1 when it may start later."""
    if args.command:
        return stamps.run(args) if args.command == "stamp" else access.run(args)
    if args.site is None:
        print("edgehub hub: --site is missing: the name of the site, as in the gateways' edgehub.yaml", file=sys.stderr)
        return 2
    return _serve(args)


def _serve(args: argparse.Namespace) -> int:
    from edgehub.config import ConfigError

    try:
        from edgehub.hub.store import StoreError
    except ModuleNotFoundError as error:
        print(f"edgehub hub: {error.name} is missing: pip install 'edgehub[hub]'", file=sys.stderr)
        return 2
    from edgehub import logs
    from edgehub.web.listen import ListenError

    logs.setup()
    try:
        return asyncio.run(_run(_settings(args)))
    except ConfigError as error:
        print(error, file=sys.stderr)
    except StoreError as error:
        print(f"edgehub hub: {args.db}: {error}", file=sys.stderr)
        if not isinstance(args.db, Path):
            return 1  # a server may come later, and systemd tries again
    except (OSError, ListenError) as error:
        print(f"edgehub hub: {error}", file=sys.stderr)
    return 2


def _settings(args: argparse.Namespace) -> "HubSettings":
    from edgehub.config import load_learned, load_venue
    from edgehub.core.venue import Venue
    from edgehub.hub.daemon import HubSettings
    from edgehub.web.listen import Listen

    doors = _door_settings(args)
    plan = None if args.learned is None else load_learned(args.learned).plan
    return HubSettings(
        site=args.site,
        mqtt=broker_settings(args),
        database=_with_password(args.db, args.db_password),
        registration=args.registration,
        zones=args.zones,
        venue=Venue() if args.zones is None else load_venue(args.zones),
        page=Listen.parse(args.page, args.tls_cert, args.tls_key) if args.page else None,
        doors=doors,
        access=args.access or _beside(args.db) / access.FILE,
        desk=args.desk or _beside(args.db) / SOCKET,
        speed=args.speed,
        boxes=(plan or {}).get("zones") or {},
    )


def _with_password(address: "Path | URL", file: Path | None) -> "Path | URL":
    """The address with its password, if it takes one. Raises OSError when the file cannot be read."""
    if isinstance(address, Path):
        return address
    given = Path(os.environ.get("CREDENTIALS_DIRECTORY", "")) / CREDENTIAL
    file = file or (given if given.is_file() else None)
    return address if file is None else address.set(password=file.read_text().strip())


def _beside(address: "Path | URL") -> Path:
    """The folder of the database's file; where the hub was started, when it is on a server."""
    return address.absolute().parent if isinstance(address, Path) else Path.cwd()


def _door_settings(args: argparse.Namespace) -> "DoorSettings | None":
    from edgehub.hub.doors.opening import DoorSettings
    from edgehub.web.listen import Listen, ListenError

    if args.data_layer is None:
        if args.doors or args.drop or args.stamps:
            raise ListenError("--doors, --drop and --stamps need --data-layer FILE: it says what each source means")
        return None
    listen = Listen.parse(args.doors, args.tls_cert, args.tls_key) if args.doors else None
    return DoorSettings(args.data_layer, listen, args.drop, args.stamps, frozenset(args.allow_origin))


async def _run(settings: "HubSettings") -> int:
    from edgehub.hub.daemon import run_hub

    stop = asyncio.Event()
    doors = None if settings.doors is None else settings.doors.listen
    for what, listen in (("the page", settings.page), ("the HTTP doors", doors)):
        if listen is not None and (warning := listen.warning(what)):
            print(f"edgehub hub: {warning}", file=sys.stderr)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_hub(settings, stop=stop, ready=_ready)
    return 0


async def _ready(hub: "Hub", page: str | None) -> None:
    print(f"hub of {hub.board.snapshot()['site']}: broker {hub.mqtt.broker}", flush=True)
    if page is not None:
        print(f"page: {page}", flush=True)
    if hub.doors_url is not None:
        print(f"doors: {hub.doors_url}", flush=True)
