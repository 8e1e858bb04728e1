"""`edgehub run`: the gateway of this Pi."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgehub.config import Problem

DESCRIPTION = """Run the gateway of this Pi: listen for badges, decide who is where, light the lamps, and
hand every event to the hub. It runs until it is stopped (Ctrl-C, SIGTERM), and stops within five seconds.

Broker, hub, bridge and radio may be absent: each is then a state with a reason, in the log, on the page
and in `edgehub status`, and comes back by itself. Edits of zones.yaml are taken up within two seconds;
a mistake in it keeps the last good version in force."""

EPILOG = """examples:
  edgehub run --config /etc/edgehub                  as the systemd unit does
  edgehub run --config config --state ~/edgehub      try the example files without installing

exit codes: 0 stopped · 1 failed · 2 the configuration has mistakes (all are printed)"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("/etc/edgehub"),
        metavar="DIR",
        help="folder with edgehub.yaml and zones.yaml (default: /etc/edgehub)",
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="folder for what edgehub writes (default: $STATE_DIRECTORY, else /var/lib/edgehub)",
    )


def run(args: argparse.Namespace) -> int:
    """Run until stopped."""
    from edgehub import logs, process
    from edgehub.config import ConfigError, fingerprint, load

    files = fingerprint(args.config, args.state)
    try:
        config = load(args.config, args.state)
    except ConfigError as error:
        _say(error.problems)
        return 2
    _say(config.warnings)
    logs.setup(config.installation.logs.style, config.installation.logs.level)

    from edgehub.gateway.daemon import Gateway

    return process.run(Gateway(config, files).run())


def _say(problems: "Iterable[Problem]") -> None:
    """To standard error, which is the journal under systemd."""
    for problem in problems:
        print(problem.for_log, file=sys.stderr)
