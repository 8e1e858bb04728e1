"""The registration as a source of facts: each line says who a guest is; a guest whose line has gone is forgotten.

The line names a badge. A person id is made once for a badge and stays; a later line with the same badge, after the
first has gone, is somebody else. What a line said last stands in the log, so that only what is new is told.
"""

import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from edgehub.config import Registrant
from edgehub.hub.claim import IdentityRules
from edgehub.hub.data_layer import Reading
from edgehub.hub.erasure import Erased
from edgehub.hub.fact import BADGE, PERSON, Fact, Identifier
from edgehub.hub.facts import Log, digest_of
from edgehub.hub.forgotten import barred_among
from edgehub.hub.people import Person, put, tombstone
from edgehub.hub.store import Transaction

SOURCE = "registration"
More = Callable[[Registrant], Reading]


@dataclass(frozen=True, slots=True)
class Known:
    """A guest of the registration, as far as it was read before."""

    person: str
    values: dict[str, Any]
    since_us: int | None = None
    """Of a guest of an earlier version, of whom the log says nothing yet: since when the badge is theirs."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What reading a registration changed."""

    changed: int
    forgotten: list[Person]
    kept: int
    """Guests who are not in it, and were kept because some line of it cannot be read."""
    barred: tuple[int, ...] = ()
    """Lines of guests who were forgotten, and are not let in again by a list."""
    erased: tuple[Erased, ...] = ()


def compare(
    transaction: Transaction,
    registrants: Iterable[Registrant],
    rules: IdentityRules,
    now_us: int,
    *,
    complete: bool,
    need_consent: bool,
    more: More = lambda _: Reading(),
) -> Compared:
    """Tell what is new, and forget who is not in it any more unless it is not ``complete``.

    ``more`` reads the columns of a line that only the data layer knows.
    """
    rows = {registrant.badge: registrant for registrant in registrants}
    known = _known(transaction)
    log = Log(transaction, rules, now_us)
    facts = {row.line: fact for badge, row in rows.items() if (fact := _fact(row, known.get(badge), now_us, more(row)))}
    barred = barred_among(transaction, {one for fact in facts.values() for one in fact.ids})
    barring = {line for line, fact in facts.items() if not barred.isdisjoint(fact.ids)}
    for line in sorted(facts.keys() - barring):
        log.add(facts[line], digest_of(facts[line]))
    log.write()
    missing = [one.person for badge, one in known.items() if badge not in rows]
    gone = missing if complete else []
    erased = [Log(transaction, rules, now_us).forget(one) for one in gone]
    persons = sorted({person for one in erased for person in one.persons})
    forgotten = put(transaction, [tombstone(person) for person in persons], need_consent=need_consent)
    told = len(facts) - len(barring)
    return Compared(told + len(gone), forgotten, len(missing) - len(gone), tuple(sorted(barring)), tuple(erased))


def _known(transaction: Transaction) -> dict[str, Known]:
    """Who was registered, by badge."""
    found = {}
    for person, _, badge, document in transaction.select("people"):
        if badge is not None:
            found[badge] = Known(person, {}, json.loads(document)["badges"][-1]["from"])
    for ids, body in transaction.select("registered"):
        names = dict(text.split(":", 1) for text in json.loads(ids))
        found[names[BADGE]] = Known(names[PERSON], json.loads(body))
    return found


def _fact(row: Registrant, known: Known | None, now_us: int, more: Reading) -> Fact | None:
    """What a line says, unless it said so before. What it says no more is told as nothing, or it would be believed on."""
    said: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value for name, value in more.values.items()
    }
    said |= {
        "first_name": row.first_name,
        "colour": row.colour,
        "bands": list(row.bands),
        "consent": sorted(row.consent),
    }
    before = {} if known is None else known.values
    if known is not None and known.since_us is None and _told(said) == _told(before):
        return None
    values = {
        name: value or ([] if name == "bands" else "") for name, value in said.items() if value or before.get(name)
    }
    person = secrets.token_hex(8) if known is None else known.person
    since_us = now_us if known is None or known.since_us is None else known.since_us
    return Fact(
        source=SOURCE,
        key=f"{row.badge}/{now_us}",
        type="identify",
        at_us=since_us,
        received_us=now_us,
        ids=(Identifier(PERSON, person), *more.ids, Identifier(BADGE, row.badge)),
        values={**values, "consent": said["consent"]},
    )


def _told(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
