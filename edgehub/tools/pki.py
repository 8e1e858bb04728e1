"""`edgehub pki`: the venue's certificates, for broker, hub and every Pi."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgehub.tools.authority import Authority

DESCRIPTION = """\
Makes the venue's own certificate authority and one certificate for each machine: whoever shows one is who it says, and
may speak at the broker for nobody else. Do it once, on a machine that stays (the hub, or a laptop in a safe); keep the
folder out of the venue's network, back it up, and never copy ca/ anywhere. The openssl command does the work."""

EPILOG = """\
examples, from nothing to a venue:
  edgehub pki init --at hub.local --at 10.0.0.5   authority, broker (reached by these names) and hub
  edgehub pki issue pi-lounge pi-bar              a folder for each Pi: copy it to /etc/edgehub there
  edgehub pki issue anna                          for a person: edgehub status --cert anna.crt --key anna.key
  edgehub pki show                                every certificate, and how long it lasts
  edgehub pki revoke pi-bar                       a Pi was stolen: the broker refuses it from its next start on
  edgehub pki revoke pi-lounge && edgehub pki issue pi-lounge     in good time before it ends: a new one. Copy it to
                                                  the Pi first, then crl.pem to the broker

Every command works in the folder edgehub-pki, or the one that --dir names. Nothing is ever overwritten.
exit codes: 0 done, 1 (show) something ends within 90 days, 2 not done, with the reason"""

SOON_DAYS = 90
BROKER = """\
  to the broker:  sudo install -o mosquitto -m 600 -t /etc/mosquitto/certs {folder}/*
                  sudo cp config/mosquitto.conf /etc/mosquitto/conf.d/edgehub.conf
                  sed 's/dv-conference/YOUR-SITE/' config/mosquitto.acl |
                    sudo install -o mosquitto -m 600 /dev/stdin /etc/mosquitto/edgehub.acl
                  sudo systemctl restart mosquitto"""
MACHINE = """\
  to {name}:  copy {folder} there, then:  sudo install -o edgehub -m 600 -t /etc/edgehub {name}/*"""
SETTINGS = """\
                  edgehub.yaml:  mqtt: {{host: …, ca: ca.crt, cert: {name}.crt, key: {name}.key}}"""
REVOKED = """\
Revoked {name}. The broker learns it from the new list:
  to the broker:  sudo install -o mosquitto -m 600 -t /etc/mosquitto/certs {list}
                  sudo systemctl restart mosquitto    (a reload would leave it connected)"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the commands."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    commands = parser.add_subparsers(dest="command", required=True, metavar="init|issue|revoke|show|broker")
    init = commands.add_parser("init", help="make the authority, and certificates for broker and hub")
    broker = commands.add_parser("broker", help="a new certificate for the broker, once the old one is revoked")
    for each in (init, broker):
        each.add_argument(
            "--at", action="append", required=True, metavar="HOST", help="how machines reach the broker; again for more"
        )
    issue = commands.add_parser("issue", help="make certificates for machines or persons")
    issue.add_argument("names", nargs="+", metavar="NAME", help="as in edgehub.yaml: lower-case letters, digits and -")
    revoke = commands.add_parser("revoke", help="let the broker refuse a certificate")
    revoke.add_argument("name", metavar="NAME", help="as issued")
    show = commands.add_parser("show", help="list the certificates")
    for each in (init, broker, issue, revoke, show):
        each.add_argument("--dir", type=Path, default=Path("edgehub-pki"), help="folder of the authority (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Do one of them."""
    from edgehub.tools.authority import Authority, AuthorityError

    try:
        return _run(args, Authority(args.dir, datetime.now(UTC)))
    except (AuthorityError, OSError) as error:
        print(f"edgehub pki: {error}", file=sys.stderr)
        return 2


def _run(args: argparse.Namespace, authority: "Authority") -> int:
    match args.command:
        case "init":
            _init(authority, args.at)
        case "broker":
            print(BROKER.format(folder=authority.issue_broker(args.at)))
        case "issue":
            _issue(authority, args.names)
        case "revoke":
            print(REVOKED.format(name=args.name, list=authority.revoke(args.name)))
        case _:
            return _show(authority)
    return 0


def _init(authority: "Authority", places: list[str]) -> None:
    authority.create()
    print(f"Made the venue's authority in {authority.folder}. Back it up; ca/ never leaves it.")
    print(BROKER.format(folder=authority.issue_broker(places)))
    print(MACHINE.format(name="hub", folder=authority.issue("hub")))
    print("next: edgehub pki issue NAME for every Pi, by its name in edgehub.yaml")


def _issue(authority: "Authority", names: list[str]) -> None:
    from edgehub.tools.authority import machine_name

    for name in [machine_name(one) for one in names]:  # all are right, or none is issued
        print(MACHINE.format(name=name, folder=authority.issue(name)))
        print(SETTINGS.format(name=name))


def _show(authority: "Authority") -> int:
    soon = False
    for one in authority.certificates():
        left = one.days_left(authority.now)
        ends_soon = one.state != "revoked" and left < SOON_DAYS
        soon = soon or ends_soon
        words = f"  {left} days left: revoke it and issue a new one" if ends_soon else ""
        print(f"{one.name:<24} {one.state:<8} until {one.until:%Y-%m-%d}{words}")
    return 1 if soon else 0
