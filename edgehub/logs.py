"""The log: the same events as sentences on a terminal and as JSON under systemd, never with a key in them.

Code says *what happened* with fields, ``log.info("visit.closed", zone="bacon", dwell_s=250)``; how that reads is
decided here. Libraries that use the standard logging are kept to warnings and come through the same door.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, TextIO

import structlog

from edgehub.sentences import sentence

_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

# phue writes the bridge's key at INFO and DEBUG, aiosqlite every row at DEBUG, bleak every packet.
_TALKATIVE: Final = ("phue", "bleak", "dbus_fast", "paho", "aiohttp", "aiosqlite", "amqtt", "asyncio")

_SECRET_FIELDS: Final = frozenset({"key", "password", "username", "pin", "secret", "token", "clientkey", "app_key"})
_SECRET_TEXT: Final = (
    # A Hue key in a path, in a reply, and anywhere else: 40 letters, digits and dashes, or a v2 client key in hex.
    (re.compile(r"/api/[\w-]{8,}"), "/api/…"),
    (re.compile(r"""(["'](?:username|clientkey|password|pin)["']\s*:\s*)(["']).*?\2"""), r"\1\2…\2"),
    (re.compile(r"(?<![\w-])(?=[\w-]*[0-9])[A-Za-z0-9-]{40}(?![\w-])"), "…"),
)


def setup(style: str = "auto", level: str = "info", stream: TextIO | None = None) -> None:
    """Send the log of this process to ``stream`` (standard error).

    ``style``: "sentence", "json", or "auto": sentences on a terminal, JSON elsewhere. ``level``: "debug", "info",
    "warning" or "error"; libraries are kept to warnings even at "debug".
    """
    stream = stream or sys.stderr
    spoken = style == "sentence" or (style == "auto" and stream.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            redact,
            *(_sentences() if spoken else _json()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
    )
    _route_libraries()


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace secrets by an ellipsis, by the name of their field and by how they look."""
    for name, value in event.items():
        event[name] = "…" if name in _SECRET_FIELDS else _without_secrets(value)
    return event


def _without_secrets(value: Any) -> Any:
    match value:
        case str():
            for pattern, instead in _SECRET_TEXT:
                value = pattern.sub(instead, value)
            return value
        case Mapping():
            return {name: "…" if name in _SECRET_FIELDS else _without_secrets(part) for name, part in value.items()}
        case list() | tuple():
            return [_without_secrets(part) for part in value]
        case bool() | int() | float() | None:
            return value
        case _:
            return _without_secrets(str(value))


def _sentences() -> list[Any]:
    return [structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False, key="at"), _render]


def _json() -> list[Any]:
    return [
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    ]


def _render(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    at, level, traceback = event.pop("at"), event.pop("level"), event.pop("exception", None)
    shout = {"warning": "! ", "error": "!! ", "critical": "!! "}.get(level, "")
    line = f"{at}  {shout}{sentence(event.pop('event'), event)}"
    return f"{line}\n{traceback}" if traceback else line


class _Door(logging.Handler):
    """Takes what libraries log into our log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on."""
        log = structlog.get_logger(record.name)
        log.log(record.levelno, "library.said", library=record.name, text=record.getMessage(), exc_info=record.exc_info)


def _route_libraries() -> None:
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if not isinstance(handler, _Door)] + [_Door()]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
