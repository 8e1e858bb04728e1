"""The desk: what staff look up about a guest, and what they say: these two are one, these are not, here is another badge.

Looking is reading documents that are ready. Saying is a fact like any other, so it is kept, shown with who said it, and
can be taken back.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from edgehub.core.badge import canonical_badge
from edgehub.core.profile import CONSENT_PURPOSES
from edgehub.core.venue import BadgeScheme
from edgehub.hub.fact import BADGE, PERSON, Fact, Identifier, Take
from edgehub.hub.forgetting import Forgetting, Receipt
from edgehub.hub.forgotten import STAFF
from edgehub.hub.store import HubStore, Row, Transaction

SOURCE = STAFF
MOST_FOUND = 20


class DeskError(Exception):
    """What was asked cannot be done; says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Found:
    """A guest who may be the one looked for."""

    person: str
    ids: tuple[str, ...]
    """As KIND:VALUE."""


class Desk:
    """What staff can ask and say.

    Args:
        store: of the hub; only read here.
        take: keeps what they say.
        scheme: what counts as a badge.
        wall_us: the wall clock, µs since 1970.
        forgetting: forgets guests.
    """

    def __init__(
        self,
        store: HubStore,
        take: Take,
        *,
        scheme: Callable[[], BadgeScheme],
        wall_us: Callable[[], int],
        forgetting: Forgetting | None = None,
    ) -> None:
        self._store = store
        self._take = take
        self._scheme = scheme
        self._wall_us = wall_us
        self._forgetting = forgetting

    # --- looking up

    async def find(self, text: str) -> list[Found]:
        """Guests by an identifier as KIND:VALUE, by its bare value in any spelling, or by a badge's number."""
        kind, spellings = self._spellings(text)
        return await self._store.read(lambda reading: _find(reading, kind, spellings))

    async def one(self, text: str) -> str:
        """The person id of exactly one guest. Raises DeskError when there is none, or several."""
        found = await self.find(text)
        match found:
            case [guest]:
                return guest.person
            case []:
                raise DeskError(f'nobody is known as "{text}"')
            case _:
                names = "; ".join(" ".join(guest.ids) for guest in found)
                raise DeskError(f'"{text}" may be any of {len(found)} guests: {names}. Say which, as KIND:VALUE')

    async def guest(self, person: str) -> Mapping[str, Any]:
        """The guest's document. Raises DeskError when there is none (yet)."""
        rows = await self._store.select("profile", person=person)
        if not rows:
            raise DeskError("the hub has not folded this guest's profile yet; try again in a moment")
        document: dict[str, Any] = json.loads(rows[0][0])
        return document

    async def everything(self, person: str) -> Mapping[str, Any]:
        """All that is kept about a guest, for the guest: the profile, every fact of the log, every stay reported."""
        document = await self.guest(person)
        subjects = [*document["ids"], *(f"{BADGE}:{badge['badge']}" for badge in document["badges"])]
        facts = await self._store.select("facts_about", subjects=subjects)
        stays = await self._store.select("stays_of", persons=document["persons"])
        return {
            "profile": document,
            "facts": [_fact(row) for row in facts],
            "stays": sorted(map(_stay, stays), key=itemgetter("entered_us")),
        }

    # --- saying

    async def merge(self, a: str, b: str, *, by: str) -> None:
        """These two are one guest. Raises DeskError."""
        await self._say("merge", await self._pair(a, b), {"by": by})

    async def unmerge(self, a: str, b: str, *, by: str) -> None:
        """These two are not: names of one guest part again. Raises DeskError."""
        await self._say("unmerge", (await self._name(a), await self._name(b)), {"by": by})

    async def hand(self, guest: str, badge: str, *, by: str, worn: bool = True) -> None:
        """The guest wears this badge from now on, or has given it back; what it told before stays whose it was."""
        key = canonical_badge(badge, self._scheme())
        if key is None:
            raise DeskError(f'"{badge}" names no badge of this venue')
        person = await self.one(guest)
        if not worn and person not in await self._wearers(key):
            raise DeskError(f"{badge} is not worn by this guest")
        await self._say("badge", (Identifier(PERSON, person), Identifier(BADGE, key)), {"by": by, "worn": worn})

    async def _wearers(self, badge: str) -> set[str]:
        rows = await self._store.select("wearers", badges=[badge])
        return {person for _, person, _, until_us in rows if until_us is None}

    async def agree(self, guest: str, purpose: str, *, given: bool, by: str) -> None:
        """The guest said at the desk what they agree to, or do not. Raises DeskError."""
        if purpose not in CONSENT_PURPOSES:
            raise DeskError(f'"{purpose}" is nothing to agree to; there are: {", ".join(sorted(CONSENT_PURPOSES))}')
        person = await self.one(guest)
        await self._say("consent", (Identifier(PERSON, person),), {purpose: given, "by": by})

    async def forget(self, guest: str) -> int:
        """The guest asked to be forgotten; the revision that gateways confirm. Raises DeskError, StoreError."""
        return await self._forgotten().forget(await self.one(guest))

    async def admit(self, name: str) -> None:
        """A guest who was forgotten came back and asks to be known again by this name. Raises DeskError."""
        kind, spellings = self._spellings(name)
        if not await self._forgotten().admit(kind, spellings):
            raise DeskError(f'nobody forgotten had the name "{name}"; write it as KIND:VALUE')

    async def receipts(self, revision: int) -> Sequence[Receipt]:
        """Which gateways have confirmed what was forgotten up to this revision, and which have not yet."""
        return await self._forgotten().receipts(revision)

    def _forgotten(self) -> Forgetting:
        if self._forgetting is None:
            raise DeskError("nothing is forgotten at this desk")
        return self._forgetting

    async def _say(self, kind: str, ids: tuple[Identifier, ...], values: Mapping[str, Any]) -> None:
        now_us = self._wall_us()
        key = f"{now_us}/{secrets.token_hex(4)}"
        fact = Fact(source=SOURCE, key=key, type=kind, at_us=now_us, received_us=now_us, ids=ids, values=values)
        await self._take([fact])

    async def _pair(self, a: str, b: str) -> tuple[Identifier, Identifier]:
        """Two guests by their person ids, which outlive every other name."""
        one, other = await self.one(a), await self.one(b)
        if one == other:
            raise DeskError("they are one guest already")
        return Identifier(PERSON, one), Identifier(PERSON, other)

    async def _name(self, text: str) -> Identifier:
        """One name, since it is names that part."""
        kind, spellings = self._spellings(text)
        rows = await self._store.select("named", values=spellings)
        match [Identifier(found, value) for found, value, _ in rows if kind in (None, found)]:
            case [name]:
                return name
            case _:
                raise DeskError(f'"{text}" is not one name of a guest; write it as KIND:VALUE')

    def _spellings(self, text: str) -> tuple[str | None, list[str]]:
        """The kind, if one was typed, and how the rest may be kept: as it stands, in lower case, as a badge's key."""
        text = text.strip()
        badge = canonical_badge(text.removeprefix(f"{BADGE}:"), self._scheme())
        if badge is not None:
            return (BADGE if text.startswith(f"{BADGE}:") else None), [badge, text]
        kind, colon, value = text.partition(":")
        kept = value if colon else text
        return (kind if colon else None), list(dict.fromkeys((kept, kept.lower())))


def _find(reading: Transaction, kind: str | None, spellings: list[str]) -> list[Found]:
    persons = {person for found, _, person in reading.select("named", values=spellings) if kind in (None, found)}
    if kind in (None, BADGE):
        persons |= {
            person for _, person, _, until_us in reading.select("wearers", badges=spellings) if until_us is None
        }
    return [Found(person, _ids(reading, person)) for person in sorted(persons)[:MOST_FOUND]]


def _ids(reading: Transaction, person: str) -> tuple[str, ...]:
    return tuple(f"{kind}:{value}" for kind, value in reading.select("ids_of", person=person))


def _fact(row: Row) -> Mapping[str, Any]:
    source, key, kind, name, at_us, received_us, subject, ids, body = row
    return {
        "source": source,
        "key": key,
        "type": kind,
        "name": name,
        "at_us": at_us,
        "received_us": received_us,
        "ids": json.loads(ids) if ids else [subject],
        "values": json.loads(body) if body else {},
    }


def _stay(row: Row) -> Mapping[str, Any]:
    names: Iterable[str] = ("gateway", "visit", "person", "zone", "entered_us", "seen_us", "left_us")
    return dict(zip(names, row, strict=False))
