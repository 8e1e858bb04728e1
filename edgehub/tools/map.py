"""`edgehub map`: the lineage map of data_layer.yaml as a picture, and what is broken in it in words."""

import argparse
import sys
from pathlib import Path

DESCRIPTION = """\
Draws which source fills which variable, what each is used for, and through which channel it comes out: before
anything is connected. Broken links are red and dashed, and are listed as sentences too."""

EPILOG = """\
examples:
  edgehub map --out map.svg                  of this machine's /etc/edgehub/data_layer.yaml; open it in a browser
  edgehub map --config config > map.svg      of another folder

The hub's page shows the same map with what really came in: fields nobody mapped, sources that are silent.

exit codes: 0 drawn (broken links are printed), 2 a mistake in the file"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("--config", type=Path, default=Path("/etc/edgehub"), metavar="DIR", help="default: %(default)s")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the picture there; default: standard output")


def run(args: argparse.Namespace) -> int:
    """Draw the map; 0 is drawn, 2 a mistake to mend."""
    from edgehub.config import ConfigError
    from edgehub.config.data_layer import load_data_layer
    from edgehub.hub.lineage import lineage

    try:
        drawn = lineage(load_data_layer(args.config))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    if args.out is None:
        print(drawn.svg(), end="")
    else:
        args.out.write_text(drawn.svg(), "utf-8")
    for sentence in drawn.broken:
        print(f"broken: {sentence}", file=sys.stderr)
    return 0
