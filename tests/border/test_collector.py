"""The HTTP collector, over real HTTP: what is answered is kept, once, and nobody comes in without a key."""

import json
import logging
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog

from edgehub.hub.doors import front
from tests.fakes.doors import Lobby, lobby

NOON = "2026-11-23T12:00:00Z"


class Sender:
    """A library that sends calls."""

    def __init__(self, doors: Lobby, session: aiohttp.ClientSession) -> None:
        self._doors = doors
        self._session = session

    async def send(
        self, path: str, body: Any, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any], Any]:
        """Status, answer, headers."""
        sent = {"data": body} if isinstance(body, bytes) else {"json": body}
        headers = {"Authorization": aiohttp.encode_basic_auth(self._doors.keys["collector"], ""), **(headers or {})}
        async with self._session.post(self._doors.url + path, headers=headers, **sent) as answer:
            return answer.status, json.loads(await answer.read()), answer.headers


def track(number: int, **fields: Any) -> dict[str, Any]:
    """A call of a batch."""
    return {"type": "track", "messageId": f"m{number}", "anonymousId": "phone-1", "event": "Order Completed",
            "timestamp": NOON, **fields}  # fmt: skip


@pytest.mark.asyncio
async def test_each_call_is_kept_once_and_answered_for_itself(tmp_path: Path) -> None:
    """A batch with a bad call keeps the good ones; sent again it changes nothing; other content is a conflict, and stays out."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        sender = Sender(doors, session)
        batch = {
            "batch": [track(1), {"type": "group", "messageId": "g"}, track(2, properties={"total": 5})],
            "sentAt": NOON,
        }
        status, answer, _ = await sender.send("/v1/batch", batch)
        assert status == 200
        assert [item["result"] for item in answer["items"]] == ["new", "refused", "new"]
        assert answer["success"] is False
        assert "no groups" in answer["items"][1]["why"]
        doors.clock.pass_s(1.5)
        _, answer, _ = await sender.send("/v1/batch", {**batch, "sentAt": NOON})
        assert [item["result"] for item in answer["items"]] == ["again", "refused", "again"]
        _, answer, _ = await sender.send("/v1/batch", {"batch": [track(2, properties={"total": 6})], "sentAt": NOON})
        assert answer["items"] == [{"messageId": "m2", "result": "conflict"}]
        assert len(doors.log.facts) == 2
        assert doors.log.facts["app", "m2"].values["spend"] == 5


@pytest.mark.asyncio
async def test_one_call_is_answered_by_its_status(tmp_path: Path) -> None:
    """200 when kept or known, 409 for a conflict, 400 with the reason when refused."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        sender = Sender(doors, session)
        call = {"messageId": "m", "userId": "T-7", "traits": {"email": "kim@example.org", "shoe": 42}}
        for _ in range(2):
            status, answer, _ = await sender.send("/v1/identify", call)
            assert (status, answer["success"]) == (200, True)
        status, answer, _ = await sender.send("/v1/identify", {**call, "userId": "T-8"})
        assert (status, answer["items"][0]["result"]) == (409, "conflict")
        status, answer, _ = await sender.send("/v1/track", call)
        assert (status, answer["error"]) == (400, "event is missing.")
        assert ("app", "traits.shoe") in doors.unmapped


@pytest.mark.asyncio
async def test_nothing_is_answered_as_kept_that_is_not(tmp_path: Path) -> None:
    """While the store fails it is 503 with a time to come again; afterwards the same batch is new."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        sender = Sender(doors, session)
        doors.log.failing = True
        status, _, headers = await sender.send("/v1/batch", {"batch": [track(1)]})
        assert (status, headers["Retry-After"]) == (503, "5")
        doors.log.failing = False
        _, answer, _ = await sender.send("/v1/batch", {"batch": [track(1)]})
        assert answer["items"][0]["result"] == "new"


@pytest.mark.asyncio
async def test_only_the_right_key_opens(tmp_path: Path) -> None:
    """No key, a wrong key: 401; another door's key: 403; who goes on guessing waits, and then even the right key does."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        sender = Sender(doors, session)
        for shown in ("Bearer " + doors.keys["collector"], aiohttp.encode_basic_auth("", doors.keys["collector"])):
            status, _, _ = await sender.send("/v1/track", track(1), headers={"Authorization": shown})
            assert status == 200
        status, _, _ = await sender.send(
            "/v1/track", track(1), headers={"Authorization": "Bearer " + doors.keys["stamps"]}
        )
        assert status == 403
        for shown in (
            "Token x",
            "Basic ***",
            "Bearer x",
            "Bearer " + doors.keys["collector"] + "x",
            "Basic \xff",
            "Bearer é.é",
        ):
            status, _, headers = await sender.send("/v1/track", track(1), headers={"Authorization": shown})
            assert status == 401
            assert headers["WWW-Authenticate"].startswith("Basic")
            doors.clock.pass_s(60)
        for _ in range(4):
            await sender.send("/v1/track", track(1), headers={"Authorization": "Bearer x"})
        status, _, headers = await sender.send("/v1/track", track(1))
        assert status == 429
        doors.clock.pass_s(int(headers["Retry-After"]))
        status, _, _ = await sender.send("/v1/track", track(1))
        assert status == 200


@pytest.mark.asyncio
async def test_what_is_too_much_is_turned_away(tmp_path: Path) -> None:
    """Too large, too deep, too often, not JSON, not text: a status and a sentence each."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        sender = Sender(doors, session)
        plain = {"Content-Type": "application/json"}
        deep = b'{"batch":' + b"[" * 2_000 + b"]" * 2_000 + b"}"
        for body, expected in (
            (b"[" + b" " * 500_001 + b"]", 413),
            (deep, 400),
            (b'{"batch": [1e999]}', 400),
            (b'{"batch": [NaN]}', 400),
            (b'{"a": 1, "a": 2}', 400),
            (b'{"batch": "\xff"}', 400),
            (b'{"batch": ["\\ud800"]}', 400),
            (b"", 400),
            (b"[]", 400),
        ):
            status, answer, _ = await sender.send("/v1/batch", body, plain)
            assert status == expected, body[:40]
            assert answer["error"]
        status, _, _ = await sender.send("/v1/batch", b"{}", headers={"Content-Type": "text/plain"})
        assert status == 415
        status, _, _ = await sender.send(
            "/v1/batch", b"{}", headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}
        )
        assert status in {400, 415}
        statuses = [(await sender.send("/v1/track", track(1)))[0] for _ in range(int(front.REQUESTS_AT_ONCE))]
        assert statuses[-1] == 429
        doors.clock.pass_s(10)
        status, _, headers = await sender.send("/v1/track", track(1))
        assert status == 200
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.asyncio
async def test_other_sites_may_write_only_when_they_were_named(tmp_path: Path) -> None:
    """A browser's question is answered with the site's own name, or not at all."""
    ask = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    async with aiohttp.ClientSession() as session:
        async with lobby(tmp_path) as doors, session.options(doors.url + "/v1/track", headers=ask) as answer:
            assert answer.status == 405
            assert "Access-Control-Allow-Origin" not in answer.headers
        async with lobby(tmp_path, origins=frozenset({"https://app.example"})) as doors:
            async with session.options(doors.url + "/v1/track", headers=ask) as answer:
                assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, "https://app.example")
            async with session.options(
                doors.url + "/v1/track", headers={**ask, "Origin": "https://evil.example"}
            ) as answer:
                assert answer.status == 405


@pytest.mark.asyncio
async def test_a_source_that_nobody_described_is_told_so(tmp_path: Path) -> None:
    """The key is good, but nobody knows its words."""
    async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
        from edgehub.hub.access import read_access, write_access

        access, key = read_access(tmp_path / "access.json").with_key("crm", "collector")
        write_access(tmp_path / "access.json", access)
        status, answer, _ = await Sender(doors, session).send(
            "/v1/track", track(1), headers={"Authorization": f"Bearer {key}"}
        )
        assert status == 403
        assert "data_layer.yaml" in answer["error"]


@pytest.mark.asyncio
async def test_no_log_line_holds_a_key_or_a_guest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """S4 at this door: at the lowest level, whatever goes right or wrong."""
    caplog.set_level(logging.DEBUG)
    planted = ["kim@example.org", "T-4711", "swordfish-key"]
    with structlog.testing.capture_logs() as lines:
        async with lobby(tmp_path) as doors, aiohttp.ClientSession() as session:
            sender = Sender(doors, session)
            planted += [key.partition(".")[2] for key in doors.keys.values()]
            call = {
                "messageId": "m",
                "userId": "T-4711",
                "traits": {"email": "kim@example.org", "consent": "swordfish-key"},
            }
            await sender.send("/v1/identify", call)
            await sender.send("/v1/identify", {**call, "traits": {"email": "kim@example.org"}})
            await sender.send("/v1/identify", call, {"Authorization": "Bearer swordfish-key"})
            await sender.send("/v1/batch", b'{"batch": ["kim@example.org"', {"Content-Type": "application/json"})
            doors.log.failing = True
            await sender.send("/v1/identify", call)
    assert lines, "a failing store is told"
    logged = repr(lines) + caplog.text
    assert [secret for secret in planted if secret in logged] == []
