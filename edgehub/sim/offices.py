"""The other systems of the simulated venue: ticket system, CRM and till, each with its own words for the same guests.

What they export waits as files; dropped into the hub's folders it becomes one guest each. `try.env` beside it lets
somebody at a terminal play the conference app, a stamp and the staff's desk.
"""

import csv
import io
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgehub.hub.access import COLLECTOR, STAMPS, Access, write_access
from edgehub.sim.guests import Guest

DATA_LAYER = """\
version: 1
variables:
  email:        {normalise: email, identifies: email, privacy: contact, used_for: [offers]}
  ticket:       {identifies: registration, privacy: id}
  crm_id:       {identifies: crm, privacy: id}
  member_since: {type: day, privacy: behaviour, used_for: [offers]}
  bands:        {type: list, privacy: taste, used_for: [music]}
  spend:        {type: number, unit: USD, privacy: behaviour, used_for: [offers, analytics]}
sources:
  registration: {name: Check-in list, door: registration, fields: {ticket_no: ticket}}
  tickets:      {name: Ticket system, door: file, key: ticket_no, fields: {ticket_no: ticket, email_address: email}}
  crm:          {name: CRM, door: file, key: Contact_Id,
                 fields: {Contact_Id: crm_id, Visitor_Email__c: email, Member_Since__c: member_since}}
  shop:         {name: Till, door: file, rows: purchase, key: order_no, fields: {visitor_email: email, total: spend}}
  app:          {name: Conference app, door: http,
                 fields: {userId: ticket, traits.email: email, traits.bands: bands}, ignore: [context.*]}
identity:
  registration: {most: 1}
  crm: {most: 1}
"""

STAMPS_YAML = """\
version: 1
rules: {stay_least: 10s, pace: 20s}
stamps:
  acme-1:   {zone: acme, serial: DEVSTAMP-0001}
  birch-1:  {zone: birch, serial: DEVSTAMP-0002}
  cobalt-1: {zone: cobalt, serial: DEVSTAMP-0003}
"""
CUSTOMERS = 3
"""Of three guests one is in the CRM."""


@dataclass(frozen=True, slots=True)
class Offices:
    """Where they and the hub's doors are."""

    folder: Path
    """Of the hub: its staff's files go to `config`."""
    doors_port: int
    desk: Path
    """The socket of the desk."""

    @property
    def drop(self) -> Path:
        """Where the hub takes files."""
        return self.folder / "drop"

    def options(self) -> list[str | Path]:
        """What `edgehub hub` is told of all this."""
        config = self.folder / "config"
        return [
            *("--data-layer", config / "data_layer.yaml", "--stamps", config / "stamps.yaml", "--drop", self.drop),
            *("--doors", f"127.0.0.1:{self.doors_port}", "--access", self.folder / "access.json", "--desk", self.desk),
        ]

    def write(self, guests: Sequence[Guest]) -> None:
        """The staff's files, keys for the doors, and what the other systems export."""
        config = self.folder / "config"
        (config / "data_layer.yaml").write_text(DATA_LAYER)
        (config / "stamps.yaml").write_text(STAMPS_YAML)
        access, app = Access().with_key("app", COLLECTOR)
        access, stamps = access.with_key("app", STAMPS)
        write_access(self.folder / "access.json", access)
        self._write_env({"KEY": app, "STAMP_KEY": stamps})
        exports = self.folder / "exports"
        exports.mkdir(exist_ok=True)
        for name, rows in (("tickets", _tickets(guests)), ("crm", _contacts(guests)), ("shop", _orders(guests))):
            (exports / f"{name}.csv").write_text(_csv(rows))

    def deliver(self) -> None:
        """The ticket system sends its export; the CRM's and the till's are left for whoever tries the hub."""
        inbox = self.drop / "tickets"
        inbox.mkdir(mode=0o700, parents=True, exist_ok=True)
        (inbox / "tickets.csv").write_bytes((self.folder / "exports" / "tickets.csv").read_bytes())

    def _write_env(self, keys: dict[str, str]) -> None:
        said = {
            "DOORS": f"http://127.0.0.1:{self.doors_port}",
            **keys,
            "EXPORTS": str(self.folder / "exports"),
            "DROP": str(self.drop),
            "EDGEHUB_DESK": str(self.desk),
        }
        lines = [f"export {name}={shlex.quote(value)}" for name, value in said.items()]
        lines.append(f'edgehub() {{ {shlex.quote(sys.executable)} -m edgehub "$@"; }}')
        path = self.folder / "try.env"
        path.touch(mode=0o600)  # keys are in it
        path.write_text("\n".join(lines) + "\n")


def ticket(guest: Guest) -> str:
    """The number of a guest's ticket."""
    return f"T-{guest.number}"


def email(guest: Guest) -> str:
    """A guest's address."""
    return f"{guest.first_name}.{guest.number}@example.org"


def _tickets(guests: Sequence[Guest]) -> Iterable[Sequence[str]]:
    yield "ticket_no", "email_address"
    yield from ((ticket(guest), email(guest)) for guest in guests)


def _contacts(guests: Sequence[Guest]) -> Iterable[Sequence[str]]:
    yield "Contact_Id", "Visitor_Email__c", "Member_Since__c", "Twitter__c"
    for guest in guests[::CUSTOMERS]:
        since = f"{2010 + guest.number % 15}-04-01"
        yield f"003{guest.number}", email(guest).upper(), since, f"@{guest.first_name.lower()}"


def _orders(guests: Sequence[Guest]) -> Iterable[Sequence[str]]:
    yield "order_no", "visitor_email", "total"
    for order, guest in enumerate(guests[:: 2 * CUSTOMERS], 1):
        yield f"A-{order}", email(guest), f"{5 + guest.number % 40}.50"
    yield "A-0", "somebody at the bar", "3.00"  # a till has such rows too


def _csv(rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
