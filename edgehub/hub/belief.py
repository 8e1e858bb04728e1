"""What is believed of a guest where sources differ: values by freshness, source and age; consent by the last word."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from edgehub.core.profile import CONSENT_PURPOSES
from edgehub.hub.attributes import Value
from edgehub.hub.claim import IdentityRules
from edgehub.hub.fact import Fact, Identifier

PRIORITY: Final = 50
"""Of a source that nobody ranked, as in data_layer.yaml."""
TELLING: Final = frozenset({"identify", "alias"})
"""Facts whose values are what is known of a guest; those of a `track` are of what happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom to believe what, and for how long; from the data layer."""

    fresh_for_s: Mapping[str, float] = field(default_factory=dict)
    """Variable → after how long it is unknown again."""
    priority: Mapping[str, int] = field(default_factory=dict)
    """Source → rank; the higher is believed."""
    consent: frozenset[str] = frozenset({"consent"})
    """Variables that say what a guest agreed to."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A guest's last word on one purpose, when (µs since 1970), and through whom."""

    given: bool
    at_us: int
    source: str
    by: str | None = None
    """Who wrote it down, where people did."""


def believed_values(facts: Sequence[Fact], trust: Trust, now_us: int) -> dict[str, Value]:
    """The value of each variable: of those still fresh the one of the most trusted source, of its the latest.

    Args:
        facts: of one guest, in order of their time.
        trust: in sources.
        now_us: what is older than its variable allows, by then, is unknown again.
    """
    best: dict[str, tuple[int, Value]] = {}
    for fact in facts:
        if fact.type not in TELLING:
            continue
        rank = trust.priority.get(fact.source, PRIORITY)
        for name, value in fact.values.items():
            fresh_for_s = trust.fresh_for_s.get(name)
            stale = fresh_for_s is not None and now_us - fact.at_us > fresh_for_s * 1e6
            if not (value is None or stale or name in trust.consent) and rank >= best.get(name, (rank,))[0]:
                best[name] = rank, Value(plain(value), fact.at_us, fact.source)
    return {name: value for name, (_, value) in sorted(best.items())}


def plain(value: Any) -> Any:
    """The same whether it comes from a door or, as JSON, from the log: lists are tuples."""
    if isinstance(value, list | tuple):
        return tuple(plain(item) for item in value)
    return {name: plain(item) for name, item in value.items()} if isinstance(value, Mapping) else value


def consents(facts: Sequence[Fact], trust: Trust, rules: IdentityRules) -> dict[str, Consent]:
    """The guest's last word on each purpose ever mentioned; at equal times a no counts.

    A `consent` fact is a word each time. A registration repeats with every export what was ticked once: of what it says
    only what changed is a word, and a purpose that was never ticked is not one.
    """
    last: dict[str, Consent] = {}
    said: dict[tuple[str, Identifier | None], Mapping[str, bool]] = {}
    for fact in facts:
        if fact.type != "consent" and not (fact.type in TELLING and any(name in fact.values for name in trust.consent)):
            continue
        told = fact.source, rules.subject(fact.ids)
        before = said.get(told, {})
        words = dict(_words(fact, trust, before))
        if not words:
            continue
        said[told] = {**before, **words}
        for purpose, given in words.items():
            known = last.get(purpose)
            news = fact.type == "consent" or before.get(purpose) is not given
            if news and (known is None or fact.at_us > known.at_us or not given):
                last[purpose] = Consent(given, fact.at_us, fact.source, fact.values.get("by"))
    return dict(sorted(last.items()))


def _words(fact: Fact, trust: Trust, before: Mapping[str, bool]) -> Iterator[tuple[str, bool]]:
    """What a fact says on each purpose: `{"music": true}`, or a list of all that was agreed to."""
    if fact.type == "consent":
        yield from (
            (name, given) for name, given in fact.values.items() if name in CONSENT_PURPOSES and given in (True, False)
        )
    for name in trust.consent:
        agreed = fact.values.get(name)
        if agreed is not None:
            mentioned = CONSENT_PURPOSES if fact.type == "consent" else {*agreed, *before} & CONSENT_PURPOSES
            yield from ((purpose, purpose in agreed) for purpose in sorted(mentioned))
