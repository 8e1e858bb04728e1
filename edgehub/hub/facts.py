"""The log of facts: each is kept once, whichever door it came by; told otherwise under the same key, it is noted.

The key decides, not the time: a door may hand the same over as often as it likes.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from edgehub.core.wire.fields import dump_text
from edgehub.hub.claim import IdentityRules
from edgehub.hub.fact import Fact, Identifier, Taken
from edgehub.hub.store import HubStore, Row, Transaction, clean

AT_ONCE = 500
"""Facts in one transaction: the next door's turn comes after."""

LONGEST = 200
"""Characters of a name or key; PostgreSQL finds nothing by a text of more than 2,700 bytes."""


class Facts:
    """Where every door but MQTT ends; `take` is a `Take`."""

    def __init__(self, store: HubStore, rules: IdentityRules) -> None:
        self._store = store
        self.rules = rules

    async def take(self, facts: Sequence[Fact]) -> Sequence[Taken]:
        """Keep what is new; what became of each, after the commit.

        Raises StoreError when what is left could not be stored, WireError when values are not JSON.
        """
        taken: list[Taken] = []
        for at in range(0, len(facts), AT_ONCE):
            taken += await self._store.change(partial(keep, facts=facts[at : at + AT_ONCE], rules=self.rules))
        return taken


def keep(transaction: Transaction, facts: Sequence[Fact], rules: IdentityRules) -> list[Taken]:
    """Take facts in, in a transaction."""
    facts = [_storable(fact) for fact in facts]
    known = _known(transaction, facts)
    [[event]] = transaction.select("last_event")
    taken: list[Taken] = []
    new: list[dict[str, Any]] = []
    again: list[dict[str, Any]] = []
    for fact in facts:
        source, key, digest = fact.source, fact.key, digest_of(fact)
        before = known.setdefault((source, key), digest)
        if before is digest:
            event += 1
            new.append(_row(fact, event, digest, rules))
        elif before != digest:
            again.append({"source": source, "key": key, "received_us": fact.received_us, "hash": digest})
        taken.append("new" if before is digest else "again" if before == digest else "conflict")
    transaction.run("insert_event", new)
    transaction.run("note_conflict", again)
    return taken


def _storable(fact: Fact) -> Fact:
    """With names that both databases can hold and find: a long one is as good by its digest."""
    ids = tuple(Identifier(one.kind, _short(one.value)) for one in fact.ids)
    return replace(fact, source=clean(fact.source), key=_short(fact.key), ids=ids)


def _short(text: str) -> str:
    text = clean(text)
    return text if len(text) <= LONGEST else hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _known(transaction: Transaction, facts: Sequence[Fact]) -> dict[tuple[str, str], bytes]:
    """Hashes of those that were told before."""
    sources, keys = {fact.source for fact in facts}, {fact.key for fact in facts}
    rows = transaction.select("hashes", sources=sources, keys=keys)
    return {(source, key): bytes(digest) for source, key, digest in rows}


def digest_of(fact: Fact) -> bytes:
    """Of what was told. A time that only says when it came in is not part of it: it differs when it comes again."""
    at_us = None if fact.at_us == fact.received_us else fact.at_us
    told = [fact.type, fact.name, at_us, [str(each) for each in fact.ids], dict(fact.values)]
    return hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=16).digest()


def _row(fact: Fact, event: int, digest: bytes, rules: IdentityRules) -> dict[str, Any]:
    subject = rules.subject(fact.ids)
    only = fact.ids if subject is None else (subject,)
    return {
        "id": event,
        "source": fact.source,
        "key": fact.key,
        "type": fact.type,
        "name": fact.name,
        "at_us": fact.at_us,
        "told_us": fact.at_us,
        "received_us": fact.received_us,
        "hash": digest,
        "subject": None if subject is None else str(subject),
        "ids": None if fact.ids == only else json.dumps([str(each) for each in fact.ids]),
        "body": dump_text(dict(fact.values)),
    }


def facts_of(rows: Iterable[Row]) -> list[Fact]:
    """From rows of `facts_about`."""
    return [_fact(row) for row in rows]


def _fact(row: Row) -> Fact:
    source, key, kind, name, at_us, received_us, subject, ids, body = row
    names = json.loads(ids) if ids else [] if subject is None else [subject]
    return Fact(
        source=source,
        key=key,
        type=kind,
        at_us=at_us,
        received_us=received_us,
        ids=tuple(Identifier.parse(each) for each in names),
        values=json.loads(body) if body else {},
        name=name,
    )
