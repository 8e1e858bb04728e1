"""What is claimed about who is who, and what the kinds of identifiers are worth.

Values of identifiers arrive normalised: `edgehub.hub.data_layer` has made one spelling of each.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal

from edgehub.hub.fact import BADGE, PERSON, Fact, Identifier

Unusable = Literal["blocked", "shared"]


@dataclass(frozen=True, slots=True)
class KindRule:
    """What is known of a kind of identifier."""

    kind: str
    most: int | None = None
    """A guest has at most so many; of badges, at a time."""
    shared: bool = False
    """Several guests use one, like a tablet at the desk: it names nobody."""
    blocked: tuple[str, ...] = ()
    """Values that name nobody, like test@example.com; ``*`` stands for anything."""

    def blocks(self, value: str) -> bool:
        """True for a value that names nobody."""
        return any(fnmatchcase(value, pattern) for pattern in self.blocked)


class IdentityRules:
    """The kinds of identifiers, the strongest first; `person` is stronger, and a kind without a rule weaker.

    A guest wears one badge at a time unless there is a rule that says otherwise.

    Args:
        kinds: rules, the strongest first.
        desks: sources that hand out badges, such as the registration and `staff`; without it all do. What a guest types
            into an app must not take a badge from somebody else.
    """

    def __init__(self, *kinds: KindRule, desks: Collection[str] | None = None) -> None:
        self.desks: Final = desks
        given = {rule.kind: rule for rule in kinds}
        self.kinds: Final[Mapping[str, KindRule]] = {PERSON: KindRule(PERSON), BADGE: KindRule(BADGE, most=1)} | given
        self._picky = {rule.kind: rule for rule in self.kinds.values() if rule.shared or rule.blocked}
        self._strength = {
            kind: place for place, kind in enumerate([PERSON, *(kind for kind in given if kind != PERSON)])
        }

    def most(self, kind: str) -> int | None:
        """How many of a kind a guest may have; None when there is no limit."""
        rule = self.kinds.get(kind)
        return None if rule is None else rule.most

    def unusable(self, identifier: Identifier) -> Unusable | None:
        """Why an identifier names nobody; None when it names a guest."""
        rule = self._picky.get(identifier.kind)
        if rule is None:
            return None
        return "shared" if rule.shared else "blocked" if rule.blocks(identifier.value) else None

    def names(self, ids: Iterable[Identifier]) -> tuple[Identifier, ...]:
        """Those that name a guest for good, the strongest first: these, and no others, connect guests."""
        usable = {
            one for one in ids if one.kind != BADGE and (one.kind not in self._picky or self.unusable(one) is None)
        }
        return tuple(sorted(usable, key=self._rank) if len(usable) > 1 else usable)

    def subject(self, ids: Iterable[Identifier]) -> Identifier | None:
        """Whose fact it is: the strongest name, else the badge that somebody wore then; None for nobody's."""
        ids = tuple(ids)
        badges = (one for one in ids if one.kind == BADGE and self.unusable(one) is None)
        return next(iter(self.names(ids)), None) or min(badges, default=None)

    def _rank(self, one: Identifier) -> tuple[int, Identifier]:
        return self._strength.get(one.kind, len(self._strength)), one


ClaimKind = Literal["same", "merge", "unmerge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """That these identifiers are one guest; `merge` and `unmerge` are the staff's word. Wall time in µs since 1970."""

    ids: tuple[Identifier, ...]
    at_us: int
    source: str
    key: str
    """With ``source``, which fact it is of."""
    kind: ClaimKind = "same"
    worn: bool = True
    """False when the badge it names was given back."""

    @property
    def order(self) -> tuple[int, str, str]:
        """Its place among all claims; the same whenever it arrives."""
        return self.at_us, self.source, self.key

    @property
    def says(self) -> str:
        """Of claims that say the same only the first in order needs to be kept.

        One that names a badge says something of its own: the badge may have been somebody else's in between.
        """
        ids = " ".join(sorted(map(str, self.ids)))
        lasting = self.kind == "same" and all(one.kind != BADGE for one in self.ids)
        return ids if lasting else f"{self.kind} {self.source} {self.key} {ids}"

    @classmethod
    def of(cls, fact: Fact) -> "Claim | None":
        """What a fact claims about who is who; None when it names nobody.

        A `badge` fact hands the badge it names to the guest it names (with the value ``worn: false`` it was given back),
        and so does the `identify` of a desk. Beside a name in other facts a badge proves nothing: somebody typed its number.
        """
        ids = tuple(one for one in fact.ids if one.kind != BADGE or fact.type in {"identify", "badge"})
        worn = fact.type != "badge" or fact.values.get("worn") is not False
        kind = _KINDS.get(fact.type, "same")
        return cls(ids=ids, at_us=fact.at_us, source=fact.source, key=fact.key, kind=kind, worn=worn) if ids else None


_KINDS: Final[Mapping[str, ClaimKind]] = {"merge": "merge", "unmerge": "unmerge"}
