"""Who is who, in the store: claims by component, folded again whenever one is added to it.

A component is everything ever connected by any claim, limits and cuts ignored. It is small, so that it is folded whole
(`edgehub.hub.identity`), and what is kept of it is what others look up: the guest of each name, who wore which badge.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from edgehub.hub.badges import Handing
from edgehub.hub.claim import Claim, IdentityRules
from edgehub.hub.fact import BADGE, Identifier, content_hash
from edgehub.hub.identity import Cluster, Resolution, resolve
from edgehub.hub.store import Row, Transaction

Told = tuple[int, Claim]
"""A claim, and the event it is of."""
Name = Callable[[Identifier], Told]
"""Give the guest with this name a person id."""


@dataclass(slots=True)
class _Group:
    """Claims that belong together, and the components they join."""

    components: set[str] = field(default_factory=set)
    claims: list[Told] = field(default_factory=list)
    label: str = ""

    @property
    def component(self) -> str:
        """What they are together from now on."""
        return self.label or min(self.components)


def learn(transaction: Transaction, told: Iterable[Told], rules: IdentityRules, name: Name) -> set[str]:
    """Take claims in. Whose profile is another now: person ids, also such as are nobody's own any more."""
    named = [(event, claim, rules.names(claim.ids)) for event, claim in told]
    known = people_of(transaction, {one for _, _, names in named for one in names})
    fresh = _fresh(transaction, [one for one in named if one[2]], known)
    changed: set[str] = set()
    for group in _groups(fresh, known):
        changed |= _Fold(transaction, rules, name).learn(group)
    return changed


def people_of(transaction: Transaction, names: Iterable[Identifier]) -> dict[Identifier, tuple[str, str | None]]:
    """Component and person of each name that is known."""
    wanted = set(names)
    if not wanted:
        return {}
    kinds, values = {one.kind for one in wanted}, {one.value for one in wanted}
    rows = transaction.select("names", kinds=kinds, values=values)
    found = {Identifier(kind, value): (component, person) for kind, value, component, person in rows}
    return {name: found[name] for name in wanted if name in found}


def wearers_of(transaction: Transaction, worn: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Who wore a badge at a moment (µs since 1970)."""
    asked = set(worn)
    if not asked:
        return {}
    rows = transaction.select("wearers", badges={badge for badge, _ in asked})
    return {
        (badge, at_us): person
        for badge, at_us in asked
        for worn_badge, person, since_us, until_us in rows
        if worn_badge == badge and since_us <= at_us and (until_us is None or at_us < until_us)
    }


def clusters_of(transaction: Transaction, person: str, rules: IdentityRules) -> tuple[Cluster, ...]:
    """All guests of the component that a person id is in, each as claimed; none for an id that was never claimed."""
    components = {component for (component,) in transaction.select("components_of", person=person)}
    return _resolved(transaction, components, _claims(transaction, components), rules).clusters if components else ()


def unlearn(
    transaction: Transaction, components: set[str], gone: Collection[Identifier], rules: IdentityRules, name: Name
) -> set[str]:
    """Take back whatever is claimed of these names. Whose profile is another now.

    Of a claim that ties one of them to somebody else's, the rest stays; the staff's word on two guests goes.
    """
    told = _claims(transaction, components)
    touched = [(event, claim) for event, claim in told if not set(gone).isdisjoint(claim.ids)]
    transaction.run("drop_claim", [{"event": event} for event, _ in touched])
    rest = [(event, replace(claim, ids=tuple(one for one in claim.ids if one not in gone))) for event, claim in touched]
    rest = [(event, claim) for event, claim in rest if claim.kind == "same" and rules.names(claim.ids)]
    left = [claim for event, claim in told if (event, claim) not in touched] + [claim for _, claim in rest]
    # A component is called by one of its names, and that may be one of these.
    label = min((str(one) for claim in left for one in rules.names(claim.ids)), default="")
    return _Fold(transaction, rules, name).learn(_Group(components, rest, label))


def _says(claim: Claim) -> str:
    return content_hash(claim.says.encode()).hex()


_Named = Sequence[tuple[int, Claim, tuple[Identifier, ...]]]


def _fresh(transaction: Transaction, named: _Named, known: Mapping[Identifier, Any]) -> _Named:
    """Claims that were not made before; of such as say the same the first."""
    asked = {_says(claim): claim for _, claim, _ in named}
    said: dict[str, int] = dict(transaction.select("said", says=set(asked))) if asked else {}
    fresh: dict[str, tuple[int, Claim, tuple[Identifier, ...]]] = {}
    for event, claim, names in sorted(named, key=lambda one: one[1].order):
        says = _says(claim)
        says_nothing = len(claim.ids) == 1 and names[0] in known
        if not says_nothing and says not in fresh and claim.at_us < said.get(says, claim.at_us + 1):
            fresh[says] = event, claim, names
    return list(fresh.values())


def _groups(fresh: _Named, known: Mapping[Identifier, tuple[str, str | None]]) -> list[_Group]:
    """Claims by what they connect."""
    groups: dict[str, _Group] = {}
    for event, claim, names in fresh:
        joined = _Group(claims=[(event, claim)])
        joined.components = {known[name][0] if name in known else str(name) for name in names}
        for other in {id(groups[one]): groups[one] for one in joined.components if one in groups}.values():
            joined.components |= other.components
            joined.claims += other.claims
        groups |= dict.fromkeys(joined.components, joined)
    return list({id(group): group for group in groups.values()}.values())


class _Fold:
    """Folds components and keeps what comes of it."""

    def __init__(self, transaction: Transaction, rules: IdentityRules, name: Name) -> None:
        self._transaction = transaction
        self._rules = rules
        self._name = name

    def learn(self, group: _Group) -> set[str]:
        """Add claims to what they connect; the persons who changed by it."""
        before = _state(self._transaction, group.components)
        badges = {badge for badge, *_ in self._transaction.select("handings_of", components=group.components)}
        claims = [*_claims(self._transaction, group.components), *group.claims]
        resolution = _resolved(self._transaction, group.components, claims, self._rules)
        given = [self._name(one.anchor) for one in resolution.clusters if one.person is None and one.anchor is not None]
        if given:
            claims += given
            resolution = _resolved(self._transaction, group.components, claims, self._rules)
        self._put(group, [*group.claims, *given], resolution)
        changed = _changed(before, _state(self._transaction, {group.component}))
        return changed | self._tell_others(group, badges | {one.badge for one in resolution.handings})

    def _put(self, group: _Group, claims: Iterable[Told], resolution: Resolution) -> None:
        gone = [{"component": one} for one in group.components]
        here = {"component": group.component}
        run = self._transaction.run
        for name in ("drop_names", "drop_handings"):
            run(name, gone)
        run("move_claims", [{**one, "new": group.component} for one in gone if one != here])
        run("put_claim", [{**here, **_claim_row(event, claim)} for event, claim in claims])
        run("put_name", [{**here, **row} for cluster in resolution.clusters for row in _name_rows(cluster)])
        run("put_handing", [{**here, **_handing_row(one)} for one in resolution.handings])
        self._put_badges(gone, here, resolution)

    def _put_badges(self, gone: list[dict[str, str]], here: dict[str, str], resolution: Resolution) -> None:
        self._transaction.run("drop_badges", gone)
        rows = [{**here, **row} for cluster in resolution.clusters for row in _badge_rows(cluster)]
        self._transaction.run("put_badge", rows)

    def _tell_others(self, group: _Group, badges: set[str]) -> set[str]:
        """A badge that was handed to one is not worn by another any more."""
        rows = self._transaction.select("handings_with", badges=badges) if badges else []
        changed: set[str] = set()
        for component in sorted({row[-1] for row in rows} - {group.component}):
            before = _state(self._transaction, {component})
            here = {"component": component}
            claims = _claims(self._transaction, {component})
            self._put_badges([here], here, _resolved(self._transaction, {component}, claims, self._rules))
            changed |= _changed(before, _state(self._transaction, {component}))
        return changed


def _claims(transaction: Transaction, components: set[str]) -> list[Told]:
    return [
        (
            event,
            Claim(
                ids=tuple(Identifier.parse(one) for one in json.loads(ids)),
                at_us=at_us,
                source=source,
                key=key,
                kind=kind,
                worn=bool(worn),
            ),
        )
        for event, kind, ids, at_us, source, key, worn in transaction.select("claims_of", components=components)
    ]


def _resolved(
    transaction: Transaction, components: set[str], claims: Sequence[Told], rules: IdentityRules
) -> Resolution:
    badges = {one.value for _, claim in claims for one in claim.ids if one.kind == BADGE}
    rows = transaction.select("handings_with", badges=badges) if badges else []
    elsewhere = [
        Handing(at_us, source, key, badge, Identifier.parse(holder), bool(worn))
        for badge, at_us, source, key, holder, worn, component in rows
        if component not in components
    ]
    return resolve([claim for _, claim in claims], rules, elsewhere)


_State = tuple[set[Row], set[Row]]
"""Names with their persons, badges with their wearers."""


def _state(transaction: Transaction, components: set[str]) -> _State:
    names = {(kind, value, person) for kind, value, person in transaction.select("names_of", components=components)}
    return names, set(transaction.select("badges_of", components=components))


def _changed(before: _State, after: _State) -> set[str]:
    """Persons of whom something is in one of them and not in the other."""
    names, badges = before[0] ^ after[0], before[1] ^ after[1]
    return {row[2] for row in names if row[2] is not None} | {row[1] for row in badges}


def _claim_row(event: int, claim: Claim) -> dict[str, Any]:
    return {
        "event": event,
        "kind": claim.kind,
        "ids": json.dumps([str(one) for one in claim.ids]),
        "at_us": claim.at_us,
        "source": claim.source,
        "key": claim.key,
        "worn": int(claim.worn),
        "says": _says(claim),
    }


def _name_rows(cluster: Cluster) -> Iterable[dict[str, Any]]:
    return ({"kind": one.kind, "value": one.value, "person": cluster.person} for one in cluster.ids)


def _handing_row(one: Handing) -> dict[str, Any]:
    return {
        "badge": one.badge,
        "at_us": one.at_us,
        "source": one.source,
        "key": one.key,
        "holder": str(one.holder),
        "worn": int(one.worn),
    }


def _badge_rows(cluster: Cluster) -> Iterable[dict[str, Any]]:
    if cluster.person is None:
        return ()
    person = cluster.person
    return (
        {"badge": one.badge, "person": person, "since_us": one.since_us or 0, "until_us": one.until_us}
        for one in cluster.badges
    )
