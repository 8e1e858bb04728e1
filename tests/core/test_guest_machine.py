"""Anything may happen in any order, and the guests are always what the log says.

The hub of this test keeps what the real one keeps: claims by component, hand-overs of badges, one document per guest,
and folds again only what a fact touches. Beside it stands the whole log, folded from nothing.
"""

import json
from collections.abc import Iterable
from datetime import date
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edgehub.core.venue import Venue, Zone
from edgehub.hub.belief import Trust
from edgehub.hub.claim import Claim, IdentityRules, KindRule
from edgehub.hub.definition import Definition, Told, Visits
from edgehub.hub.fact import BADGE, PERSON, Fact, Identifier
from edgehub.hub.guest import Guest, fold
from edgehub.hub.identity import Cluster, Resolution, resolve
from edgehub.hub.ledger import Stay
from edgehub.hub.periods import Calendar

MINUTE = 60_000_000
DAY_ONE = 1_795_392_000_000_000
"""2026-11-23 00:00 UTC."""
NOW = DAY_ONE + 2880 * MINUTE
RULES = IdentityRules(KindRule("registration", most=1), KindRule("email", most=2), KindRule("app"))
VENUE = Venue(zones={zone: Zone(zone, zone, sponsor=zone == "acme") for zone in ("bar", "bacon", "acme")})
EVENT = Calendar(ZoneInfo("UTC"), (date(2026, 11, 23), date(2026, 11, 24)))
DEFINITIONS = (
    Definition(name="stay", kind="total stay", of=Visits(("bar", "bacon")), per="ever"),
    Definition(name="nights", kind="count", of=Visits(each_of_s=30), per="night"),
    Definition(name="sponsors", kind="set", of=Told("stamp", variable="zone", silence_is_none=True)),
    Definition(name="clicks", kind="count", of=Told("track", told_by=("app",)), per="ever"),
)


def document(cluster: Cluster, facts: Iterable[Fact], stays: Iterable[Stay]) -> str:
    """The guest as the hub stores it."""
    return fold(
        cluster,
        facts,
        stays,
        venue=VENUE,
        calendar=EVENT,
        definitions=DEFINITIONS,
        trust=Trust(priority={"registration": 60}),
        rules=RULES,
        now_us=NOW,
    ).to_json()


def documents(resolution: Resolution, facts: Iterable[Fact], stays: Iterable[Stay]) -> dict[str, str]:
    """Of every guest in a resolution, by person id."""
    return {one.person: document(one, facts, stays) for one in resolution.clusters if one.person is not None}


class Hub:
    """Folds again what a fact touches, and nothing else."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.stays: list[Stay] = []
        self.documents: dict[str, str] = {}
        self._component: dict[Identifier, int] = {}
        self._claims: dict[int, dict[str, Claim]] = {}
        self._resolutions: dict[int, Resolution] = {}
        self._numbers = count()

    def take(self, fact: Fact) -> None:
        """Keep a fact; guests who have none yet are given an id."""
        self.facts.append(fact)
        claim = Claim.of(fact)
        if claim is None or not RULES.names(claim.ids):
            self._refold(number for number in self._resolutions if self._wears(number, fact.ids))
            return
        number = self._join(claim)
        self._refold([number, *(self._neighbours(number) - {number})])  # its hand-overs first: the others need them
        for cluster in self._resolutions[number].clusters:
            if cluster.person is None and cluster.anchor is not None:
                minted = Identifier(PERSON, f"p{next(self._numbers)}")
                key = f"{minted}"
                self.take(
                    Fact(
                        source="hub",
                        key=key,
                        type="alias",
                        at_us=fact.at_us,
                        received_us=NOW,
                        ids=(minted, cluster.anchor),
                    )
                )
                return  # what else there is without an id is found then

    def see(self, stay: Stay) -> None:
        """Keep a stay."""
        self.stays.append(stay)
        self._refold({self._component[Identifier(PERSON, stay.person)]})

    def _join(self, claim: Claim) -> int:
        """Make the components that a claim touches one, with all their claims; each kept as it was made first."""
        names = RULES.names(claim.ids)
        touched = {self._component[name] for name in names if name in self._component}
        number = next(self._numbers)
        claims: dict[str, Claim] = {}
        for old in touched:
            self._forget(old)
            claims |= self._claims.pop(old)
        claims[claim.says] = min(claims.get(claim.says, claim), claim, key=lambda one: one.order)
        self._claims[number] = claims
        self._component |= dict.fromkeys(names, number)
        self._component |= {name: number for name, old in self._component.items() if old in touched}
        return number

    def _forget(self, number: int) -> None:
        for cluster in self._resolutions.pop(number).clusters:
            self.documents.pop(cluster.person or "", None)

    def _neighbours(self, number: int) -> set[int]:
        """Components that were handed the same badges."""
        badges = {one.value for claim in self._claims[number].values() for one in claim.ids if one.kind == BADGE}
        return {
            other
            for other, resolution in self._resolutions.items()
            if any(handing.badge in badges for handing in resolution.handings)
        }

    def _wears(self, number: int, ids: Iterable[Identifier]) -> bool:
        badges = {one.value for one in ids if one.kind == BADGE}
        return any(handing.badge in badges for handing in self._resolutions[number].handings)

    def _refold(self, numbers: Iterable[int]) -> None:
        for number in list(numbers):
            if number in self._resolutions:
                self._forget(number)
            elsewhere = [one for other, found in self._resolutions.items() for one in found.handings if other != number]
            resolution = resolve(self._claims[number].values(), RULES, elsewhere)
            self._resolutions[number] = resolution
            self.documents |= documents(resolution, self.facts, self.stays)


MINUTES = st.integers(0, 2000)
WHO = st.sampled_from("ABC")
BADGES = st.sampled_from("12")


class Guests(RuleBasedStateMachine):
    """Registrations, apps, badges, stays, merges and cuts, early and late."""

    def __init__(self) -> None:
        super().__init__()
        self.hub = Hub()
        self.keys = map(str, count())
        self.words = count(3000)
        """Minutes at which the staff speak: what they say is said after what it is about."""

    def tell(self, minute: int, ids: str, kind: str = "identify", source: str = "registration", **values: Any) -> None:
        at_us = DAY_ONE + minute * MINUTE
        names = tuple(map(Identifier.parse, ids.split()))
        key = next(self.keys)
        self.hub.take(Fact(source=source, key=key, type=kind, at_us=at_us, received_us=NOW, ids=names, values=values))

    def word(self, kind: str, a: str, b: str) -> None:
        self.tell(next(self.words), f"person:{a} person:{b}", kind, "staff")

    @property
    def persons(self) -> list[str]:
        return sorted({one.value for fact in self.hub.facts for one in fact.ids if one.kind == PERSON})

    @rule(minute=MINUTES, who=WHO, email=st.sampled_from("xyz"), colour=st.sampled_from(["red", "blue"]))
    def register(self, minute: int, who: str, email: str, colour: str) -> None:
        self.tell(minute, f"registration:{who} email:{email}", colour=colour, consent=("lights",))

    @rule(minute=MINUTES, phone=st.sampled_from("mn"), email=st.sampled_from("xyz"))
    def log_in(self, minute: int, phone: str, email: str) -> None:
        self.tell(minute, f"app:{phone} email:{email}", source="app", colour="green")

    @rule(minute=MINUTES, phone=st.sampled_from("mn"))
    def click(self, minute: int, phone: str) -> None:
        self.tell(minute, f"app:{phone}", "track", "app", item="mug")

    @rule(minute=MINUTES, who=WHO, badge=BADGES)
    def hand_out_a_badge(self, minute: int, who: str, badge: str) -> None:
        self.tell(minute, f"registration:{who} badge:{badge}", "badge", "staff")

    @rule(minute=MINUTES, badge=BADGES, zone=st.sampled_from(["acme", "bar"]))
    def stamp(self, minute: int, badge: str, zone: str) -> None:
        self.tell(minute, f"badge:{badge}", "stamp", "stamps", zone=zone)

    @rule(minute=MINUTES, phone=st.sampled_from("mn"), given=st.booleans())
    def consent(self, minute: int, phone: str, given: bool) -> None:
        self.tell(minute, f"app:{phone}", "consent", "app", music=given)

    @precondition(lambda self: self.persons)
    @rule(data=st.data(), minute=MINUTES, length=st.integers(0, 300), zone=st.sampled_from(sorted(VENUE.zones)))
    def stay(self, data: Any, minute: int, length: int, zone: str) -> None:
        begin = DAY_ONE + minute * MINUTE
        end = begin + length * MINUTE
        person = data.draw(st.sampled_from(self.persons))
        self.hub.see(Stay("pi", next(self.keys), person, zone, begin, end, end, 1, 1))

    @precondition(lambda self: len(self.persons) > 1)
    @rule(data=st.data())
    def merge_unmerge_merge(self, data: Any) -> None:
        """The second merge makes what the first one made."""
        a, b = data.draw(st.permutations(self.persons))[:2]
        self.word("merge", a, b)
        once = {person: without_words(text) for person, text in self.hub.documents.items()}
        self.word("unmerge", a, b)
        assert not any({a, b} <= set(Guest.from_json(text).persons) for text in self.hub.documents.values())
        self.word("merge", a, b)
        assert {person: without_words(text) for person, text in self.hub.documents.items()} == once

    @precondition(lambda self: len(self.persons) > 1)
    @rule(data=st.data(), kind=st.sampled_from(["merge", "unmerge"]))
    def speak(self, data: Any, kind: str) -> None:
        a, b = data.draw(st.permutations(self.persons))[:2]
        self.word(kind, a, b)

    @invariant()
    def the_log_says_the_same(self) -> None:
        """Folded from nothing, in another order, and with every claim told twice."""
        claims = [claim for claim in map(Claim.of, reversed(self.hub.facts)) if claim is not None]
        whole = resolve([*claims, *claims], RULES)
        assert documents(whole, self.hub.facts[::-1], self.hub.stays[::-1]) == self.hub.documents

    @invariant()
    def nobody_is_two(self) -> None:
        """Each name is one guest's; nobody has two registrations that the staff did not make one."""
        guests = [Guest.from_json(text) for text in self.hub.documents.values()]
        names = [name for guest in guests for name in guest.ids]
        assert len(names) == len(set(names))
        merged = {one for fact in self.hub.facts if fact.type == "merge" for one in fact.ids}
        for guest in guests:
            assert sum(one.kind == "registration" for one in guest.ids) <= 1 or len(merged & set(guest.ids)) > 1

    @invariant()
    def no_minute_counts_twice(self) -> None:
        """Two ids of one guest, two zones at once: the time is the time they were there."""
        for text in self.hub.documents.values():
            guest = Guest.from_json(text)
            own = [stay for stay in self.hub.stays if stay.person in guest.persons]
            there = {minute for one in own for minute in range(one.entered_us, one.left_us or 0, MINUTE)}
            counted = guest.attributes["stay"].known.get("ever")
            assert (0 if counted is None else counted.value) <= len(there) * 60


def without_words(text: str) -> dict[str, Any]:
    """A document but for the staff's words in its timeline: those are what happened, and stay."""
    raw: dict[str, Any] = json.loads(text)
    raw["timeline"] = [one for one in raw["timeline"] if one["type"] not in ("merge", "unmerge")]
    return raw


TestGuests = Guests.TestCase
TestGuests.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
