"""The HTTP doors as others see them: paths, what is sent and what is answered; the server and its document are made from this."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgehub import __version__
from edgehub.hub.access import APP, COLLECTOR, STAMPS
from edgehub.hub.doors.calls import BATCH, CALLS, MOST_CALLS
from edgehub.hub.doors.shapes import Choice, Flag, ListOf, Number, Part, Record, Text

_TIME = Text(64, format="date-time")
_COUNT = Number(0, whole=True)
_SENTENCE = Text(2_000, least=0)
ERROR = Record({"error": Part(_SENTENCE, "What is wrong, and what to do.", required=True)}, title="Error")
REFUSAL = Record(
    {
        "field": Part(Text(2_000, least=0), "The field whose value was left out.", required=True),
        "why": Part(_SENTENCE, "Why; never the value.", required=True),
    },
    title="Refusal",
)
RESULT = Record(
    {
        "messageId": Part(Text(256, least=0), "Of which call; empty when it could not be read.", required=True),
        "result": Part(
            Choice(("new", "again", "conflict", "forgotten", "refused")),
            "new: kept. again: known already, nothing changed. conflict: this id was told with other content before, "
            "which stays. forgotten: it is about a guest who asked to be, and nothing of it is kept. refused: not kept.",
            required=True,
        ),
        "why": Part(_SENTENCE, "Why it was refused."),
        "left_out": Part(ListOf(REFUSAL, 10_000), "Fields that were left out although the call was kept."),
    },
    title="Result",
)
RESULTS = Record(
    {
        "success": Part(Flag(), "True when every call is kept: new, or known already.", required=True),
        "items": Part(ListOf(RESULT, MOST_CALLS, least=0), "In the order they were sent.", required=True),
    },
    title="Results",
)

PRESS = Record(
    {
        "messageId": Part(Text(256), "The same again is the same press.", required=True),
        "serial": Part(Text(64), "Of a stamp pressed on the phone's screen."),
        "code": Part(Text(200), "As the booth's screen or a printed card shows it."),
        "userId": Part(Text(256), "Whose stamp it is; an installation of the app speaks for its own guest."),
        "anonymousId": Part(Text(256), "The same, while nobody has logged in."),
        "timestamp": Part(_TIME, "When it was pressed, by the sender's clock."),
        "sentAt": Part(_TIME, "When it was sent, by the same clock."),
    },
    title="Press",
    one_of=("serial", "code"),
)
JUDGED = Record(
    {
        "verdict": Part(
            Choice(("confirmed", "again", "held", "refused")),
            "confirmed: it counts. again: the guest has it already. held: the guest was not seen there; it counts as "
            "soon as that is known. refused: forged, used up, or too soon after another booth.",
            required=True,
        ),
        "zone": Part(Text(200), "The sponsor's zone."),
        "why": Part(Text(2_000, least=0), "For the guest."),
        "again_in_s": Part(Number(0), "When it may be tried again, s."),
    },
    title="Judged",
)
INSTALL = Record({}, title="Install")
INSTALLED = Record(
    {
        "installation": Part(
            Text(64), "What tells this installation from others: its anonymousId in calls.", required=True
        ),
        "token": Part(Text(200), "To be shown as bearer, and kept by the phone.", required=True),
    },
    title="Installed",
)
HEARD = Record(
    {
        "marker": Part(Text(200), "Its id in zones.yaml, or what it advertises, written like a badge.", required=True),
        "level": Part(Number(-127, 20), "dBm, as the phone says.", required=True),
        "at": Part(_TIME, "When, by the phone's clock.", required=True),
    },
    title="Heard",
)
SIGHTINGS = Record(
    {
        "messageId": Part(Text(256), "The same again is the same message.", required=True),
        "sentAt": Part(_TIME, "The phone's clock as the message leaves.", required=True),
        "sightings": Part(ListOf(HEARD, 500), "What was heard.", required=True),
    },
    title="Sightings",
)
SEEN = Record(
    {
        "result": Part(
            Choice(("new", "again", "conflict", "forgotten")),
            "Whether it was told before; forgotten: the guest asked to be, and nothing of it is kept.",
            required=True,
        ),
        "taken": Part(_COUNT, "Sightings that were looked at.", required=True),
        "late": Part(_COUNT, "Sightings older than what was told before, or from the future; ignored.", required=True),
        "unknown": Part(_COUNT, "Sightings of no marker of this venue; ignored.", required=True),
        "zone": Part(Text(200), "Where the phone is, when that is sure."),
    },
    title="Seen",
)

_ALWAYS: Mapping[int, str] = {
    400: "It cannot be read, or was refused.",
    401: "There is no key, or it opens nothing.",
    403: "The key opens another door.",
    413: "It is too large.",
    415: "It is not application/json.",
    429: "Too much at once: come again after Retry-After seconds.",
    503: "It could not be kept, or not all of it. Send all of it again after Retry-After seconds: what is kept is known.",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be done at a door, with POST."""

    path: str
    door: str
    """Whose keys open it."""
    summary: str
    request: Record
    answer: Record
    also: Mapping[int, str] = field(default_factory=dict)
    """Answers of its own beside 200, with the same body."""
    installations: bool = False
    """Whether an installation of the app may come too, for its own guest, with its token."""
    details: str = ""


_REFUSED_STAMP = {409: "It is used up, or too soon after another booth; the body says which."}
_CONFLICT = {409: "This messageId was told with other content before, which stays."}
OPERATIONS: tuple[Operation, ...] = (
    *(
        Operation(f"/v1/{kind}", COLLECTOR, f"Tell one {kind} call.", record, RESULTS, _CONFLICT)
        for kind, record in CALLS.items()
    ),
    Operation("/v1/batch", COLLECTOR, "Tell many calls; each is answered for itself.", BATCH, RESULTS),
    Operation("/v1/stamps", STAMPS, "Press a sponsor's stamp.", PRESS, JUDGED, _REFUSED_STAMP, installations=True),
    Operation(
        "/v1/app/installations", APP, "Register an installation of the phone app; gives it a token.", INSTALL, INSTALLED
    ),
    Operation(
        "/v1/app/sightings",
        APP,
        "Tell which markers a phone hears.",
        SIGHTINGS,
        SEEN,
        {409: "This messageId was told with other content before."},
        installations=True,
        details="With an installation's token. Send what was heard every half minute or so, in order; what is older "
        "than what was sent before is ignored. sentAt is the phone's clock as the request leaves: it corrects the times.",
    ),
)


def openapi() -> dict[str, Any]:
    """The doors as an OpenAPI 3.1 document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "edgehub: the HTTP doors of the hub", "version": __version__, "description": _ABOUT},
        "security": [{"basic": []}, {"bearer": []}],
        "paths": {operation.path: {"post": _described(operation)} for operation in OPERATIONS} | {"/openapi.json": _SELF},
        "components": {
            "schemas": {record.title: record.definition() for record in _records()},
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic", "description": "The key as user name, no password."},
                "bearer": {"type": "http", "scheme": "bearer", "description": "The key, or an installation's token."},
            },
        },
    }  # fmt: skip


_ABOUT = (
    "Every answer comes after the commit: what was answered with new or again is durable. "
    "Whatever was not answered may be sent again with the same messageId."
)
_SELF = {
    "get": {
        "operationId": "openapi",
        "summary": "This document.",
        "security": [],
        "responses": {"200": {"description": "The document.", "content": {"application/json": {"schema": {"type": "object"}}}}},
    }
}  # fmt: skip


def _described(operation: Operation) -> dict[str, Any]:
    answers = {200: "It was taken.", **operation.also}
    responses = {str(status): _response(about, operation.answer) for status, about in answers.items()}
    responses |= {str(status): _response(about, ERROR) for status, about in _ALWAYS.items()}
    for status in ("429", "503"):
        responses[status]["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return {
        **({"description": operation.details} if operation.details else {}),
        "operationId": operation.path.removeprefix("/v1/").replace("/", "_"),
        "summary": operation.summary,
        "tags": [operation.door],
        "requestBody": {"required": True, "content": {"application/json": {"schema": operation.request.schema()}}},
        "responses": dict(sorted(responses.items())),
    }


def _response(about: str, body: Record) -> dict[str, Any]:
    return {"description": about, "content": {"application/json": {"schema": body.schema()}}}


def _records() -> list[Record]:
    """Every record the document names."""
    found: dict[str, Record] = {}
    for record in (ERROR, *(one for operation in OPERATIONS for one in (operation.request, operation.answer))):
        _collect(record, found)
    return [found[title] for title in sorted(found)]


def _collect(shape: Any, found: dict[str, Record]) -> None:
    match shape:
        case Record(parts=parts, title=title):
            if title:
                found[title] = shape
            for part in parts.values():
                _collect(part.shape, found)
        case ListOf(item=item):
            _collect(item, found)
