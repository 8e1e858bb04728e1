"""How much a hub takes in, and how soon a profile is read and made: HUB1 to HUB3 on SQLite, HUB4 to HUB6 on PostgreSQL."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, make_url
from table import Row, report

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from hub_load import Figures, Load, measure  # noqa: E402  # the path is set above
from hub_peers import one_by_one  # noqa: E402

from tests.fakes.postgres import NEEDS, Postgres, available  # noqa: E402

INTAKE_FLOOR = 5_000
READ_FLOOR_MS = 10.0


def main() -> int:
    """Measure each database that was asked for, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--postgres",
        nargs="?",
        const="own",
        metavar="URL",
        help="measure PostgreSQL too: an empty database there, or a server of our own from Debian's package",
    )
    parser.add_argument("--profiles", type=int, default=1_000_000, help="in the store while it is measured")
    parser.add_argument("--events", type=int, default=60_000, help="taken in each round")
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many counts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows here")
    args = parser.parse_args()
    load = Load(profiles=args.profiles, events=args.events, rounds=args.rounds)
    with tempfile.TemporaryDirectory(prefix="edgehub-hub-") as folder:
        rows = _rows("SQLite, FULL", 1, Path(folder) / "hub.db", load)
    if args.postgres is not None:
        with _server(args.postgres) as url:
            rows += _rows("PostgreSQL, synchronous_commit", 4, url, load)
    return report(rows, args.json, profiles=load.profiles, events=load.events, rounds=load.rounds)


@contextmanager
def _server(asked: str) -> Iterator[URL]:
    if asked != "own":
        yield make_url(asked)
    elif not available():
        sys.exit(f"scripts/bench hub: {NEEDS}")
    else:
        with Postgres(durable=True) as server:
            yield server.database()


def _rows(name: str, first: int, database: Path | URL, load: Load) -> Sequence[Row]:
    peer_per_s = one_by_one(database)
    figures: Figures = asyncio.run(measure(database, load))
    per_s, read_ms = figures.events_per_s, figures.read_p95_ms
    peer = f"one by one: {peer_per_s:.0f}"
    return [
        Row(
            f"HUB{first}",
            f"{name}: events taken in, committed",
            round(per_s),
            "/s",
            f"≥ {INTAKE_FLOOR}",
            peer,
            per_s / peer_per_s,
            per_s >= INTAKE_FLOOR,
        ),
        Row(
            f"HUB{first + 1}",
            f"… a profile of {load.profiles:,} read meanwhile, p95",
            read_ms,
            "ms",
            f"≤ {READ_FLOOR_MS:g}",
            ok=read_ms <= READ_FLOOR_MS,
        ),
        Row(f"HUB{first + 2}", "… from an event to the folded profile, p50", figures.fold_p50_ms, "ms", ""),
    ]


if __name__ == "__main__":
    sys.exit(main())
