"""The hub's log of facts, in memory, with the same promise: each key once, and other content under it is a conflict."""

from collections.abc import Sequence

from edgehub.hub.fact import Fact, Taken
from edgehub.hub.store import StoreError


class FactLog:
    """Keeps what it is given; `failing` makes it refuse like a full disk."""

    def __init__(self) -> None:
        self.facts: dict[tuple[str, str], Fact] = {}
        self.failing = False

    async def take(self, facts: Sequence[Fact]) -> Sequence[Taken]:
        """As `edgehub.hub.fact.Take` promises."""
        if self.failing:
            raise StoreError("database or disk is full")
        return [self._take(fact) for fact in facts]

    def of(self, kind: str) -> list[Fact]:
        """All facts of a type, in order of arrival."""
        return [fact for fact in self.facts.values() if fact.type == kind]

    def _take(self, fact: Fact) -> Taken:
        known = self.facts.setdefault((fact.source, fact.key), fact)
        if known is fact:
            return "new"
        return "again" if _told(known) == _told(fact) else "conflict"


def _told(fact: Fact) -> tuple[object, ...]:
    at_us = fact.told_us or (None if fact.at_us == fact.received_us else fact.at_us)
    return fact.type, fact.name, at_us, fact.ids, dict(fact.values)
