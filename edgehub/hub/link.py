"""Ties between names, made one by one into groups, as far as cuts and limits allow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from edgehub.hub.claim import Claim, IdentityRules
from edgehub.hub.fact import Identifier

Why = Literal["limit", "cut", "blocked", "shared"]


@dataclass(frozen=True, slots=True)
class Link:
    """Two identifiers that a claim ties, or cuts."""

    a: Identifier
    b: Identifier
    claim: Claim
    """The first that said so."""
    last: Claim
    """The last of the staff's that said so: it is what their other words are older or younger than."""

    @property
    def is_merge(self) -> bool:
        """True for a tie that the staff made."""
        return self.claim.kind == "merge"


@dataclass(frozen=True, slots=True)
class Refused:
    """A tie that was claimed and is not believed. Where both name a guest, a merge by the staff still makes it."""

    a: Identifier
    b: Identifier
    why: Why
    claim: Claim


class _Group:
    """Names found to be one guest so far, and how many there are of each kind that has a limit."""

    __slots__ = ("limited", "members")

    def __init__(self, name: Identifier, rules: IdentityRules) -> None:
        self.members = {name}
        self.limited = {} if rules.most(name.kind) is None else {name.kind: 1}


class Groups:
    """Names, joined tie by tie as far as cuts and limits allow."""

    def __init__(self, names: Iterable[Identifier], cuts: Sequence[Link], rules: IdentityRules) -> None:
        self._of = {name: _Group(name, rules) for name in set(names)}
        self._cuts = [cut for cut in cuts if cut.a in self._of and cut.b in self._of]
        self._rules = rules

    def fold(self, links: list[Link]) -> list[Refused]:
        """Make these ties in the order of their claims; the ones that may not be are returned."""
        links = sorted(links, key=lambda link: link.claim.order)
        return [Refused(link.a, link.b, why, link.claim) for link in links if (why := self._join(link)) is not None]

    def same(self, a: Identifier, b: Identifier) -> bool:
        """True for two names of one guest."""
        return a in self._of and self._of[a] is self._of.get(b)

    def parts(self, cut: Link, link: Link) -> bool:
        """True when a cut is between the two sides of a tie."""
        a, b = self._of.get(link.a), self._of.get(link.b)
        return (self._of.get(cut.a), self._of.get(cut.b)) in ((a, b), (b, a))

    def all(self) -> list[set[Identifier]]:
        """The names of each guest."""
        return [group.members for group in {id(group): group for group in self._of.values()}.values()]

    def _join(self, link: Link) -> Why | None:
        a, b = self._of[link.a], self._of[link.b]
        if a is b:
            return None
        if any(self.parts(cut, link) for cut in self._cuts):
            return "cut"
        if link.claim.kind == "same" and self._too_many(a, b):
            return "limit"
        if len(a.members) < len(b.members):
            a, b = b, a
        a.members |= b.members
        for kind, count in b.limited.items():
            a.limited[kind] = a.limited.get(kind, 0) + count
        for name in b.members:
            self._of[name] = a
        return None

    def _too_many(self, a: _Group, b: _Group) -> bool:
        return any(
            count + a.limited[kind] > (self._rules.most(kind) or 0)
            for kind, count in b.limited.items()
            if kind in a.limited
        )
