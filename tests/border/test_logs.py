"""The log as people and programs read it, and what never gets into it."""

import ast
import io
import json
import logging
import re
import string
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from edgehub import logs
from edgehub.sentences import SENTENCES, duration, sentence

KEY = "Kq0Z5W1vXyEJ8n7-aBcDeFgHiJkLmNoPqRsTuVwX"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """The log belongs to the process: give it back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(False)
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def written(style: str, level: str = "info") -> io.StringIO:
    """A stream that the log now goes to."""
    stream = io.StringIO()
    logs.setup(style, level, stream)
    return stream


def test_an_event_is_a_sentence_for_people() -> None:
    """A known event is read aloud, with its time; fields the sentence does not mention follow it."""
    stream = written("sentence")

    structlog.get_logger("edgehub.gateway").info("visit.closed", zone="bacon", dwell_s=250, visit="v1")

    time, _, said = stream.getvalue().rstrip("\n").partition("  ")
    assert len(time) == len("21:04:05")
    assert said == "A guest left bacon after 4 min 10 s. (visit=v1)"


def test_an_event_is_an_object_for_programs() -> None:
    """JSON carries the same event, one line each, with level and an ISO time in UTC."""
    stream = written("json")

    structlog.get_logger().warning("visit.closed", zone="Café", dwell_s=250)

    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert event.pop("at").endswith("Z")
    assert event == {"event": "visit.closed", "zone": "Café", "dwell_s": 250, "level": "warning"}


def test_auto_is_json_where_nobody_looks() -> None:
    """Without a terminal, as under systemd, "auto" means JSON; on one it means sentences."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = written("auto")
    structlog.get_logger().info("process.stopping")
    assert json.loads(stream.getvalue())["event"] == "process.stopping"

    terminal = Terminal()
    logs.setup("auto", "info", terminal)
    structlog.get_logger().info("process.stopping")
    assert terminal.getvalue().endswith("Stopping in order.\n")


def test_the_level_is_kept() -> None:
    """At "warning" nothing less is written."""
    stream = written("json", "warning")

    structlog.get_logger().info("visit.closed", zone="bacon")
    structlog.get_logger().error("radio.state", receiver="pi", state="gone", why="unplugged")

    assert [json.loads(line)["level"] for line in stream.getvalue().splitlines()] == ["error"]


@pytest.mark.parametrize("style", ["sentence", "json"])
def test_no_key_gets_into_the_log(style: str) -> None:
    """Hue keys, passwords and PINs are cut out: as fields, in paths, in replies, in exceptions, from libraries."""
    stream = written(style, "debug")
    log = structlog.get_logger()

    log.info("hue.state", bridge="hall", state="ok", why=f"GET /api/{KEY}/lights", key=KEY, password="hush-hush")
    log.info("a.b", reply=[{"success": {"username": KEY, "clientkey": "hush-hush"}}], text=f"key {KEY}!")
    log.info("a.b", text='[{"success": {"username": "hush-hush"}}]')
    error = RuntimeError(f"http://10.0.0.7/api/{KEY}/groups failed")
    log.error("process.failed", error=error, exc_info=error)
    logging.getLogger("phue").error("could not read /api/%s/config", KEY)
    logging.getLogger("phue").info("Using username: hush-hush")
    logging.getLogger("phue").debug("hush-hush")

    assert KEY not in stream.getvalue()
    assert "hush" not in stream.getvalue()
    assert "RuntimeError" in stream.getvalue()


def test_redaction_has_something_to_redact() -> None:
    """The negative control: without the processor the key would be there."""
    stream = io.StringIO()
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.WriteLoggerFactory(file=stream)
    )
    structlog.get_logger().info("hue.state", why=f"GET /api/{KEY}/lights")

    assert KEY in stream.getvalue()


def test_ordinary_values_stay() -> None:
    """A digest, a badge key or a UUID is no secret."""
    for text in (
        "92d485b3b8d59ee4",
        "nearable:1efe427eb6f4bc2f",
        "f7826da6-4fa2-4e98-8024-bc5b71e0893e",
        "x" * 41,
        "a b",
    ):
        assert logs.redact(None, "", {"event": "e", "text": text})["text"] == text


def test_libraries_come_through_the_same_door_and_keep_to_warnings() -> None:
    """Warnings of bleak, paho and Python itself are in our log; their chatter is not, even at "debug"."""
    stream = written("json", "debug")

    logging.getLogger("bleak.backends.bluezdbus").debug("every packet")
    logging.getLogger("paho.mqtt.client").info("every ping")
    logging.getLogger("aiohttp.access").info("every request")
    logging.getLogger("paho.mqtt.client").warning("failed to %s", "connect")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old ways", DeprecationWarning, stacklevel=1)

    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert events[0]["library"] == "paho.mqtt.client"
    assert events[0]["text"] == "failed to connect"
    assert events[1]["library"] == "py.warnings"
    assert len(events) == 2


def test_setting_up_twice_says_things_once() -> None:
    """A second setup replaces the first: no line appears twice."""
    written("json")
    stream = written("json")

    logging.getLogger("phue").error("once")

    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize("event", SENTENCES)
def test_every_sentence_can_be_said(event: str) -> None:
    """Each template works with its own fields, and falls back when one is missing."""
    names = [name for _, name, _, _ in string.Formatter().parse(SENTENCES[event]) if name]
    assert "{" not in sentence(event, dict.fromkeys(names, 3))
    if names:
        assert sentence(event, {}) == event


def _logged() -> Iterator[tuple[str, str, set[str] | None]]:
    """Every ``log.level("event", field=…)`` in the code: where, event, names of its fields (None: not all are seen)."""
    for path in sorted(Path(logs.__file__).parent.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            match call:
                case ast.Call(
                    func=ast.Attribute(
                        value=ast.Name("log"), attr="debug" | "info" | "warning" | "error" | "exception"
                    ),
                    args=[ast.Constant(str() as event)],
                    keywords=fields,
                ):
                    names = {field.arg for field in fields if field.arg}
                    yield f"{path.name}:{call.lineno}", event, names if all(field.arg for field in fields) else None


def test_events_are_named_alike_and_carry_what_their_sentence_says() -> None:
    """An event is ``noun.what_happened``, and where it has a sentence the code gives it the fields to fill it."""
    logged = list(_logged())

    assert len(logged) > 10
    for place, event, fields in logged:
        assert re.fullmatch("[a-z]+[.][a-z_]+", event), place
        if event in SENTENCES and fields is not None:
            wanted = {name for _, name, _, _ in string.Formatter().parse(SENTENCES[event]) if name}
            assert wanted <= fields, place


def test_a_state_without_a_reason_ends_there() -> None:
    """No sentence ends in a colon when there is nothing to explain."""
    assert sentence("radio.state", {"receiver": "pi", "state": "ok", "why": ""}) == "Radio pi is ok."


def test_unknown_events_say_all_they_carry() -> None:
    """An event without a sentence is written with its fields, quoted where they hold blanks."""
    assert sentence("new.thing", {"zone": "bacon", "why": "no idea"}) == "new.thing zone=bacon why='no idea'"


def test_lengths_of_time_are_spoken() -> None:
    """Seconds up to a minute, then minutes, then hours."""
    assert [duration(s) for s in (0, 59.4, 59.6, 250, 3600, 7505)] == [
        "0 s",
        "59 s",
        "1 min 0 s",
        "4 min 10 s",
        "1 h 0 min",
        "2 h 5 min",
    ]
