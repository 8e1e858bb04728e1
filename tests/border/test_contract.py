"""The published contract and the code that keeps it: the same file, the same messages, the same refusals."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

from edgehub.cli import main
from edgehub.core.profile import CONSENT_PURPOSES
from edgehub.core.wire import (
    Ack,
    Anchor,
    Ask,
    Command,
    Envelope,
    GatewayTopics,
    HubStatus,
    Occupancy,
    PeerLevels,
    ProfilesPage,
    SiteTopics,
    Stamp,
    Status,
    WireError,
    read_batch,
    read_body,
)
from edgehub.core.wire.profiles import PURPOSES
from edgehub.tools.asyncapi import TOPICS, document, payload
from edgehub.tools.contract import text
from edgehub.tools.json_schema import describe

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "config/schema/edgehub.asyncapi.json"
META = ROOT / "tests/data/asyncapi/3.0.0-without-$id.json.gz"
NAMES = [topic.name for topic in TOPICS]


def read_events(data: bytes) -> None:
    """As the hub does: the batch, and each body."""
    for event in read_batch(data):
        if not isinstance(event, Envelope):
            raise WireError(event.why)
        read_body(event.type, event.body)


READERS = {
    "status": Status.read,
    "events": read_events,
    "ask": Ask.read,
    "anchor": Anchor.read,
    "ack": Ack.read,
    "profiles": ProfilesPage.read,
    "command": Command.read,
    "stamp": Stamp.read,
    "levels": PeerLevels.read,
    "hubStatus": HubStatus.read,
    "occupancy": Occupancy.read,
}


@cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(payload(name))


def is_read(name: str, message: Any) -> bool:
    """Whether our reader takes it."""
    try:
        READERS[name](json.dumps(message).encode())
    except WireError:
        return False
    return True


# --- the document


def test_the_shipped_document_is_what_the_code_says() -> None:
    """A message that changed changes the contract: edgehub contract --write config/schema/edgehub.asyncapi.json."""
    assert SHIPPED.read_text("utf-8") == text(document())


def test_the_document_is_asyncapi_3_and_its_payloads_are_json_schema_2020_12() -> None:
    """By the official schema of AsyncAPI 3.0.0, and by the meta-schema of the draft."""
    Draft7Validator(json.loads(gzip.decompress(META.read_bytes()))).validate(document())
    for message in document()["components"]["messages"].values():
        Draft202012Validator.check_schema(message["payload"]["schema"])


def test_the_validator_of_the_document_can_fail() -> None:
    """An operation without its channel is no AsyncAPI: the meta-schema that passed is one that looks."""
    broken = document()
    del broken["operations"]["receiveEvents"]["channel"]
    assert not Draft7Validator(json.loads(gzip.decompress(META.read_bytes()))).is_valid(broken)


def test_no_payload_points_outside_itself() -> None:
    """Any validator takes a payload as it stands."""
    for message in document()["components"]["messages"].values():
        assert '"$ref"' not in json.dumps(message["payload"])


def test_every_topic_of_the_code_is_in_the_document() -> None:
    """A topic nobody described cannot be added in silence."""
    site, gateway = SiteTopics("{site}"), GatewayTopics("{site}", "{gateway}")
    known = {gateway.events("{partition}"), site.hub_status, site.zone("{zone}")}
    known |= {getattr(gateway, name) for name in vars(GatewayTopics) if isinstance(vars(GatewayTopics)[name], property)}
    assert {topic.address for topic in TOPICS} == known - {gateway.base}
    assert set(READERS) == set(NAMES)


def test_words_under_a_field_are_its_description() -> None:
    """What the source says of a field, the contract says."""
    assert describe(Ack)["watermark"] == "Every event with a sequence up to this one is committed."


def test_consent_travels_for_every_purpose() -> None:
    """A purpose that the contract forgot would never reach a gateway."""
    assert set(PURPOSES) == CONSENT_PURPOSES


def test_the_command_prints_and_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`edgehub contract`, one message of it, and a name there is not."""
    assert main(["contract"]) == 0
    assert capsys.readouterr().out == SHIPPED.read_text("utf-8")
    assert main(["contract", "ack"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "edgehub/v1/{site}/{gateway}/down/ack"
    assert main(["contract", "--write", str(tmp_path / "made.json")]) == 0
    assert (tmp_path / "made.json").read_text("utf-8") == SHIPPED.read_text("utf-8")
    assert main(["contract", "aks"]) == 2
    assert "there are: status, events, ask" in capsys.readouterr().err


# --- the same messages


def words(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    """Text as the schema wants it."""
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].replace("$", r"\Z"))
    most = min(schema["maxLength"], schema["minLength"] + 12)  # long ones are drawn below, by mutation
    return st.text(st.characters(codec="utf-8"), min_size=schema["minLength"], max_size=most)


SCALARS = {
    "integer": lambda schema: st.integers(schema["minimum"], schema["maximum"]),
    "number": lambda _: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53) + 1, 2**53 - 1),
    "boolean": lambda _: st.booleans(),
    "string": words,
}


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Whatever the schema allows, from the schema alone."""
    match schema:
        case {"anyOf": [one, {"type": "null"}]}:
            return values(one) | st.none()
        case {"const": value}:
            return st.just(value)
        case {"type": "array", "prefixItems": parts}:
            return st.tuples(*map(values, parts)).map(list)
        case {"type": "array"}:
            return st.lists(values(schema["items"]), min_size=schema.get("minItems", 0), max_size=3)
        case {"type": "object", "allOf": [*cases]}:
            return st.sampled_from(cases).flatmap(lambda case: events(schema, case))
        case {"type": "object"}:
            return objects(schema)
        case {"type": kind}:
            return SCALARS[kind](schema)


def objects(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with everything needed, some of the rest, and something of a later version."""
    parts = {name: values(part) for name, part in schema.get("properties", {}).items()}
    needed = {name: parts.pop(name) for name in schema.get("required", ())}
    later = st.sampled_from([{}, {"of_a_later_version": {"x": [1, None]}}])
    return st.tuples(st.fixed_dictionaries(needed, optional=parts), later).map(lambda pair: pair[1] | pair[0])


def events(schema: dict[str, Any], case: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An event of one type with its body."""
    own = {"type": case["if"]["properties"]["type"], "body": case["then"]["properties"]["body"]}
    plain = {"type": "object", "properties": schema["properties"] | own, "required": schema["required"]}
    return objects(plain)


MESSAGES = st.sampled_from(NAMES).flatmap(lambda name: st.tuples(st.just(name), values(payload(name))))


def tidy(value: Any) -> Any:
    """Ranges end after they begin, which JSON Schema cannot say."""
    match value:
        case [int(), int()]:
            return sorted(value)
        case dict():
            return {name: tidy(part) for name, part in value.items()}
        case list():
            return [tidy(part) for part in value]
    return value


@given(MESSAGES)
def test_what_the_schema_allows_is_read(drawn: tuple[str, Any]) -> None:
    """A hub that writes by the contract is understood, and a gateway that does so too."""
    name, message = drawn[0], tidy(drawn[1])
    assert validator(name).is_valid(message)
    READERS[name](json.dumps(message).encode())


JUNK = st.sampled_from([None, True, -1, 0, 1, 2**53, 0.5, "", "x", "y" * 600, "#FF8800", [], [1], [1, 2, 3], {}])


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, Any]:
    """A message with one part removed, or replaced by something else."""
    name, message = draw(MESSAGES)
    root = [tidy(message)]
    container, key = draw(st.sampled_from(list(places(root))))
    if isinstance(container, dict) and draw(st.booleans()):
        del container[key]
    else:
        container[key] = draw(JUNK)
    return name, root[0]


def places(value: Any) -> Any:
    """Every place in a message something can be put."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def beyond_json_schema(value: Any) -> bool:
    """What JSON Schema cannot say: a range that ends before it begins, 2^53 where any number or nothing known may stand."""
    match value:
        case [int(low), int(high)] if low > high:
            return True
        case dict() | list():
            return any(map(beyond_json_schema, value.values() if isinstance(value, dict) else value))
    return value == 2**53


@given(mutated())
def test_schema_and_reader_refuse_the_same(drawn: tuple[str, Any]) -> None:
    """One part wrong: refused by the published schema if and only if it is refused by the code."""
    name, message = drawn
    assume(not beyond_json_schema(message))
    assert validator(name).is_valid(message) == is_read(name, message), list(validator(name).iter_errors(message))
