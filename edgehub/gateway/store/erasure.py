"""Erasure: nothing about a guest who asked to be forgotten stays on this disk, and no sequence gets a gap by it.

An event about them that waits keeps its place and loses everything else. What is still to be written about them, the
end of a visit for example, is emptied on its way in.
"""

import json
import re
import zlib
from collections.abc import Collection, Iterable

from edgehub.core.record import OpenVisit, VisitChange, VisitGone
from edgehub.core.wire import At, Epoch, Identity
from edgehub.core.wire.envelope import place
from edgehub.core.wire.events import EventErased
from edgehub.gateway.store.batch import erased_text
from edgehub.gateway.store.database import Database

CHUNK = 2_000
"""Rows looked at between two turns of the writer."""
_PERSON = re.compile(rb'"person":"([^"]*)"')


class Eraser:
    """Empties a journal of guests.

    Args:
        database: of the journal.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.erased: set[str] = set()
        """Persons nothing may be written about."""

    def sifted(self, visits: Iterable[VisitChange]) -> list[VisitChange]:
        """The visits to keep: of an erased person there is none."""
        return [
            VisitGone(one.visit) if isinstance(one, OpenVisit) and one.person in self.erased else one for one in visits
        ]

    async def empty(self, persons: Collection[str]) -> None:
        """Empty what is written down about these. Raises DatabaseError or OSError when the disk does not let us."""
        await self._empty_events(persons)
        await self._drop_aside(persons)
        rows = await self._database.select("visits")
        gone = [(visit,) for visit, document, _ in rows if _is_about(document, persons)]
        await self._database.write([("drop_visit", gone)])
        await self._database.scrub([person.encode() for person in persons])

    async def _empty_events(self, persons: Collection[str]) -> None:
        after = 0
        while rows := await self._database.select("payloads", after, CHUNK):
            after = rows[-1][0]
            emptied = [(_emptied(payload), row_id) for row_id, payload in rows if _is_about(payload, persons)]
            if emptied:
                changes = [(payload, zlib.crc32(payload), EventErased.shed, row_id) for payload, row_id in emptied]
                await self._database.write([("empty_row", changes)])

    async def _drop_aside(self, persons: Collection[str]) -> None:
        after = 0
        while rows := await self._database.select("aside_payloads", after, CHUNK):
            after = rows[-1][0]
            gone = [(row_id,) for row_id, payload in rows if _is_about(payload, persons)]
            await self._database.write([("drop_aside", gone)])


def _is_about(payload: bytes, persons: Collection[str]) -> bool:
    return any(person.decode() in persons for person in _PERSON.findall(payload))


def _emptied(payload: bytes) -> bytes:
    raw = json.loads(payload)
    identity = Identity(Epoch(**raw["epoch"]), raw["partition"], raw["seq"])
    return place(erased_text(At(**raw["at"])), identity)
