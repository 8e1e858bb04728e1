"""How fast: SPD1 to SPD11 of the design, each against its floor and, where there is one, its peer in the same run."""

import argparse
import platform
import sys
import sysconfig
from collections.abc import Callable

import speed_bleak
import speed_cpu
import speed_gateway
import speed_start
from table import Row, report

EPILOG = """\
Absolute figures move by ±40 % between runs on a shared machine; ratios are medians over paired rounds and move less.
The peers (habluetooth, beacontools, aiomqtt) are installed from scripts/benches/peers.lock in an environment of their own,
in the cache directory of the user, on the first run.

examples:
  scripts/bench speed                              everything, some minutes
  scripts/bench speed --only SPD1,SPD2 --rounds 3  two figures, quickly
  scripts/bench speed --json speed.json            for a machine too
"""

Measure = Callable[[int], list[Row]]

# Which function measures which figures. Each takes the number of rounds.
MEASURES: tuple[tuple[frozenset[str], Measure], ...] = (
    (frozenset({"SPD1", "SPD2"}), speed_cpu.against_peers),
    (frozenset({"SPD3"}), speed_bleak.beside_bleak),
    (frozenset({"SPD4"}), speed_gateway.flood),
    (frozenset({"SPD5", "SPD6", "SPD10"}), speed_gateway.latency),
    (frozenset({"SPD7"}), speed_gateway.durable),
    (frozenset({"SPD8"}), speed_gateway.memory),
    (frozenset({"SPD9"}), speed_start.start),
    (frozenset({"SPD11"}), speed_cpu.growth),
)


def main() -> int:
    args = _arguments()
    interpreter = _interpreter()
    print(interpreter)
    rows: list[Row] = []
    for figures, measure in MEASURES:
        if figures & args.only:
            print(f"… {', '.join(sorted(figures))}", file=sys.stderr)
            rows += [row for row in measure(args.rounds) if row.id in args.only]
    return report(
        sorted(rows, key=lambda row: int(row.id[3:])), args.json, bench="speed", rounds=args.rounds, python=interpreter
    )


def _interpreter() -> str:
    """Which Python measures, and how it says it was built: peers compiled with Cython depend on that less than we do.

    Debian's is built with PGO and does not say so.
    """
    said = f"{sysconfig.get_config_var('CONFIG_ARGS')} {sysconfig.get_config_var('PY_CFLAGS_NODIST')}"
    pgo = "PGO" if "--enable-optimizations" in said or "-fprofile-use" in said else "PGO not said"
    lto = "LTO" if "--with-lto" in said or "-flto" in said else "LTO not said"
    return f"{platform.python_implementation()} {platform.python_version()}, {platform.python_compiler()}, {pgo}, {lto}"


def _arguments() -> argparse.Namespace:
    known = sorted({name for figures, _ in MEASURES for name in figures}, key=lambda name: int(name[3:]))
    parser = argparse.ArgumentParser(
        prog="scripts/bench speed",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", metavar="FILE", help="write the rows there as well")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="paired rounds a figure (default 5)")
    parser.add_argument(
        "--only",
        type=lambda text: frozenset(text.upper().split(",")),
        default=frozenset(known),
        metavar="SPD1,…",
        help=f"only these of {', '.join(known)}",
    )
    args = parser.parse_args()
    if strange := args.only - set(known):
        parser.error(f"there is no {', '.join(sorted(strange))}; there are {', '.join(known)}")
    return args


if __name__ == "__main__":
    sys.exit(main())
