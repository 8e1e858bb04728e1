"""What a gateway accepted and what the hub applied, read from outside: the only module of the judge that knows SQL.

*Accepted* is what stands in the gateway's journal for another process to see, which is what its commits made so; and,
since sequences are free of gaps, every number below one that was seen. The judge looks while the gateway lives and
after each kill, and keeps what it saw: a row that vanishes later was accepted all the same.

*Applied* is written by a trigger that the judge puts into the hub's database: one row for each event that the hub
makes true, with no key that would hide a second one.
"""

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

JOURNAL = """
select outbox.id, epochs.nonce, outbox.partition, outbox.seq, outbox.class, outbox.payload
from outbox join epochs on epochs.start = outbox.epoch where outbox.id > ? order by outbox.id
"""
WAITING = "select count(*) from outbox where acked_us is null"
HUB_TABLE = "events"
TRIGGER = f"""
create table if not exists judge_applied (source text, key text, body text);
create trigger if not exists judge_applies after insert on {HUB_TABLE} begin
  insert into judge_applied values (new.source, new.key, new.body);
end;
"""
WITHOUT_KEY = f"""
drop trigger judge_applies;
create table copy as select * from {HUB_TABLE};
drop table {HUB_TABLE};
alter table copy rename to {HUB_TABLE};
"""
APPLIED = "select source, key, body from judge_applied where source like 'gateway/%'"
HAS = "select 1 from events where source = ? and key = ?"
APPLIED_COUNT = "select count(*) from judge_applied"
SHED = "select source, key, body from events where type = 'store.shed'"
CONFLICTS = "select count(*) from conflicts"
FLAGGED = "select gateway, nonce || '/' || partition || '/' || seq from unanchored"
TIMES = "select source, key, at_us, told_us from events where source like 'gateway/%'"
STAYS_OUTSIDE = """
select count(*) from stays where min(entered_us, coalesce(left_us, entered_us)) < {low} or
  max(entered_us, coalesce(left_us, entered_us)) > {high}
"""
QUARANTINED = "select count(*) from quarantine"


class Identity(NamedTuple):
    """Which event."""

    gateway: str
    nonce: str
    partition: int
    seq: int

    @classmethod
    def of_row(cls, source: str, key: str) -> "Identity":
        """As the hub keeps it: `gateway/NAME` and NONCE/PARTITION/SEQ."""
        nonce, partition, seq = key.split("/")
        return cls(source.partition("/")[2], nonce, int(partition), int(seq))


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A database that another process writes, or has left; read only, so that nothing in it is mended by looking."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
        yield connection


def body_hash(body: Any) -> str:
    """Of an event's body, whatever the order of its keys."""
    return hashlib.blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=8).hexdigest()


@dataclass
class Accepted:
    """The events of one gateway, as the judge saw them in its journal."""

    gateway: str
    journal: Path
    hashes: dict[Identity, str] = field(default_factory=dict)
    classes: dict[Identity, str] = field(default_factory=dict)
    highest: dict[tuple[str, int], int] = field(default_factory=dict)
    _last: int = 0

    def look(self) -> int:
        """Take in what is new; how many events that was."""
        if not self.journal.exists():
            return 0
        try:
            with reading(self.journal) as connection:
                rows = connection.execute(JOURNAL, (self._last,)).fetchall()
        except sqlite3.DatabaseError:
            return 0  # being made, or damaged on purpose
        for row_id, nonce, partition, seq, event_class, payload in rows:
            identity = Identity(self.gateway, nonce, partition, seq)
            self.hashes[identity] = body_hash(json.loads(payload)["body"])
            self.classes[identity] = event_class
            self.highest[nonce, partition] = max(seq, self.highest.get((nonce, partition), 0))
            self._last = max(self._last, row_id)
        return len(rows)

    def look_again(self) -> None:
        """Read the whole journal: it is not the file it was."""
        self._last = 0
        self.look()

    def rows(self) -> Iterator[tuple[int, str, str, Any]]:
        """Id, class, type and body of everything that is in the journal now, in order."""
        with reading(self.journal) as connection:
            for row_id, _, _, _, event_class, payload in connection.execute(JOURNAL, (0,)):
                event = json.loads(payload)
                yield row_id, event_class, event["type"], event["body"]

    def moments_us(self) -> dict[Identity, int]:
        """When each event of the journal happened by the monotonic clock, which nobody can set."""
        with reading(self.journal) as connection:
            return {
                Identity(self.gateway, *place): json.loads(payload)["at"]["monotonic_us"]
                for _, *place, _, payload in connection.execute(JOURNAL, (0,))
            }

    def identities(self) -> set[Identity]:
        """Everything accepted: no number is left out below one that was seen."""
        return {
            Identity(self.gateway, nonce, partition, seq)
            for (nonce, partition), highest in self.highest.items()
            for seq in range(1, highest + 1)
        }

    def waiting(self) -> int:
        """Events the gateway does not know to be at the hub."""
        with reading(self.journal) as connection:
            return int(connection.execute(WAITING).fetchone()[0])


class HubRecord:
    """What the hub made true."""

    def __init__(self, database: Path) -> None:
        self.database = database

    def attach(self) -> bool:
        """Put the judge's trigger into the database; False while the hub has not made its tables."""
        with closing(sqlite3.connect(self.database, timeout=10)) as connection:
            try:
                connection.executescript(TRIGGER)
            except sqlite3.OperationalError:
                return False
        return True

    def drop_key(self) -> None:
        """Take the last safeguard from a hub that is sabotaged: that its table refuses an event it has."""
        with closing(sqlite3.connect(self.database, timeout=10)) as connection:
            connection.executescript(WITHOUT_KEY)
        self.attach()

    def rows(self, sql: str) -> list[Any]:
        """Rows of the hub's database."""
        with reading(self.database) as connection:
            return connection.execute(sql).fetchall()

    def count(self, sql: str) -> int:
        """One number of it."""
        return int(self.rows(sql)[0][0])

    def applied(self) -> tuple[Counter[Identity], dict[Identity, str]]:
        """How often each event was applied, and the hash of its body where the hub kept it."""
        times: Counter[Identity] = Counter()
        hashes = {}
        for source, key, body in self.rows(APPLIED):
            identity = Identity.of_row(source, key)
            times[identity] += 1
            if body is not None:
                hashes[identity] = body_hash(json.loads(body))
        return times, hashes

    def has(self, one: Identity) -> bool:
        """True once an event was applied."""
        key = f"{one.nonce}/{one.partition}/{one.seq}"
        with reading(self.database) as connection:
            return connection.execute(HAS, (f"gateway/{one.gateway}", key)).fetchone() is not None

    def flagged(self) -> set[Identity]:
        """Events whose time the hub does not know yet."""
        return {Identity.of_row(f"gateway/{gateway}", key) for gateway, key in self.rows(FLAGGED)}

    def times_us(self) -> dict[Identity, tuple[int, int]]:
        """When each event happened as the hub believes, and as it was told."""
        return {Identity.of_row(source, key): (at, told) for source, key, at, told in self.rows(TIMES)}

    def shed(self) -> set[Identity]:
        """What gateways reported to have given up."""
        return {
            Identity(source.partition("/")[2], json.loads(body)["epoch"], json.loads(body)["partition"], seq)
            for source, _, body in self.rows(SHED)
            for low, high in json.loads(body)["ranges"]
            for seq in range(low, high + 1)
        }
