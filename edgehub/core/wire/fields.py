"""JSON read strictly: sizes, depth and numbers are bounded, and whatever is wrong is a WireError and nothing else."""

import json
import math
from collections.abc import Mapping
from typing import Any

MAX_INTEGER = 2**53 - 1
"""JavaScript reads these messages too."""
MAX_MESSAGE = 64 * 1024
"""Bytes; what the shipped broker lets through."""
MAX_TEXT = 512
"""Ids, names and reasons are short; nobody sends a novel."""


class WireError(ValueError):
    """A message is not what wire.md promises; it says which part, and the message must be set aside."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise WireError("a key appears twice in one object")
    return made


def _refuse_constant(name: str) -> float:
    raise WireError(f"{name} is not a number of JSON")


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)
ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
"""Made once: ``json.dumps`` would make one for every message."""


def decode_text(data: bytes, *, limit: int) -> str:
    """UTF-8 text of at most ``limit`` bytes."""
    if len(data) > limit:
        raise WireError(f"{len(data)} bytes are more than the {limit} allowed")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise WireError("not UTF-8") from error


def decode_value(text: str, start: int) -> tuple[Any, int]:
    """One JSON value that begins at ``start``, and where it ends; not checked yet."""
    try:
        return DECODER.raw_decode(text, start)
    except WireError:
        raise
    except (ValueError, RecursionError) as error:  # ValueError also for integers of thousands of digits
        raise WireError(f"not JSON: {str(error)[:80]}") from error


def check(root: Any, *, depth: int, text: str) -> None:
    """Raise WireError unless depth, numbers and texts below ``root`` keep to the contract.

    Every event passes here, so it is one loop over exact types (JSON makes no others), without calls for what is fine.
    UTF-8 knows no surrogates: half a pair can only have been written as an escape, and ``text`` shows whether any is.
    """
    escaped = "\\u" in text
    level: list[Any] = [[root]]
    for _ in range(depth + 1):
        inner: list[Any] = []
        for container in level:
            values = container
            if type(container) is dict:
                values = [*container, *container.values()] if escaped else container.values()
            for value in values:
                kind = type(value)
                if kind is str:
                    if escaped:
                        _check_text(value)
                elif kind is int:
                    if not -MAX_INTEGER <= value <= MAX_INTEGER:
                        raise WireError("an integer is beyond 2^53")
                elif kind is dict or kind is list:
                    inner.append(value)
                elif kind is float and not math.isfinite(value):
                    raise WireError("a number is too large")
        if not inner:
            return
        level = inner
    raise WireError(f"nested deeper than {depth}")


def _check_text(text: str) -> None:
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise WireError("half a surrogate pair is not text")


def read_object(data: bytes, *, limit: int, depth: int = 8) -> dict[str, Any]:
    """The one JSON object in ``data``."""
    text = decode_text(data, limit=limit)
    value, end = decode_value(text, len(text) - len(text.lstrip(" \t\r\n")))
    check(value, depth=depth, text=text)
    if text[end:].strip(" \t\r\n"):
        raise WireError("something follows the object")
    return an_object(value, "the message")


def dump(value: Any) -> bytes:
    """Compact JSON; ASCII, so that nothing on the way can spoil it."""
    return dump_text(value).encode()


def dump_text(value: Any) -> str:
    """Compact JSON as text. Raises WireError for what JSON cannot say."""
    try:
        return ENCODER.encode(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise WireError(f"this cannot be sent: {error}") from error


def an_object(value: Any, name: str) -> dict[str, Any]:
    """``value``, when it is an object."""
    if not isinstance(value, dict):
        raise WireError(f"{name} is not an object")
    return value


def an_array(value: Any, name: str, *, most: int) -> list[Any]:
    """``value``, when it is an array of at most ``most``."""
    if not isinstance(value, list):
        raise WireError(f"{name} is not an array")
    if len(value) > most:
        raise WireError(f"{name} has {len(value)} entries, more than {most}")
    return value


def a_text(value: Any, name: str, *, least: int = 1, most: int = MAX_TEXT) -> str:
    """``value``, when it is text of fitting length."""
    if not isinstance(value, str):
        raise WireError(f"{name} is not text")
    if not least <= len(value) <= most:
        raise WireError(f"{name} has {len(value)} characters, not {least} to {most}")
    return value


def an_integer(value: Any, name: str, *, least: int = 0) -> int:
    """``value``, when it is an integer of at least ``least``."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise WireError(f"{name} is not an integer")
    if not least <= value <= MAX_INTEGER:
        raise WireError(f"{name} is not an integer from {least} to 2^53")
    return value


def a_number(value: Any, name: str) -> float:
    """``value``, when it is a number."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise WireError(f"{name} is not a number")
    return float(value)


def a_boolean(value: Any, name: str) -> bool:
    """``value``, when it is true or false."""
    if not isinstance(value, bool):
        raise WireError(f"{name} is neither true nor false")
    return value


def need(raw: Mapping[str, Any], name: str) -> Any:
    """The field ``name``."""
    try:
        return raw[name]
    except KeyError:
        raise WireError(f"{name} is missing") from None
