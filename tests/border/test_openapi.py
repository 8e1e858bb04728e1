"""The document of the HTTP doors and the doors themselves, held together by requests that schemathesis makes up."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.generation import GenerationMode

from edgehub.hub.doors.contract import OPERATIONS, openapi
from tests.fakes.doors import Lobby, lobby

SHIPPED = Path(__file__).parents[2] / "config" / "schema" / "edgehub.openapi.json"
SCHEMA = schemathesis.openapi.from_dict(openapi())
EXAMPLES = 12
"""Of each operation and mode; the long run makes eighty times as many."""


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lobby]:
    """The doors, in a loop of their own: schemathesis waits for its answers."""
    loop, made, stop = asyncio.new_event_loop(), [], asyncio.Event()
    ready = threading.Event()

    async def serve() -> None:
        async with lobby(tmp_path_factory.mktemp("doors")) as one:
            made.append(one)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    yield made[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
"""Not that all the document allows is taken: what is too old, or names nobody, is refused in words (400)."""


def test_the_shipped_document_is_the_one_of_this_code() -> None:
    """`edgehub contract http --write config/schema/edgehub.openapi.json` was run after the last change."""
    assert json.loads(SHIPPED.read_text()) == openapi()


def strategy(path: str, mode: GenerationMode) -> st.SearchStrategy[schemathesis.Case]:
    """Requests to one path, as the document allows them or as it does not."""
    return SCHEMA[path]["POST"].as_strategy(generation_mode=mode)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.path)
def test_every_answer_is_as_the_document_says(doors: Lobby, operation: object, mode: GenerationMode) -> None:
    """Whatever is sent: no 5xx, a documented status, a documented body."""
    fuzz(doors, operation, mode, EXAMPLES)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.path)
def test_every_answer_is_as_the_document_says_for_long(doors: Lobby, operation: object, mode: GenerationMode) -> None:
    """The same, a thousand times each."""
    fuzz(doors, operation, mode, 80 * EXAMPLES)


def installation(doors: Lobby) -> str:
    """The token of an installation of the app."""
    shown = {"Authorization": f"Bearer {doors.keys['app']}"}
    return str(requests.post(doors.url + "/v1/app/installations", json={}, headers=shown, timeout=10).json()["token"])


def fuzz(doors: Lobby, operation: object, mode: GenerationMode, examples: int) -> None:
    """Send made-up requests and check each answer against the document."""
    key = doors.keys[operation.door] if operation.path != "/v1/app/sightings" else installation(doors)
    seen = set()

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
    @given(case=strategy(operation.path, mode))
    def once(case: schemathesis.Case) -> None:
        doors.clock.pass_s(60)  # no request waits for the pace of the one before
        answer = case.call(base_url=doors.url, headers={"Authorization": f"Bearer {key}"})
        case.validate_response(answer, checks=CHECKS)
        seen.add(answer.status_code)

    once()
    assert seen
