"""JSON Schemas (draft 2020-12) of what travels, made from the same dataclasses that read and write it.

Descriptions are the docstrings in the source, of the class and under its fields. What JSON Schema cannot say (an
integer written as ``1.0``, numbers beyond 2^53 in unknown fields, depth, sizes in bytes) stands in the document's text.
"""

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Any

from edgehub.core.wire.envelope import MAX_EVENTS, VERSION, Envelope
from edgehub.core.wire.events import CATALOGUE
from edgehub.core.wire.fields import MAX_INTEGER
from edgehub.core.wire.shapes import (
    Boolean,
    Free,
    Integer,
    Many,
    Number,
    Part,
    Record,
    Row,
    Shape,
    Span,
    Text,
    record_of,
)

DRAFT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def message_schema(kind: Any) -> Schema:
    """The schema of a message that is one object."""
    return _record(record_of(kind))


def batch_schema() -> Schema:
    """The schema of a batch of events."""
    return {"type": "array", "minItems": 1, "maxItems": MAX_EVENTS, "items": event_schema()}


def event_schema() -> Schema:
    """The schema of an event: its envelope, and the body of each type that is known."""
    envelope = message_schema(Envelope)
    envelope["properties"] = {"v": {"const": VERSION, "description": "Of the envelope."}, **envelope["properties"]}
    envelope["required"] = ["v", *envelope["required"]]
    envelope["allOf"] = [_when(name, message_schema(body)) for name, body in sorted(CATALOGUE.items())]
    return envelope


def _when(event_type: str, body: Schema) -> Schema:
    known = {"properties": {"type": {"const": event_type}}, "required": ["type"]}
    return {"if": known, "then": {"properties": {"body": body}}}


def _schema(shape: Shape) -> Schema:
    match shape:
        case Text(least, most, pattern):
            form = {"pattern": f"^{pattern}$"} if pattern else {}
            return {"type": "string", "minLength": least, "maxLength": most, **form}
        case Integer(least):
            return {"type": "integer", "minimum": least, "maximum": MAX_INTEGER}
        case Number():
            return {"type": "number"}
        case Boolean():
            return {"type": "boolean"}
        case Free():
            return {"type": "object"}
        case Many(of, most):
            return {"type": "array", "maxItems": most, "items": _schema(of)}
        case Span(row=row) | (Row() as row):
            count = len(row.of)
            return {
                "type": "array",
                "prefixItems": [_schema(part) for part in row.of],
                "minItems": count,
                "maxItems": count,
            }
        case Record():
            return _record(shape)
        case _:
            raise TypeError(f"no JSON Schema is known for {shape}")


def _record(record: Record) -> Schema:
    described = describe(record.kind)
    words = [inspect.cleandoc(record.kind.__doc__)]
    if record.rest is not None:
        words.append(described[record.rest])
    parts = {part.name: _part(part, described) for part in record.parts}
    needed = [part.name for part in record.parts if part.needed]
    for _, inner in record.inline:
        schema = _record(inner)
        parts |= schema["properties"]
        needed += schema["required"]
    return {"type": "object", "description": "\n\n".join(words), "properties": parts, "required": needed}


def _part(part: Part, descriptions: Mapping[str, str]) -> Schema:
    schema = _schema(part.shape)
    if part.nullable:
        schema = {"anyOf": [schema, {"type": "null"}]}
    described = descriptions.get(part.attribute)
    return {**schema, "description": described} if described else schema


@cache
def describe(kind: Any) -> Mapping[str, str]:
    """The docstrings under the fields of a class."""
    tree = ast.parse(inspect.cleandoc(inspect.getsource(kind)))
    body = next(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)).body
    found = {}
    for field, after in pairwise(body):
        match field, after:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                found[name] = " ".join(text.split())
    return found
