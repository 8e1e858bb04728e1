"""The calls people know from customer data platforms (identify, track, alias, page, screen), read into facts. Pure.

The shapes are those of Segment's public HTTP API, so that its libraries can send here. What is in traits, properties
and context is the data layer's business; a guest is whom its identifiers name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from edgehub.core.wire.fields import WireError, check, dump_text
from edgehub.hub.data_layer import DataLayer, Reading, flattened
from edgehub.hub.doors.shapes import Anything, Choice, ListOf, Part, Record, Text, Unfit
from edgehub.hub.doors.timing import corrected, read_time
from edgehub.hub.fact import Fact

MOST_BATCH = 500_000
MOST_CALL = 32_000
"""Bytes, as Segment's own limits."""
MOST_CALLS = 2_000
DEPTH = 8
MOST_NAME = 100

KINDS = ("identify", "track", "alias", "page", "screen")
TAKEN_KINDS = (*KINDS, "group")
_TIME = Text(64, format="date-time")
_ID = Text(256)

_COMMON = {
    "messageId": Part(
        _ID,
        "The same again is the same call: send a call that was not answered again with the same one.",
        required=True,
    ),
    "userId": Part(_ID, "Who it is, in the source's own system."),
    "anonymousId": Part(_ID, "Who it is while nobody has logged in: an installation, a browser."),
    "timestamp": Part(_TIME, "When it happened, by the sender's clock."),
    "sentAt": Part(_TIME, "When it was sent, by the same clock: corrects the timestamp."),
    "context": Part(Anything(), "Where it comes from; read by the data layer."),
}
_OWN: Mapping[str, Mapping[str, Part]] = {
    "identify": {"traits": Part(Anything(), "What is known of the guest.")},
    "track": {
        "event": Part(Text(MOST_NAME), "What happened.", required=True),
        "properties": Part(Anything(), "What is known of it."),
    },
    "alias": {"previousId": Part(_ID, "The name the guest had until now, an anonymousId mostly.", required=True)},
    "page": {"name": Part(Text(MOST_NAME), "Which page."), "properties": Part(Anything(), "What is known of it.")},
    "screen": {"name": Part(Text(MOST_NAME), "Which screen."), "properties": Part(Anything(), "What is known of it.")},
}  # fmt: skip
CALLS: Mapping[str, Record] = {
    kind: Record(
        {**_COMMON, **own},
        open=True,
        title=kind.capitalize(),
        one_of=("userId",) if kind == "alias" else ("userId", "anonymousId"),
    )
    for kind, own in _OWN.items()
}
ITEM = Record(
    {"type": Part(Choice(TAKEN_KINDS), "Which call it is; group is refused.", required=True), **_COMMON},
    open=True,
    title="Item",
)
BATCH = Record(
    {
        "batch": Part(ListOf(ITEM, MOST_CALLS, one_by_one=True), "Calls, each with its type.", required=True),
        "sentAt": Part(_TIME, "When it was sent; for all calls that do not say it themselves."),
        "context": Part(Anything(), "For all calls that do not say it themselves."),
    },
    title="Batch",
)

# Of the protocol, and not of the guest: the data layer is not asked about them.
_PROTOCOL = frozenset({
    "type", "messageId", "timestamp", "originalTimestamp", "sentAt", "receivedAt", "event", "previousId",
    "integrations", "channel", "version", "writeKey", "_metadata",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was read: the fact in it, and what the data layer could not use."""

    fact: Fact
    unmapped: Mapping[str, str] = field(default_factory=dict)
    """Field → type of JSON."""
    refused: tuple[tuple[str, str], ...] = ()
    """Field and reason."""


def read_call(
    raw: Any,
    source: str,
    layer: DataLayer,
    received_us: int,
    *,
    kind: str | None = None,
    shared: Mapping[str, Any] | None = None,
) -> Call:
    """Read one call of a source.

    Args:
        raw: as JSON gave it.
        source: whose words it speaks; data_layer.yaml has it.
        layer: reads those words.
        received_us: now, by our wall clock.
        kind: of the call; None reads it from its ``type``.
        shared: what a batch says for all of its calls.

    Raises:
        Unfit: it is refused, and why.
    """
    if isinstance(raw, dict):
        raw = {**(shared or {}), **raw}
    kind = kind or _kind(raw)
    if kind == "group":
        raise Unfit("group: edgehub knows guests, no groups")
    call = CALLS[kind].read(raw, "the call")
    _check_size(call)
    told = {key: value for key, value in call.items() if key not in _PROTOCOL}
    reading = layer.read(source, told)
    when = corrected(_time(call, "timestamp", "originalTimestamp"), _time(call, "sentAt"), received_us)
    name, unknown = _name(kind, call, source, layer)
    fact = Fact(
        source=source,
        key=call["messageId"],
        type=_TYPES[kind],
        name=name,
        at_us=when.at_us,
        told_us=when.told_us,
        received_us=received_us,
        ids=_ids(kind, call, source, layer, reading),
        values=reading.values,
    )
    return Call(fact, {**_types(told, reading), **unknown}, tuple((one.field, one.why) for one in reading.refused))


_TYPES: Mapping[str, Literal["identify", "track", "alias"]] = {
    "identify": "identify",
    "track": "track",
    "alias": "alias",
    "page": "track",
    "screen": "track",
}


def _kind(raw: Any) -> str:
    if not isinstance(raw, dict):
        raise Unfit("it is not an object")
    return Choice(TAKEN_KINDS).read(raw.get("type"), "type")


def _check_size(call: Mapping[str, Any]) -> None:
    """Depth and size of one call; the whole was read within the limits of a batch."""
    try:
        text = dump_text(call)
        check(call, depth=DEPTH, text=text)
    except WireError as error:
        raise Unfit(str(error)) from error
    if len(text) > MOST_CALL:
        raise Unfit(f"it takes {len(text)} bytes, more than {MOST_CALL}")


def _time(call: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        if isinstance(call.get(name), str):
            return read_time(call[name], name)
    return None


def _types(told: Mapping[str, Any], reading: Reading) -> Mapping[str, str]:
    """Fields that nobody mapped, and what kind of thing stands in them."""
    unmapped = set(reading.unmapped)
    if not unmapped:
        return {}
    return {name: _JSON.get(type(value), "null") for name, value in flattened(told) if name in unmapped}


_JSON = {str: "text", bool: "yes/no", int: "number", float: "number", list: "list", dict: "object"}


def _name(kind: str, call: Mapping[str, Any], source: str, layer: DataLayer) -> tuple[str | None, Mapping[str, str]]:
    """What was tracked, in our words where somebody mapped it; and what nobody did."""
    match kind:
        case "track":
            ours = layer.event(source, call["event"])
            return (ours, {}) if ours else (call["event"], {f"event {call['event']}": "event"})
        case "page" | "screen":
            return f"{kind}_viewed", {}
        case _:
            return None, {}


def _ids(kind: str, call: Mapping[str, Any], source: str, layer: DataLayer, reading: Reading) -> tuple[Any, ...]:
    ids = reading.ids
    if kind == "alias":
        before = layer.read(source, {"anonymousId": call["previousId"]}).ids
        if not (ids and before):
            raise Unfit("userId and anonymousId must both be mapped for this source in data_layer.yaml to be made one")
        return tuple(dict.fromkeys((*ids, *before)))
    if not ids:
        raise Unfit("it names no guest: map userId, anonymousId or a trait of this source in data_layer.yaml")
    return ids
