"""`edgehub hub stamp`: codes of a sponsor's booth, to print on cards or to look at."""

import argparse
import sys
import time
from pathlib import Path

EPILOG = """\
A printed code is good for one guest; the code for a screen is good for about a minute, for everybody who is there.
Both are signed with the booth's secret: nothing is written down, and any number can be made.

examples:
  edgehub hub stamp cobalt-2 --cards 100 > cards.txt
  edgehub hub stamp cobalt-2                      the code a screen at the booth would show now
"""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe it, below `edgehub hub`."""
    one = commands.add_parser(
        "stamp",
        help="codes of a sponsor's booth, to print or to show",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one.add_argument("name", help="of the stamp in stamps.yaml")
    one.add_argument("--cards", type=int, metavar="N", help="so many codes to print, one a line")
    one.add_argument("--config", type=Path, default=Path("/etc/edgehub"), metavar="DIR", help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Print codes; 0 then, 2 when there are none of this stamp."""
    from edgehub.config import ConfigError, load_venue
    from edgehub.config.stamps import load_stamps
    from edgehub.hub.doors.stamping import once_code, screen_code

    try:
        sponsors = {zone.id for zone in load_venue(args.config).zones.values() if zone.sponsor}
        stamp = load_stamps(args.config, sponsors).stamps.get(args.name)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    if stamp is None or stamp.secret is None:
        print(f'edgehub hub stamp: stamps.yaml has no stamp "{args.name}" with a secret', file=sys.stderr)
        return 2
    if args.cards is None:
        print(screen_code(stamp, time.time_ns() // 1000))
        return 0
    for _ in range(args.cards):
        print(once_code(stamp))
    return 0
