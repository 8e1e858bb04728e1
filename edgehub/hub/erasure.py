"""Erasing a guest from the store, in one transaction: what doors told of them, who they were, what was counted of them.

Facts of doors go, with their keys, which may be an e-mail address; events of gateways keep their place in a sequence and
nothing else. Where somebody else's fact mentions the guest, the mention goes.
"""

import json
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from edgehub.core.profile import BadgeBinding
from edgehub.core.wire.fields import MAX_INTEGER, dump_text
from edgehub.hub.claim import IdentityRules
from edgehub.hub.fact import BADGE, PERSON, Identifier
from edgehub.hub.identity import Cluster
from edgehub.hub.names import Name, clusters_of, unlearn
from edgehub.hub.store import Row, Transaction
from edgehub.hub.traces import Traces


@dataclass(frozen=True, slots=True)
class Erased:
    """A guest who is gone from the store, but for the tombstone that gateways must be told."""

    persons: frozenset[str]
    """The person ids that were theirs."""
    names: frozenset[Identifier]
    """All their names, and the badges they wore last."""
    traces: Traces
    changed: frozenset[str]
    """Other guests, of whom something is known otherwise now."""


def erase(transaction: Transaction, person: str, rules: IdentityRules, name: Name) -> Erased:
    """Erase a guest by a person id. `name` is as for `edgehub.hub.names.learn`."""
    components = {component for (component,) in transaction.select("components_of", person=person)}
    clusters = clusters_of(transaction, person, rules)
    nobody = Cluster((Identifier(PERSON, person),), (person,))
    cluster = next((one for one in clusters if person in one.persons), nobody)
    names = frozenset({*cluster.ids, *(Identifier(PERSON, one) for one in cluster.persons)})
    texts = _texts(transaction, cluster.persons)
    badges = frozenset(Identifier(BADGE, one.badge) for one in cluster.badges)
    _drop_facts(transaction, components, names)
    _drop_worn(transaction, cluster.badges)
    transaction.run("forget_sightings", [{"subject": str(one)} for one in names])
    transaction.run("forget_stays", [{"person": one} for one in cluster.persons])
    transaction.run("forget_dwell", [{"person": one} for one in cluster.persons])
    traces = Traces(names | badges, texts)
    gone = [{"id": row} for row, raw in transaction.select("quarantined") if traces.are_in(raw)]
    transaction.run("drop_quarantined", gone)
    changed = unlearn(transaction, components, names, rules, name) if components else set[str]()
    worn = frozenset(Identifier(BADGE, one.badge) for one in cluster.badges if one.until_us is None)
    return Erased(frozenset(cluster.persons), names | worn, traces, frozenset(changed))


def _texts(transaction: Transaction, persons: Iterable[str]) -> frozenset[str]:
    """What was known of them in words."""
    rows = [row for person in persons for row in transaction.select("profile", person=person)]
    values = [one["value"] for document, _ in rows for one in json.loads(document)["values"].values()]
    return frozenset(value for value in values if isinstance(value, str) and value)


def _drop_facts(transaction: Transaction, components: set[str], names: AbstractSet[Identifier]) -> None:
    """Facts about the guest, and mentions in others': whoever is mentioned with somebody is in one component with them."""
    mine = {str(one) for one in names}
    others = (
        [f"{kind}:{value}" for kind, value, _ in transaction.select("names_of", components=components)]
        if components
        else []
    )
    rows = transaction.select("told_of", subjects=mine | set(others))
    about = [row for row in rows if row[4] in mine or (row[3] in {"merge", "unmerge"} and mine & _ids(row))]
    _drop(transaction, [(row[0], row[1], row[2]) for row in about])
    gone = {row[0] for row in about}
    mentions = [row for row in rows if row[0] not in gone and mine & _ids(row)]
    transaction.run("strip_event", [_stripped(row, names) for row in mentions])


def _drop_worn(transaction: Transaction, badges: Iterable[BadgeBinding]) -> None:
    """What was told of a badge while it was theirs."""
    for one in badges:
        until_us = MAX_INTEGER if one.until_us is None else one.until_us
        subject = f"{BADGE}:{one.badge}"
        rows = transaction.select("told_while_worn", subject=subject, since_us=one.since_us or 0, until_us=until_us)
        _drop(transaction, rows)


def _drop(transaction: Transaction, rows: Iterable[Row]) -> None:
    rows = list(rows)
    transaction.run("drop_conflict", [{"source": source, "key": key} for _, source, key in rows])
    transaction.run("drop_event", [{"id": event} for event, _, _ in rows])


def _ids(row: Row) -> set[str]:
    return set(json.loads(row[5])) if row[5] else {row[4]}


def _stripped(row: Row, names: Iterable[Identifier]) -> dict[str, Any]:
    """Somebody else's fact without the guest's names."""
    mine, values = {str(one) for one in names}, {one.value for one in names}
    body = json.loads(row[6]) if row[6] else {}
    kept = {name: value for name, value in body.items() if not (isinstance(value, str) and value in values)}
    return {
        "id": row[0],
        "ids": json.dumps([one for one in json.loads(row[5]) if one not in mine]),
        "body": dump_text(kept),
    }
