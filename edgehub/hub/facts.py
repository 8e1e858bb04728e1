"""The log of facts: each is kept once, whichever door it came by; told otherwise under the same key, it is noted.

The key decides, not the time: a door may hand the same over as often as it likes.
"""

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from edgehub.core.wire.fields import dump_text
from edgehub.hub.claim import Claim, IdentityRules
from edgehub.hub.erasure import Erased, erase
from edgehub.hub.fact import BADGE, PERSON, Fact, Identifier, Taken, content_hash
from edgehub.hub.forgotten import barred_among, free
from edgehub.hub.names import Told, learn, people_of, wearers_of
from edgehub.hub.store import HubStore, Row, Transaction
from edgehub.hub.store.rows import clean

AT_ONCE = 500
"""Facts in one transaction: the next door's turn comes after."""

HUB = "hub"
"""Source of what the hub itself says."""
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
    """Take facts in, in a transaction: into the log, and into what is known of who is who."""
    facts = [_storable(fact) for fact in facts]
    known = _known(transaction, facts)
    free(transaction, facts)
    barred = barred_among(transaction, {one for fact in facts for one in fact.ids})
    log = Log(transaction, rules, max((fact.received_us for fact in facts), default=0))
    taken: list[Taken] = []
    for fact in facts:
        if not barred.isdisjoint(fact.ids):
            taken.append("forgotten")
            continue
        digest = digest_of(fact)
        before = known.setdefault((fact.source, fact.key), digest)
        taken.append("new" if before is digest else "again" if before == digest else "conflict")
        if taken[-1] == "new":
            log.add(fact, digest)
        elif taken[-1] == "conflict":
            log.conflict(fact, digest)
    log.write()
    return taken


class Log:
    """Facts on their way into the log, in one transaction."""

    def __init__(self, transaction: Transaction, rules: IdentityRules, now_us: int) -> None:
        self._transaction = transaction
        self._rules = rules
        self._now_us = now_us
        [[self._event]] = transaction.select("last_event")
        self._rows: list[dict[str, Any]] = []
        self._conflicts: list[dict[str, Any]] = []
        self._told: list[Told] = []
        self._subjects: dict[tuple[Identifier, int], int] = {}
        """Whose facts of which moment, and the last event of it."""

    def add(self, fact: Fact, digest: bytes) -> Told | None:
        """A fact that is new; what it claims about who is who."""
        self._event += 1
        subject = self._rules.subject(fact.ids)
        self._rows.append(_row(fact, self._event, digest, subject))
        if subject is not None:
            self._subjects[subject, fact.at_us] = self._event
        claim = Claim.of(fact)
        if claim is None:
            return None
        self._told.append((self._event, claim))
        return self._told[-1]

    def conflict(self, fact: Fact, digest: bytes) -> None:
        """A fact whose key is known with other content."""
        row = {"source": fact.source, "key": fact.key, "received_us": fact.received_us, "hash": digest}
        self._conflicts.append(row)

    def write(self) -> None:
        """Keep all of it; the profiles of everybody whom it touches are behind from now on."""
        changed = learn(self._transaction, list(self._told), self._rules, self._give)
        self._write(changed)

    def forget(self, person: str) -> Erased:
        """Forget a guest, who is nobody from now on; whoever is another by it is behind."""
        gone = erase(self._transaction, person, self._rules, self._give)
        self._write(set(gone.changed - gone.persons))
        rows = [{"person": one} for one in gone.persons]
        for name in ("forget_stale", "drop_profile"):
            self._transaction.run(name, rows)
        self._transaction.run("owe", [{"traces": gone.traces.to_json()}])
        return gone

    def _write(self, changed: set[str]) -> None:
        self._transaction.run("insert_event", self._rows)
        self._transaction.run("note_conflict", self._conflicts)
        marks = dict.fromkeys(changed, self._event) | self._owners()
        self._transaction.run("mark_stale", [{"person": person, "mark": mark} for person, mark in marks.items()])

    def _give(self, name: Identifier) -> Told:
        """A guest nobody has named for gateways yet gets a random id; that they are one is told like everything else."""
        now_us, ids = self._now_us, (Identifier(PERSON, secrets.token_hex(8)), name)
        fact = Fact(source=HUB, key=secrets.token_hex(8), type="alias", at_us=now_us, received_us=now_us, ids=ids)
        told = self.add(fact, digest_of(fact))
        assert told is not None, "two names are a claim"
        return told

    def _owners(self) -> dict[str, int]:
        """Person → the last event about them."""
        names = people_of(self._transaction, {one for one, _ in self._subjects if one.kind != BADGE})
        worn = wearers_of(self._transaction, {(one.value, at_us) for one, at_us in self._subjects if one.kind == BADGE})
        owners: dict[str, int] = {}
        for (one, at_us), event in self._subjects.items():
            person = worn.get((one.value, at_us)) if one.kind == BADGE else names.get(one, (None, None))[1]
            if person is not None:
                owners[person] = max(event, owners.get(person, 0))
        return owners


def _storable(fact: Fact) -> Fact:
    """With names that both databases can hold and find: a long one is as good by its digest, a blank one names nobody."""
    ids = tuple(Identifier(one.kind, _short(one.value)) for one in fact.ids if one.kind and one.value.strip())
    return replace(fact, source=clean(fact.source), key=_short(fact.key), ids=ids)


def _short(text: str) -> str:
    text = clean(text)
    return text if len(text) <= LONGEST else content_hash(text.encode()).hex()


def _known(transaction: Transaction, facts: Sequence[Fact]) -> dict[tuple[str, str], bytes]:
    """Hashes of those that were told before."""
    sources, keys = {fact.source for fact in facts}, {fact.key for fact in facts}
    rows = transaction.select("hashes", sources=sources, keys=keys)
    return {(source, key): bytes(digest) for source, key, digest in rows}


def digest_of(fact: Fact) -> bytes:
    """Of what was told. A time that only says when it came in is not part of it: it differs when it comes again."""
    at_us = fact.told_us or (None if fact.at_us == fact.received_us else fact.at_us)
    told = [fact.type, fact.name, at_us, [str(each) for each in fact.ids], dict(fact.values)]
    return content_hash(json.dumps(told, sort_keys=True).encode())


def _row(fact: Fact, event: int, digest: bytes, subject: Identifier | None) -> dict[str, Any]:
    only = fact.ids if subject is None else (subject,)
    return {
        "id": event,
        "source": fact.source,
        "key": fact.key,
        "type": fact.type,
        "name": fact.name,
        "at_us": fact.at_us,
        "told_us": fact.at_us if fact.told_us is None else fact.told_us,
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
