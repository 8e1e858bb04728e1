"""`edgehub outbox`: what waits for the hub on this Pi, and whether it is whole."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgehub.gateway.store.reading import JournalReader

DESCRIPTION = """What waits for the hub on this Pi. Every event is written down in the journal (journal.db in the state
folder) before anybody hears of it, and stays until the hub has acknowledged it, and for a day after.

The journal is only read, whether the gateway runs or not: nothing is sent, deleted or marked here."""

EPILOG = """examples:
  edgehub outbox status                       how much waits, of what, since when
  edgehub outbox export > unsent.jsonl        every event that waits, one JSON object a line
  edgehub outbox export --all --out all.jsonl also those the hub has acknowledged in the last day
  edgehub outbox verify                       check each row; say which are damaged

The events of an export are as they are sent (see docs of the wire), in the order of epoch and sequence. A file is
written whole or not at all. Events are personal data: keep an export as carefully as the journal.

exit codes: 0 all is well · 1 verify found damage · 2 there is no journal that can be read"""

MIB = 1024 * 1024


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    commands = parser.add_subparsers(dest="what", required=True, metavar="status | export | verify")
    status = commands.add_parser("status", help="how much waits, of what, since when")
    export = commands.add_parser("export", help="write events as JSON lines")
    verify = commands.add_parser("verify", help="check each row of the journal")
    for command in (status, export, verify):
        command.add_argument(
            "--state",
            type=Path,
            metavar="DIR",
            help="the gateway's state folder (default: $STATE_DIRECTORY, else /var/lib/edgehub)",
        )
    export.add_argument("--all", action="store_true", help="also what the hub has acknowledged")
    export.add_argument("--out", type=Path, metavar="FILE", help="write there (default: standard output)")


def run(args: argparse.Namespace) -> int:
    """Read, print, and say by the exit code whether all is well."""
    from edgehub.gateway.store.reading import UnreadableError, reading

    state = args.state or Path(os.environ.get("STATE_DIRECTORY", "/var/lib/edgehub"))
    try:
        with reading(state) as journal:
            match args.what:
                case "status":
                    return _show(journal)
                case "export":
                    return _export(journal, args.out, everything=args.all)
            return _verify(journal)
    except (UnreadableError, OSError) as error:
        print(f"edgehub outbox: {error}", file=sys.stderr)
        return 2


def _show(journal: "JournalReader") -> int:
    print("\n".join(_status(journal)))
    return 0


def _status(journal: "JournalReader") -> "Iterator[str]":
    from edgehub.gateway.store import DEFAULT_QUOTA_BYTES

    classes, epochs = journal.classes(), journal.epochs()
    waiting = sum(one.waiting for one in classes)
    yield f"{waiting} events wait for the hub{_since(journal)}"
    yield f"{sum(one.acknowledged for one in classes)} are acknowledged, and kept in case the hub is restored"
    yield f"{journal.set_aside} are set aside: no hub would take them"
    yield f"{journal.used_bytes / MIB:.1f} MiB in use (quota {DEFAULT_QUOTA_BYTES // MIB} MiB unless configured otherwise)"
    if classes:
        yield "\nclass       waiting  acknowledged     bytes   (the first is given up first when room runs out)"
    for one in classes:
        yield f"{one.event_class:<10}{one.waiting:>9}{one.acknowledged:>14}{one.payload_bytes:>10}"
    yield "\nepoch  nonce              events   waiting  sequence"
    for epoch in epochs:
        span = "-" if epoch.first_seq is None else f"{epoch.first_seq} to {epoch.last_seq}"
        yield f"{epoch.start:<6} {epoch.nonce:<17}{epoch.events:>8}{epoch.waiting:>10}  {span}"


def _since(journal: "JournalReader") -> str:
    import datetime as dt

    oldest_us = journal.oldest_waiting_us()
    if oldest_us is None:
        return ""
    return f", the oldest since {dt.datetime.fromtimestamp(oldest_us / 1e6).astimezone().isoformat(timespec='seconds')}"


def _export(journal: "JournalReader", out: Path | None, *, everything: bool) -> int:
    from edgehub.tools.output import replacing

    count = 0
    with replacing(Path("/dev/stdout") if out is None else out) as file:
        for event in journal.events(everything=everything):
            file.write(json.dumps(json.loads(event)) + "\n")
            count += 1
    print(f"{count} events", file=sys.stderr)
    return 0


def _verify(journal: "JournalReader") -> int:
    faults = list(journal.faults())
    for fault in faults:
        print(f"{fault.where}: {fault.why}")
    if faults:
        print(f"{len(faults)} rows are damaged; the gateway sets the file aside at its next start and saves the others")
        return 1
    print(f"all {sum(epoch.events for epoch in journal.epochs())} events are whole")
    return 0
