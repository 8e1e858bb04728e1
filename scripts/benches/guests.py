"""What it costs to find out who is who and to fold a guest: CPU time of one process, medians."""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parents[2]))
from table import Row, report

from edgehub.core.venue import Venue, Zone
from edgehub.hub.belief import Trust
from edgehub.hub.claim import Claim, IdentityRules, KindRule
from edgehub.hub.definition import Definition, Told, Visits
from edgehub.hub.fact import Fact, Identifier
from edgehub.hub.guest import Guest, fold
from edgehub.hub.identity import Cluster, resolve
from edgehub.hub.ledger import Stay
from edgehub.hub.periods import Calendar

ROUNDS = 200
MINUTE = 60_000_000
DAY_ONE = 1_795_392_000_000_000
"""2026-11-23 00:00 UTC."""
RULES = IdentityRules(
    KindRule("registration", most=1), KindRule("crm", most=1), KindRule("email", most=5, blocked=("*@example.com",))
)
ZONES = ("bar", "bacon", "coffee", "dance_floor", "acme")
VENUE = Venue(zones={zone: Zone(zone, zone, sponsor=zone == "acme") for zone in ZONES})
DEFINITIONS = (
    Definition(name="bacon_lover", kind="longest", of=Visits(("bacon",))),
    Definition(name="coffee_fan", kind="count", of=Visits(("coffee",), each_of_s=30), within_s=4 * 3600),
    Definition(name="party_animal", kind="total stay", of=Visits(("bar", "dance_floor")), per="night"),
    Definition(name="sponsors", kind="set", of=Told("stamp", variable="zone", silence_is_none=True)),
    Definition(name="favourite", kind="most frequent", of=Told("track", "purchase", "item")),
    Definition(name="spend", kind="score", of=Told("track", "purchase", "spend"), per="day"),
)


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the rows here")
    args = parser.parse_args()
    guest, facts, stays = a_guest()
    document = folded(guest, facts, stays)
    text = document.to_json()
    rows = [
        within("WHO1", "resolve 50 claims of one guest", lambda: resolve(one_guest(), RULES), 1.0),
        within("WHO2", "resolve 50 claims, five guests, badges", lambda: resolve(five_guests(), RULES), 1.0),
        within("WHO3", "… with three words of the staff", lambda: resolve([*five_guests(), *WORDS], RULES), None),
        within("WHO4", "fold 200 facts and 100 stays, 6 attributes", lambda: folded(guest, facts, stays), 3.0),
        within("WHO5", f"write the document, {len(text) // 1000} kB", document.to_json, None),
        within("WHO6", "read it", lambda: Guest.from_json(text), None),
    ]
    return report(rows, args.json)


def within(id_: str, name: str, work: Callable[[], Any], most_ms: float | None) -> Row:
    """A row whose median must not be higher."""
    value = statistics.median(took_ms(work) for _ in range(ROUNDS))
    floor = "" if most_ms is None else f"≤ {most_ms:g}"
    return Row(id_, name, round(value, 2), "ms", floor, ok=None if most_ms is None else value <= most_ms)


def took_ms(work: Callable[[], Any]) -> float:
    begun = time.process_time_ns()
    work()
    return (time.process_time_ns() - begun) / 1e6


def claim(at: int, ids: str, kind: Any = "same") -> Claim:
    names = tuple(map(Identifier.parse, ids.split()))
    return Claim(ids=names, at_us=at, source="crm" if kind == "same" else "staff", key=str(at), kind=kind)


ONE = [claim(0, "person:p crm:A")] + [claim(at, f"crm:A email:e{at % 5} app:x{at}") for at in range(1, 50)]
FIVE = [claim(at, f"crm:{at % 5} email:e{at % 7} app:x{at % 9} badge:{at % 6}") for at in range(50)]
WORDS = [
    claim(60, "crm:0 crm:1", "merge"),
    claim(61, "email:e1 email:e2", "unmerge"),
    claim(62, "crm:2 crm:3", "merge"),
]


def one_guest() -> list[Claim]:
    return list(ONE)


def five_guests() -> list[Claim]:
    return list(FIVE)


def told(minute: int, ids: str, kind: str, source: str, name: str | None = None, **values: Any) -> Fact:
    at_us = DAY_ONE + minute * MINUTE
    names, key = tuple(map(Identifier.parse, ids.split())), f"{minute}-{name}"
    return Fact(source=source, key=key, type=kind, name=name, at_us=at_us, received_us=at_us, ids=names, values=values)


def a_guest() -> tuple[Cluster, list[Fact], list[Stay]]:
    """Kim's two days: 300 things that were told of her."""
    facts = [
        told(400, "person:k registration:R1 email:kim@x.org badge:7", "identify", "registration", first_name="Kim", consent=("lights",)),
        told(410, "app:phone email:kim@x.org", "identify", "app", bands=("Abba", "Blur")),
        *(told(500 + at, "app:phone", "track", "app", "page", item=f"i{at % 7}") for at in range(100)),
        *(told(700 + at * 3, "email:kim@x.org", "track", "shop", "purchase", item=f"i{at % 7}", spend=3.5) for at in range(60)),
        *(told(600 + at * 30, "badge:7", "stamp", "stamps", zone="acme") for at in range(38)),
    ]  # fmt: skip
    stays = []
    for at in range(100):
        begin = DAY_ONE + (540 + at * 15) * MINUTE
        end = begin + (12 + at % 7) * MINUTE
        stays.append(Stay("pi-bar", str(at), "k", ZONES[at % 5], begin, end, end, 1, at))
    claims = {found.says: found for fact in facts if (found := Claim.of(fact)) is not None}
    (cluster,) = resolve(claims.values(), RULES).clusters
    return cluster, facts, stays


def folded(guest: Cluster, facts: list[Fact], stays: list[Stay]) -> Guest:
    return fold(
        guest,
        facts,
        stays,
        venue=VENUE,
        calendar=CALENDAR,
        definitions=DEFINITIONS,
        trust=Trust(priority={"registration": 60}),
        rules=RULES,
        now_us=DAY_ONE + 2400 * MINUTE,
    )


CALENDAR = Calendar(ZoneInfo("America/Los_Angeles"), (date(2026, 11, 23), date(2026, 11, 24)))

if __name__ == "__main__":
    raise SystemExit(main())
