"""Who is who: claims that names belong to one guest → guests, so that every merge can be undone.

Each fact with several identifiers claims that they are one guest. Nothing is ever joined in place: the claims of
everybody who might be concerned are folded again, in the order of when and by whom they were made, whatever order they
arrived in. So a claim that is undone never had an effect.

- A claim ties each of its identifiers to its strongest one, a tie at a time: a bad one does not spoil the others.
- A tie is refused when the guest would have more identifiers of a kind than ``most`` allows, or when the staff cut it.
- Blocked values and shared devices name nobody. A badge names its wearer, and only for a time (`edgehub.hub.badges`).
- The staff's word counts more than a source's. Of their words about the same two identifiers only the last counts. A
  cut holds against all that sources claim and against older merges. A merge lifts older cuts between its two sides,
  and ``most`` does not bind it: a guest who registered twice is what staff merge every day.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from edgehub.core.profile import BadgeBinding
from edgehub.hub.badges import Handing, bindings, handings
from edgehub.hub.claim import Claim, IdentityRules
from edgehub.hub.fact import BADGE, PERSON, Identifier
from edgehub.hub.link import Groups, Link, Refused


@dataclass(frozen=True, slots=True)
class Cluster:
    """One guest, by all names."""

    ids: tuple[Identifier, ...]
    """In order; badges are not among them."""
    persons: tuple[str, ...] = ()
    """All person ids, the oldest first: gateways know the guest by any of them, and what fired for one fired for all."""
    anchor: Identifier | None = None
    """The first name that a fact was about; None when all that is known is a name somebody else was refused."""
    badges: tuple[BadgeBinding, ...] = ()
    """Each only while it was worn; in order."""

    @property
    def person(self) -> str | None:
        """The canonical id: the oldest. None while the hub has given none."""
        return self.persons[0] if self.persons else None

    def wore(self, badge: str, at_us: int) -> bool:
        """True when the guest wore the badge at that moment; at the end of a binding it is the next wearer's."""
        return any(
            one.badge == badge and (one.since_us or 0) <= at_us and (one.until_us is None or at_us < one.until_us)
            for one in self.badges
        )

    def owns(self, subject: Identifier | None, at_us: int) -> bool:
        """True when a fact of then is about this guest: by name, or by the badge worn. See `IdentityRules.subject`."""
        if subject is None or subject.kind != BADGE:
            return subject in self.ids
        return self.wore(subject.value, at_us)


@dataclass(frozen=True, slots=True)
class Resolution:
    """Who is who, and why."""

    clusters: tuple[Cluster, ...]
    refused: tuple[Refused, ...]
    links: tuple[Link, ...]
    """The ties that hold."""
    cuts: tuple[Link, ...]
    """The staff's cuts in force."""
    handings: tuple[Handing, ...]
    """Badges that changed hands here: what others who are handed the same badges need to know."""
    _of: Mapping[Identifier, Cluster] = field(default_factory=dict, compare=False, repr=False)

    def of(self, identifier: Identifier) -> Cluster | None:
        """The guest with this name; None for a badge, and for a name that was never claimed."""
        return self._of.get(identifier)

    def why(self, a: Identifier, b: Identifier) -> tuple[Link, ...]:
        """The shortest chain of ties that makes the two one guest; empty when they are not."""
        ties: dict[Identifier, list[tuple[Identifier, Link]]] = {}
        for link in self.links:
            ties.setdefault(link.a, []).append((link.b, link))
            ties.setdefault(link.b, []).append((link.a, link))
        ways: dict[Identifier, tuple[Link, ...]] = {a: ()}
        waiting = [a]
        for here in waiting:  # it grows while it is walked, the nearest first
            for there, link in ties.get(here, ()):
                if there not in ways:
                    ways[there] = (*ways[here], link)
                    waiting.append(there)
        return ways.get(b, ())

    def why_not(self, a: Identifier, b: Identifier) -> tuple[Link | Refused, ...]:
        """What keeps the two apart: the cuts between their guests, and the claims that were refused."""
        sides = {self._of.get(a), self._of.get(b)}
        if None in sides or len(sides) == 1:
            return ()
        said: tuple[Link | Refused, ...] = (*self.cuts, *self.refused)
        return tuple(one for one in said if {self._of.get(one.a), self._of.get(one.b)} == sides)


def resolve(claims: Iterable[Claim], rules: IdentityRules, elsewhere: Iterable[Handing] = ()) -> Resolution:
    """Fold claims into guests; the result depends on what was claimed, and not on when it arrived.

    Args:
        claims: all of everybody whom any claim connects by `IdentityRules.names`, limits and cuts ignored.
        rules: of the kinds of identifiers.
        elsewhere: hand-overs, by other claims, of badges that these claims name.
    """
    told = sorted(claims, key=lambda claim: claim.order)
    named = [(claim, rules.names(claim.ids)) for claim in told]
    links = _links(named)
    words = _words(named)
    held, cuts = _standing(links, words, rules)
    groups = Groups((name for _, names in named for name in names), cuts, rules)
    refused = groups.fold([*links, *held])
    refused += [Refused(one.a, one.b, "cut", one.claim) for one in words if one.is_merge and one not in held]
    refused = [one for one in refused if not groups.same(one.a, one.b)] + _unusable(named, rules)
    handed = tuple(handings(named, rules))
    clusters = _clusters(groups, named, sorted([*handed, *elsewhere]), rules.most(BADGE))
    return Resolution(
        clusters=clusters,
        refused=_firsts(refused),
        links=tuple(link for link in (*links, *held) if groups.same(link.a, link.b)),
        cuts=tuple(cuts),
        handings=handed,
        _of={name: cluster for cluster in clusters for name in cluster.ids},
    )


_Named = Sequence[tuple[Claim, tuple[Identifier, ...]]]
"""Claims in order, each with the names in it, the strongest first."""


def _links(named: _Named) -> list[Link]:
    """The ties that sources claim, each once."""
    found: dict[tuple[Identifier, Identifier], Link] = {}
    for claim, names in named:
        if claim.kind == "same":
            for other in names[1:]:
                if (names[0], other) not in found:
                    found[names[0], other] = Link(names[0], other, claim, claim)
    return list(found.values())


def _words(named: _Named) -> list[Link]:
    """The staff's last words about any two identifiers, the oldest first."""
    first: dict[tuple[str, Identifier, Identifier], Claim] = {}
    last: dict[tuple[Identifier, Identifier], Claim] = {}
    for claim, names in named:
        if claim.kind != "same":
            for a, b in combinations(sorted(names), 2):
                first.setdefault((claim.kind, a, b), claim)
                last[a, b] = claim
    words = [Link(a, b, first[claim.kind, a, b], claim) for (a, b), claim in last.items()]
    return sorted(words, key=lambda word: word.last.order)


def _standing(links: list[Link], words: list[Link], rules: IdentityRules) -> tuple[list[Link], list[Link]]:
    """Which of the staff's merges and cuts hold, after all of their words, one by one."""
    if all(word.is_merge for word in words):
        return words, []
    held: list[Link] = []
    cuts: list[Link] = []
    for word in words:
        groups = _grouped(links, held, cuts, word, rules)
        if word.is_merge:
            cuts = [cut for cut in cuts if not groups.parts(cut, word)]
            held.append(word)
        else:
            cuts.append(word)
            if groups.same(word.a, word.b):
                held = _undone(links, held, cuts, rules)
    return held, cuts


def _undone(links: list[Link], held: list[Link], cuts: list[Link], rules: IdentityRules) -> list[Link]:
    """The merges that are left after the last cut: without those that join the two sides it is between."""
    left: list[Link] = []
    for merge in held:
        if not _grouped(links, left, cuts, merge, rules).parts(cuts[-1], merge):
            left.append(merge)
    return left


def _grouped(links: list[Link], held: list[Link], cuts: list[Link], word: Link, rules: IdentityRules) -> Groups:
    """Who is who by these, with the names that a word is about among them."""
    groups = Groups((name for link in (*links, *held, *cuts, word) for name in (link.a, link.b)), cuts, rules)
    groups.fold([*links, *held])
    return groups


def _firsts(refused: Iterable[Refused]) -> tuple[Refused, ...]:
    """Each tie once, as it was refused first."""
    found: dict[tuple[Identifier, Identifier], Refused] = {}
    for one in refused:
        found.setdefault((one.a, one.b), one)
    return tuple(found.values())


def _unusable(named: _Named, rules: IdentityRules) -> list[Refused]:
    """Ties to what names nobody."""
    return [
        Refused(names[0], one, why, claim)
        for claim, names in named
        if names
        for one in claim.ids
        if one not in names and (why := rules.unusable(one)) is not None
    ]


def _clusters(groups: Groups, named: _Named, handed: Sequence[Handing], most: int | None) -> tuple[Cluster, ...]:
    """Groups as guests; persons and anchors by who was named first."""
    age: dict[Identifier, int] = {}
    anchors: dict[Identifier, int] = {}
    for place, (claim, names) in enumerate(named):
        for name in names:
            age.setdefault(name, place)
        if names and claim.kind == "same":
            anchors.setdefault(names[0], place)
    made = []
    for members in groups.all():
        persons = sorted((one for one in members if one.kind == PERSON), key=lambda one: (age[one], one))
        anchor = min((one for one in members if one in anchors), key=lambda one: (anchors[one], one), default=None)
        worn = {one.badge for one in handed if one.holder in members}
        badges = bindings((one for one in handed if one.badge in worn), members, most) if worn else ()
        made.append(Cluster(tuple(sorted(members)), tuple(one.value for one in persons), anchor, badges))
    return tuple(sorted(made, key=lambda cluster: cluster.ids))
