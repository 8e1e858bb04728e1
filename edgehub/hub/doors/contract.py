"""The HTTP doors as others see them: paths, what is sent and what is answered; the server and its document are made from this."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgehub import __version__
from edgehub.hub.access import COLLECTOR
from edgehub.hub.doors.calls import BATCH, CALLS, MOST_CALLS
from edgehub.hub.doors.shapes import Choice, Flag, ListOf, Part, Record, Text

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
            Choice(("new", "again", "conflict", "refused")),
            "new: kept. again: known already, nothing changed. conflict: this id was told with other content before, "
            "which stays. refused: not kept.",
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

_ALWAYS: Mapping[int, str] = {
    400: "It cannot be read, or was refused.",
    401: "There is no key, or it opens nothing.",
    403: "The key opens another door.",
    413: "It is too large.",
    415: "It is not application/json.",
    429: "Too much at once: come again after Retry-After seconds.",
    503: "It could not be kept; nothing of it was. Send it again after Retry-After seconds.",
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
    details: str = ""


_CONFLICT = {409: "This messageId was told with other content before, which stays."}
OPERATIONS: tuple[Operation, ...] = (
    *(
        Operation(f"/v1/{kind}", COLLECTOR, f"Tell one {kind} call.", record, RESULTS, _CONFLICT)
        for kind, record in CALLS.items()
    ),
    Operation("/v1/batch", COLLECTOR, "Tell many calls; each is answered for itself.", BATCH, RESULTS),
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
