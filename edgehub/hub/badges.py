"""Badges over time: who wore which, from when to when.

A badge is handed to a guest by a claim that names both, and is theirs until it is handed to somebody else, given back,
or swapped for another one. What was heard of it before belongs to whoever wore it then.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from edgehub.core.profile import BadgeBinding
from edgehub.hub.claim import Claim, IdentityRules
from edgehub.hub.fact import BADGE, Identifier


class Handing(NamedTuple):
    """A badge was handed to somebody, or given back. In the order of claims. Wall time in µs since 1970."""

    at_us: int
    source: str
    key: str
    badge: str
    holder: Identifier
    """The strongest name in the claim; whichever guest has it has the badge."""
    worn: bool = True
    """False when it was given back."""


def handings(claims: Iterable[tuple[Claim, Sequence[Identifier]]], rules: IdentityRules) -> Iterator[Handing]:
    """What claims, in order and each with its names, say of badges; a source that says again what it said last says nothing.

    A registration repeats its first badge with every export, also when the desk has swapped it since.
    """
    said: dict[tuple[str, Identifier], tuple[list[str], bool]] = {}
    for claim, names in claims:
        badges = sorted(one.value for one in claim.ids if one.kind == BADGE and rules.unusable(one) is None)
        at_desk = rules.desks is None or claim.source in rules.desks
        if not (badges and names and at_desk and claim.kind == "same"):
            continue
        holder = names[0]
        news, told = (badges, claim.worn), (claim.source, holder)
        if said.get(told) != news:
            said[told] = news
            for badge in badges:
                yield Handing(*claim.order, badge, holder, claim.worn)


def bindings(handed: Iterable[Handing], holders: Collection[Identifier], most: int | None) -> tuple[BadgeBinding, ...]:
    """When a guest wore which badge.

    Args:
        handed: hand-overs in order, of the guest and of others with the same badges.
        holders: the guest's names.
        most: as many are worn at a time; one more, and the one worn longest is not worn any more.
    """
    since: dict[str, int] = {}
    made: list[BadgeBinding] = []

    def close(badge: str, until_us: int) -> None:
        begun = since.pop(badge, until_us)
        if begun < until_us:
            made.append(BadgeBinding(badge, begun, until_us))

    for handing in handed:
        mine = handing.holder in holders
        if mine and handing.worn:
            since.setdefault(handing.badge, handing.at_us)
            if most is not None and len(since) > most:
                close(next(iter(since)), handing.at_us)
        elif mine or handing.worn:
            close(handing.badge, handing.at_us)
    made += [BadgeBinding(badge, begun) for badge, begun in since.items()]
    return tuple(sorted(made, key=lambda one: (one.since_us, one.badge)))
