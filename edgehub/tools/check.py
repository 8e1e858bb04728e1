"""`edgehub config check`: every mistake of the staff files, or a summary in plain words. `edgehub config schema`."""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgehub.config import Config, Problem

DESCRIPTION = """\
Looks at the staff files and says what to mend: file, line, column, and what to write instead.
It opens no socket and no database, so it may run beside the daemon at any time."""

EPILOG = """\
examples:
  edgehub config check                          the files of this machine, in /etc/edgehub
  edgehub config check --config config          another folder
  edgehub config check --json | jq .problems    for an editor or a script
  edgehub config schema zones                   JSON Schema of zones.yaml, for an editor's completion

exit codes of check: 0 nothing to mend (warnings are printed), 2 at least one mistake"""

CHECK_EPILOG = """\
Each mistake is printed once, as file:line:column, with the line and a hint:

  zones.yaml:19:18: "leave_after" is 90 of what?
        leave_after: 90
                     ^
    → Write seconds, minutes or hours: 90s, 90m or 90h."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    commands = parser.add_subparsers(dest="command", required=True, metavar="check|schema")
    raw = argparse.RawDescriptionHelpFormatter
    check = commands.add_parser(
        "check", help="say what to mend", description=DESCRIPTION, epilog=CHECK_EPILOG, formatter_class=raw
    )
    check.add_argument("--config", type=Path, default=Path("/etc/edgehub"), metavar="DIR", help="default: %(default)s")
    check.add_argument("--state", type=Path, metavar="DIR", help="where learned.yaml is; default: as the daemon's")
    check.add_argument("--json", action="store_true", help="one JSON object for programs")
    schema = commands.add_parser("schema", help="JSON Schema for editors", formatter_class=raw)
    schema.add_argument(
        "name", nargs="?", default="zones", help="edgehub, zones (default), data_layer, stamps or secrets"
    )
    schema.add_argument("--write", type=Path, metavar="DIR", help="write all of them into this folder instead")


def run(args: argparse.Namespace) -> int:
    """Run one of the two; 0 is fine, 2 is a mistake to mend."""
    if args.command == "schema":
        return _schema(args.name, args.write)
    return _check(args.config, args.state, as_json=args.json)


def _check(directory: Path, state: Path | None, *, as_json: bool) -> int:
    from edgehub.config import ConfigError, load

    problems, config = [*_data_layer(directory), *_stamps(directory)], None
    try:
        config = load(directory, state)
        problems = [*config.warnings, *problems]
    except ConfigError as error:
        problems = [*error.problems, *problems]
    fine = config if all(problem.severity == "warning" for problem in problems) else None
    if as_json:
        _print_json(problems, fine)
    elif fine is None:
        _print_mistakes(problems)
    else:
        _print_fine(fine, problems)
    return 0 if fine else 2


def _data_layer(directory: Path) -> "list[Problem]":
    """What is wrong with data_layer.yaml, which only a hub has."""
    from edgehub.config import ConfigError
    from edgehub.config.data_layer import FILE, load_data_layer

    if not (directory / FILE).exists():
        return []
    try:
        return list(load_data_layer(directory).warnings)
    except ConfigError as error:
        return list(error.problems)


def _stamps(directory: Path) -> "list[Problem]":
    """What is wrong with stamps.yaml, which only a hub has."""
    from edgehub.config import ConfigError, load_venue
    from edgehub.config.stamps import FILE, load_stamps

    if not (directory / FILE).exists():
        return []
    try:
        sponsors = {zone.id for zone in load_venue(directory).zones.values() if zone.sponsor}
    except ConfigError:
        return []  # zones.yaml is told of already, and without it nobody knows the sponsors
    try:
        load_stamps(directory, sponsors)
    except ConfigError as error:
        return [problem for problem in error.problems if problem.file == FILE]
    return []


def _print_mistakes(problems: "Iterable[Problem]") -> None:
    problems = list(problems)
    print("\n\n".join(map(str, problems)))
    count = sum(problem.severity == "error" for problem in problems)
    print(f"\n{count} {'mistake' if count == 1 else 'mistakes'} to mend.")


def _print_fine(config: "Config", warnings: "Iterable[Problem]") -> None:
    for warning in warnings:
        print(f"warning: {warning}\n")
    print(f"The configuration in {config.directory} is fine.")
    for line in summary(config):
        print(f"  {line}")


def _print_json(problems: "Iterable[Problem]", config: "Config | None" = None) -> None:
    answer = {
        "ok": config is not None,
        "problems": [problem.to_dict() for problem in problems],
        "summary": list(summary(config)) if config else [],
    }
    print(json.dumps(answer, ensure_ascii=False))


def summary(config: "Config") -> Iterable[str]:
    """Say in plain words what the files describe."""
    installation, venue = config.installation, config.venue
    mqtt = installation.mqtt
    broker = f"broker {mqtt.host}:{mqtt.port}" if mqtt else "without a broker"
    yield f"This is {installation.role} {installation.gateway} of site {installation.site}, {broker}."
    receivers = {receiver for zone in venue.zones.values() for receiver in zone.heard_by}
    names = ", ".join(zone.name for zone in venue.zones.values())
    yield f"{_count(len(venue.zones), 'zone')}: {names}."
    yield f"{_count(len(receivers), 'receiver')}: {', '.join(sorted(receivers)) or 'none'}."
    lit = [zone for zone in venue.zones.values() if zone.lights]
    yield f"{_count(len(installation.hue), 'Hue bridge')}: {', '.join(installation.hue) or 'none'}; lights in {_count(len(lit), 'zone')}."
    if venue.markers:
        yield f"{_count(len(venue.markers), 'marker')}: {', '.join(venue.markers)}."
    if config.registration is not None:
        yield f"{_count(len(config.registration), 'guest')} in registration.csv."
    yield (
        "Zones were walked for calibration." if config.learned.survey else "No zone was walked yet: edgehub calibrate."
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _schema(name: str, folder: Path | None) -> int:
    from edgehub.config import schema

    if folder is not None:
        for each in schema.NAMES:
            (folder / f"{each}.json").write_text(schema.schema_text(each), "utf-8")
        return 0
    if name not in schema.NAMES:
        print(f"There is no schema {name!r}; there are: {', '.join(schema.NAMES)}.", file=sys.stderr)
        return 2
    print(schema.schema_text(name), end="")
    return 0
