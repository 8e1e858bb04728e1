"""The envelope of an event, version 1, and the batches envelopes travel in.

An envelope's identity is (gateway, epoch nonce, partition, sequence). A batch is read envelope by envelope: one that
is malformed, too large or of a later version becomes Poison as long as its identity can be read, so that the hub can
set it aside *and acknowledge it*; a poison message never blocks the head of the queue.
"""

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

from edgehub.core.data import dataclass
from edgehub.core.wire.fields import (
    WireError,
    an_object,
    check,
    decode_text,
    decode_value,
    dump_text,
    need,
)
from edgehub.core.wire.shapes import As, Inline, Integer, Local, Text, record_of, write

VERSION = 1
MAX_ENVELOPE = 16 * 1024
MAX_BATCH = 64 * 1024
MAX_EVENTS = 50
MAX_DEPTH = 8
_SPACES = " \t\r\n"
_SPACE = re.compile(r"[ \t\r\n]*")
_PLACE = re.compile(
    rb'"epoch":\{"start":(\d{1,15}),"nonce":"([0-9a-f]{16})"\},"partition":(\d{1,9}),"seq":([1-9]\d{0,14})\b'
)
"""An identity as `place` writes it; a text inside an event cannot look like it, for its quotes are escaped."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One life of a gateway's outbox: a new one at every process start and whenever the store is created."""

    start: int
    """A persisted counter, for order."""
    nonce: Annotated[str, Text(16, 16, "[0-9a-f]{16}")]
    """16 random hex digits, for identity: a rolled-back or cloned SD card repeats counters, never these."""

    def to_json(self) -> dict[str, Any]:
        """As it is sent."""
        return write(self)


@dataclass(frozen=True, slots=True)
class At:
    """When something happened: on the boot's monotonic clock, and what the wall clock said, µs since 1970."""

    boot_id: str
    """Of this start of the machine; the monotonic clock means nothing beyond it."""
    monotonic_us: int
    wall_us: int
    quality: str
    """How far the wall clock is to be trusted: "synced", "unsynced" or "unknown"."""

    def to_json(self) -> dict[str, Any]:
        """As it is sent."""
        return write(self)


@dataclass(frozen=True, slots=True)
class Identity:
    """Which event it is, once the gateway is known."""

    epoch: Epoch
    partition: int
    """Sequences are counted in each partition by itself."""
    seq: Annotated[int, Integer(1)]
    """Without gaps within gateway, epoch and partition; what was given up unsent is named in a ``store.shed``."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event of a gateway."""

    type: Annotated[str, Text(most=64)]
    """Says what the body holds; a type that is not known is kept and acknowledged all the same."""
    gateway: Annotated[str, Text(most=64)]
    """The gateway's name, as in the topic."""
    identity: Annotated[Identity, Inline()]
    shed_class: Annotated[str, Text(most=32), As("class")]
    """How soon it is given up when storage runs out: diagnostic, state, sample, progress, visit, or vital (never)."""
    at: At
    body: Mapping[str, Any]
    raw: Annotated[str, Local()]
    """The text as it came: what the payload hash is taken of."""


@dataclass(frozen=True, slots=True)
class Poison:
    """An event that cannot be read, with an identity that can: to be set aside and acknowledged."""

    identity: Identity
    why: str
    raw: str


_IDENTITY = record_of(Identity)
_ENVELOPE = record_of(Envelope)


def read_batch(data: bytes) -> list[Envelope | Poison]:
    """The events of a batch, in order.

    Raises WireError when the batch itself is malformed, or when an event in it is and has no readable identity.
    """
    text = decode_text(data, limit=MAX_BATCH)
    events = [_read_event(value, raw) for value, raw in _elements(text)]
    if not events:
        raise WireError("a batch without events")
    return events


def lone_identity(data: bytes) -> Identity | None:
    """Whose fault it is that a message cannot be read: the one event in it, or None when there are several or none.

    Of several nobody can tell which one is poison; the gateway sends them one by one, and then it is known.
    """
    found = _PLACE.findall(data[:MAX_BATCH])
    if len(found) != 1:
        return None
    start, nonce, partition, seq = found[0]
    return Identity(Epoch(int(start), nonce.decode()), int(partition), int(seq))


def _elements(text: str) -> Iterator[tuple[Any, str]]:
    """The values of an array and the text of each."""
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        raise WireError("not an array")
    for _ in range(MAX_EVENTS):
        start = _skip(text, at + 1)
        value, end = decode_value(text, start)
        yield value, text[start:end]
        at = _skip(text, end)
        if text[at : at + 1] != ",":
            break
    if text[at:].rstrip(" \t\r\n") != "]":
        raise WireError(f"not an array of at most {MAX_EVENTS}")


def _skip(text: str, start: int) -> int:
    if text[start : start + 1] not in _SPACES:  # as a rule there is none
        return start
    found = _SPACE.match(text, start)
    return start if found is None else found.end()


def _read_event(value: Any, raw: str) -> Envelope | Poison:
    fields = an_object(value, "an event")
    identity = _IDENTITY.read(fields, "an event")
    try:
        return _read_envelope(fields, identity, raw)
    except WireError as error:
        return Poison(identity, str(error), raw)


def _read_envelope(fields: dict[str, Any], identity: Identity, raw: str) -> Envelope:
    if (version := need(fields, "v")) != VERSION or isinstance(version, bool):
        raise WireError(f"version {str(version)[:20]} is not known here")
    if len(raw) > MAX_ENVELOPE:
        raise WireError(f"an event of {len(raw)} bytes is more than {MAX_ENVELOPE}")
    check(fields, depth=MAX_DEPTH, text=raw)
    return Envelope(identity=identity, raw=raw, **_ENVELOPE.values(fields))


def partition_of(person: str | None, partitions: int) -> int:
    """The partition of a person's events; events without a person go to partition 0."""
    return 0 if person is None else zlib.crc32(person.encode()) % partitions


def draft(event_type: str, shed_class: str, at: At, body: Mapping[str, Any]) -> str:
    """The part of an envelope that is known before it has a place in the sequence. Raises WireError when too large."""
    text = dump_text({"type": event_type, "class": shed_class, "at": at.to_json(), "body": body})[1:]
    if len(text) > MAX_ENVELOPE - 512:  # room for the identity and the gateway's name
        raise WireError(f"an event of {len(text)} bytes is more than {MAX_ENVELOPE - 512}")
    return text


def place(drafted: str, identity: Identity) -> bytes:
    """The envelope as it is stored: all but the gateway's name, which may change before it is sent."""
    epoch = identity.epoch
    head = (
        f'{{"v":{VERSION},"epoch":{{"start":{epoch.start},"nonce":"{epoch.nonce}"}},'
        f'"partition":{identity.partition},"seq":{identity.seq},'
    )
    return (head + drafted).encode()


def batch(payloads: Iterable[bytes], gateway: str) -> bytes:
    """Stored envelopes as one message of this gateway."""
    head = b'{"gateway":' + dump_text(gateway).encode() + b","
    return b"[" + b",".join(head + payload[1:] for payload in payloads) + b"]"
