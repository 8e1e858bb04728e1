"""What one commit of the journal writes: events that have no number yet, visits, and what the hub said."""

import asyncio
import zlib
from collections.abc import Collection
from dataclasses import asdict, field

from edgehub.core.data import dataclass
from edgehub.core.record import NewEvent, OpenVisit, OutboxRow, VisitChange, VisitGone
from edgehub.core.wire import Ack, At, Epoch, Identity, compaction_key, shed_class
from edgehub.core.wire.envelope import draft, partition_of, place
from edgehub.core.wire.events import EventErased
from edgehub.core.wire.fields import dump
from edgehub.gateway.store.database import Row, Step

SCHEMA_VERSION = 1
ASIDE_ROWS = 1_000
"""Events set aside; of more the oldest go."""
ROW_BYTES = 120
"""What SQLite keeps of an event beside its payload: row, index, checksum."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that has no place in the sequence yet."""

    event_class: str
    partition: int
    text: str
    key: str | None

    @classmethod
    def of(cls, event: NewEvent, partitions: int, erased: Collection[str] = ()) -> "Draft":
        """Of a new event; of one about somebody erased only that there was one. Raises WireError."""
        event_class = shed_class(event.type)
        partition = partition_of(event.person, partitions)
        if event.person in erased or event.body.get("person") in erased:
            return cls(EventErased.shed, partition, erased_text(event.at), None)
        text = draft(event.type, event_class, event.at, event.body)
        return cls(event_class, partition, text, compaction_key(event.type, event.body))


def erased_text(at: At) -> str:
    """An event without anything in it."""
    return draft(EventErased.type, EventErased.shed, at, {})


class Sequences:
    """Gives events their numbers: gap-free in each partition of an epoch."""

    def __init__(self, epoch: Epoch) -> None:
        self.epoch = epoch
        self._next: dict[int, int] = {}

    def place(self, drafted: Draft) -> Row:
        """The row of an event, with the next number."""
        seq = self._next.get(drafted.partition, 1)
        self._next[drafted.partition] = seq + 1
        payload = place(drafted.text, Identity(self.epoch, drafted.partition, seq))
        head = self.epoch.start, drafted.partition, seq, drafted.event_class
        return *head, SCHEMA_VERSION, payload, zlib.crc32(payload), drafted.key


@dataclass(slots=True)
class Batch:
    """What the next commit writes."""

    drafts: list[Draft] = field(default_factory=list)
    visits: list[VisitChange] = field(default_factory=list)
    marks: dict[tuple[str, int], Ack] = field(default_factory=dict)
    unmarks: dict[tuple[str, int], Ack] = field(default_factory=dict)
    aside: list[OutboxRow] = field(default_factory=list)
    futures: list[asyncio.Future[bool]] = field(default_factory=list)
    dropped: int = 0
    """Events that had to be left out."""

    @property
    def is_empty(self) -> bool:
        """True when there is nothing to commit and nobody waits."""
        return not (self.marks or self.futures or self.aside)

    @property
    def size_bytes(self) -> int:
        """About what it will take on the disk."""
        return sum(len(one.text) + ROW_BYTES for one in self.drafts)

    def drop_ordinary(self) -> None:
        """Leave out everything but what is vital; whoever waits is told that it was not kept."""
        kept = [one for one in self.drafts if one.event_class == "vital"]
        self.dropped += len(self.drafts) - len(kept)
        self.drafts = kept

    def visit_steps(self) -> list[Step]:
        """The visits as statements: of several changes to one the last counts."""
        last = {change.visit: change for change in self.visits}.values()
        kept = [visit_row(change) for change in last if isinstance(change, OpenVisit)]
        gone = [(change.visit,) for change in last if isinstance(change, VisitGone)]
        return [("put_visit", kept), ("drop_visit", gone)]

    def aside_steps(self, wall_us: int) -> list[Step]:
        """What is given up for good, as statements."""
        if not self.aside:
            return []
        return [
            ("put_aside", [(row.id, wall_us) for row in self.aside]),
            ("trim_aside", [(ASIDE_ROWS,)]),
            ("delete_row", [(row.id,) for row in self.aside]),
        ]

    def unmark_rows(self) -> list[tuple[str, int, int]]:
        """Above which sequence of which epoch and partition everything waits again."""
        return [(*key, ack.watermark) for key, ack in self.unmarks.items()]

    def resolve(self, *, kept: bool) -> None:
        """Tell those who wait."""
        for future in self.futures:
            if not future.done():  # whoever waited may have been cancelled
                future.set_result(kept and not self.dropped)


def visit_row(visit: OpenVisit) -> tuple[str, bytes, int]:
    """An open visit as it is stored."""
    document = dump(asdict(visit))
    return visit.visit, document, zlib.crc32(document)
