"""A hub without its network, that forgets: what it is told, what is left of it in any table."""

from typing import Any

from edgehub.core.venue import BadgeScheme, Venue, Zone
from edgehub.hub.claim import IdentityRules, KindRule
from edgehub.hub.desk import Desk
from edgehub.hub.fact import Fact, Identifier
from edgehub.hub.facts import Facts
from edgehub.hub.folder import Folder
from edgehub.hub.forgetting import Forgetting
from edgehub.hub.guests import Guests
from edgehub.hub.ledger import Ledger
from edgehub.hub.roster import Roster
from edgehub.hub.store import HubStore, Transaction
from edgehub.hub.terms import Terms

NOW_US = 1_795_456_800_000_000
SCHEME = BadgeScheme("f7826da6-4fa2-4e98-8024-bc5b71e0893e", 1)
RULES = IdentityRules(KindRule("crm", most=1), KindRule("email"))
TERMS = Terms(venue=Venue({"bar": Zone("bar", "Bar")}), rules=RULES)
TABLES = [
    "events",
    "conflicts",
    "quarantine",
    "claims",
    "identifiers",
    "handings",
    "badges",
    "profiles",
    "stale",
    "people",
    "stays",
    "dwell",
]


class Hub:
    """A hub without its network."""

    def __init__(self, store: HubStore) -> None:
        self.store = store
        self.now_us = NOW_US
        self.facts = Facts(store, RULES)
        self.guests = Guests(store, Roster(), Ledger())
        self.folder = Folder(store, lambda: TERMS, self.guests.settle)
        self.forgetting = Forgetting(
            store, RULES, self.guests, online=lambda: ["pi-bar"], poke=self.folder.poke, wall_us=self.tick
        )
        self.desk = Desk(store, self.facts.take, scheme=lambda: SCHEME, wall_us=self.tick, forgetting=self.forgetting)

    def tick(self) -> int:
        self.now_us += 1_000_000
        return self.now_us

    async def tell(self, *ids: str, kind: str = "identify", source: str = "crm", key: str = "", **values: Any) -> str:
        at_us = self.tick()
        names = tuple(map(Identifier.parse, ids))
        fact = Fact(source=source, key=key or str(at_us), type=kind, at_us=at_us, received_us=at_us, ids=names, values=values,
                    name="purchase" if kind == "track" else None)  # fmt: skip
        [taken] = await self.facts.take([fact])
        await self.folder.catch_up()
        return taken

    async def all_text(self) -> str:
        """Every row of every table about guests."""
        return str(await self.store.read(lambda reading: [rows_of(reading, table) for table in TABLES]))


def rows_of(reading: Transaction, table: str) -> list[Any]:
    return [tuple(row) for row in reading._connection.exec_driver_sql(f"select * from {table}")]
