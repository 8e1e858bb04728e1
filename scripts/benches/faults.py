"""What is lost, doubled or altered when things are killed, cut off and damaged (R1 to R14, T1, T2), who may do what (S1 to S4),
and what is known of guests (P1 to P3)."""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from table import Row, report

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.system.faults.rows import FAULTS, Fault  # noqa: E402  # the path is set above
from tests.system.faults.verdict import Finding  # noqa: E402


def main() -> int:
    """Inject the faults that were asked for, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="the full counts: hours. Without it, those of scripts/test")
    parser.add_argument("--only", metavar="R1,…", help="these faults, of: " + ", ".join(FAULTS))
    parser.add_argument("--count", type=int, help="inject each so often, instead of its own count")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    args = parser.parse_args()
    chosen = list(FAULTS) if args.only is None else args.only.split(",")
    if unknown := [name for name in chosen if name not in FAULTS]:
        print(f"scripts/bench faults: there is no {', '.join(unknown)}; there are {', '.join(FAULTS)}", file=sys.stderr)
        return 2
    rows = [row for name in chosen for row in inject(FAULTS[name], args.count, long=args.long)]
    print("A row whose id ends with - is a negative control: edgehub with one decision spoilt, which must fail.\n")
    return report(rows, args.json, long=args.long)


def inject(fault: Fault, count: int | None, *, long: bool) -> Sequence[Row]:
    """Inject one fault, in a folder of its own."""
    count = count or (fault.long if long else fault.everyday)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"edgehub-{fault.id}-", ignore_cleanup_errors=True) as directory:
        rows = [row_of(finding) for finding in fault.inject(Path(directory), count)]
    print(f"{fault.id}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return rows


def row_of(finding: Finding) -> Row:
    """As the table shows it."""
    times = f", {finding.count:,} times" if finding.count > 1 else ""
    return Row(finding.id, finding.name + times, finding.value, "", finding.passes, ok=finding.ok)


if __name__ == "__main__":
    sys.exit(main())
