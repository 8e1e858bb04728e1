"""A guest: one document of all the hub knows of somebody, folded from the log and ready to be read.

Nothing is in it that was not told: every value has its age and its source, and the timeline names the facts, so "what do
you know of me?" is answered from this and the log. The same facts make the same document, whatever order they came in.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from edgehub.core.profile import BadgeBinding
from edgehub.core.venue import Venue
from edgehub.hub.attributes import Attribute, Evidence, Value, evaluate
from edgehub.hub.belief import Consent, Trust, believed_values, consents, plain
from edgehub.hub.claim import IdentityRules
from edgehub.hub.definition import Definition
from edgehub.hub.fact import Fact, Identifier
from edgehub.hub.identity import Cluster
from edgehub.hub.ledger import Stay
from edgehub.hub.periods import Calendar
from edgehub.hub.visits import CountedVisit, Report, counted_visits

DOORS: Final = frozenset({"identify", "alias", "track", "badge", "consent", "stamp", "merge", "unmerge"})
"""Facts of the timeline. What gateways and phones tell is in it as visits."""
TIMELINE_ENTRIES: Final = 100
"""The last so many; the log has them all."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened, by whichever door it came. Wall times in µs since 1970."""

    at_us: int
    type: str
    """`visit`, or the type of the fact."""
    name: str | None
    """The zone of a visit or stamp, or what was tracked."""
    source: str
    key: str | None = None
    """With the source, which fact; None for a visit, which several reports may have told."""
    until_us: int | None = None
    """Of a visit, when it ended or up to when it counts so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """All that is known of one guest."""

    person: str
    """The canonical id."""
    persons: tuple[str, ...]
    """All ids, the oldest first."""
    ids: tuple[Identifier, ...]
    badges: tuple[BadgeBinding, ...]
    values: Mapping[str, Value]
    """By official name; one that is not here is unknown."""
    consent: Mapping[str, Consent]
    """By purpose; one that is not here was never mentioned, and is not given."""
    attributes: Mapping[str, Attribute]
    timeline: tuple[Entry, ...]

    @property
    def agreed(self) -> frozenset[str]:
        """Purposes the guest agrees to."""
        return frozenset(purpose for purpose, consent in self.consent.items() if consent.given)

    def to_json(self) -> str:
        """The document; the same text for the same guest."""
        document = {
            "person": self.person,
            "persons": self.persons,
            "ids": [str(one) for one in self.ids],
            "badges": self.badges,
            "values": self.values,
            "consent": self.consent,
            "attributes": self.attributes,
            "timeline": self.timeline,
        }
        return _ENCODER.encode(document)

    @classmethod
    def from_json(cls, text: str) -> "Guest":
        """Read a document that `to_json` wrote."""
        raw = json.loads(text)
        return cls(
            person=raw["person"],
            persons=tuple(raw["persons"]),
            ids=tuple(map(Identifier.parse, raw["ids"])),
            badges=tuple(BadgeBinding(**one) for one in raw["badges"]),
            values=_values(raw["values"]),
            consent={name: Consent(**one) for name, one in raw["consent"].items()},
            attributes={
                name: Attribute(one["per"], one["current"], _values(one["known"]), one["unit"])
                for name, one in raw["attributes"].items()
            },
            timeline=tuple(Entry(**one) for one in raw["timeline"]),
        )


def _fields(one: Any) -> dict[str, Any]:
    """A dataclass as an object of JSON; ``asdict`` would copy it all, in three times the time."""
    return {name: getattr(one, name) for name in one.__slots__}


_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, default=_fields)


def _values(raw: Mapping[str, Mapping[str, Any]]) -> dict[str, Value]:
    return {name: Value(plain(one["value"]), one["at_us"], one["source"]) for name, one in raw.items()}


def fold(
    cluster: Cluster,
    facts: Iterable[Fact],
    stays: Iterable[Stay],
    *,
    venue: Venue,
    calendar: Calendar,
    definitions: Sequence[Definition],
    trust: Trust,
    rules: IdentityRules,
    now_us: int,
) -> Guest:
    """Fold the log of one guest into a document. Raises ValueError for a guest whom the hub gave no id.

    Args:
        cluster: who the guest is.
        facts: everything told of any of the guest's names and badges; what is somebody else's is left out here.
        stays: reported under any of the guest's person ids.
        venue: which zones are sponsors'.
        calendar: the venue's days.
        definitions: of the attributes.
        trust: in sources.
        rules: of the kinds of identifiers.
        now_us: stays that are open count up to here, and values are as old as they are by then.
    """
    if cluster.person is None:
        raise ValueError("a guest without a person id: give one first")
    told = _own_facts(cluster, facts, rules)
    stays = [stay for stay in stays if stay.person in cluster.persons]
    sponsors = frozenset(zone.id for zone in venue.zones.values() if zone.sponsor)
    stamps = [(str(fact.values.get("zone")), fact.at_us) for fact in told if fact.type == "stamp"]
    seen = [report for fact in told if fact.type == "seen" for report in _seen(fact)]
    visits = counted_visits(stays, now_us, seen=seen, sponsors=sponsors, stamps=stamps)
    evidence = Evidence.gathered(visits, told, now_us)
    return Guest(
        person=cluster.person,
        persons=cluster.persons,
        ids=cluster.ids,
        badges=cluster.badges,
        values=believed_values(told, trust, now_us),
        consent=consents(told, trust, rules),
        attributes={one.name: evaluate(one, evidence, calendar) for one in definitions},
        timeline=_timeline(told, visits),
    )


def _own_facts(cluster: Cluster, facts: Iterable[Fact], rules: IdentityRules) -> list[Fact]:
    """The guest's facts, each once, in an order that does not depend on when they arrived."""
    once = {(fact.at_us, fact.source, fact.key): fact for fact in facts}
    subject = cache(rules.subject)  # a guest has few sets of ids and many facts
    return [once[order] for order in sorted(once) if cluster.owns(subject(once[order].ids), order[0])]


def _seen(fact: Fact) -> Iterator[Report]:
    """Where a phone places the guest, when its fact says so."""
    match fact.values:
        case {"zone": str(zone), "from_us": int(from_us), "to_us": int(to_us)} if from_us <= to_us:
            yield Report(from_us, to_us, zone, fact.source)


def _timeline(facts: Sequence[Fact], visits: Sequence[CountedVisit]) -> tuple[Entry, ...]:
    """The last of what happened, over all doors; first things first."""
    entries = sorted(
        _entries(facts, visits), key=lambda entry: (entry.at_us, entry.type, entry.source, entry.key or "")
    )
    return tuple(entries[-TIMELINE_ENTRIES:])


def _entries(facts: Sequence[Fact], visits: Sequence[CountedVisit]) -> Iterator[Entry]:
    """Enough of them for the timeline."""
    for fact in [fact for fact in facts if fact.type in DOORS][-TIMELINE_ENTRIES:]:
        zone = fact.values.get("zone") if fact.type == "stamp" else None
        yield Entry(fact.at_us, fact.type, zone or fact.name, fact.source, fact.key)
    for visit in visits[-TIMELINE_ENTRIES:]:
        yield Entry(visit.begin_us, "visit", visit.zone, visit.source, None, visit.end_us)
