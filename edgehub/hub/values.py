"""Values of the data layer: a vendor's spelling → one value of a type, and one spelling of that value.

What is not a value of its type is refused with a reason that names no value: reasons end on screens and in reports.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from edgehub.config.colours import colour
from edgehub.core.badge import canonical_badge
from edgehub.core.profile import CONSENT_PURPOSES
from edgehub.core.venue import BadgeScheme

MOST_TEXT = 1_000
"""Characters of one value; more is a document, not a variable."""
MOST_ITEMS = 100
MILLISECONDS_FROM = 100_000_000_000
"""A time as a number: above this (the year 5138 in seconds) it counts milliseconds, as JavaScript does."""


class Refused(ValueError):  # noqa: N818 - says what happened to the value
    """A value that is not what its variable says; its text names no value."""


def typed(kind: str, raw: Any, scheme: BadgeScheme) -> Any:
    """The value of a type of `data_layer.yaml`. Raises Refused."""
    return _badge(raw, scheme) if kind == "badge" else _TYPES[kind](raw)


def normalised(how: str, value: Any) -> Any:
    """One spelling of a text, or of each text of a list. Raises Refused."""
    normal = _NORMALISERS.get(how)
    if normal is None:
        return value
    return tuple(map(normal, value)) if isinstance(value, tuple) else normal(value)


def _badge(raw: Any, scheme: BadgeScheme) -> str:
    badge = canonical_badge(_text(raw), scheme)
    if badge is None:
        raise Refused("names no badge of this venue")
    return badge


def _text(raw: Any) -> str:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise Refused("is not a text")
    text = str(raw).strip()
    if len(text) > MOST_TEXT:
        raise Refused(f"is longer than {MOST_TEXT} characters")
    if not text.isprintable():
        raise Refused("has characters that cannot be printed")
    return text


def _list(raw: Any) -> tuple[str, ...]:
    items: Sequence[Any] = raw.split(";") if isinstance(raw, str) else raw
    if not isinstance(items, list | tuple):
        raise Refused("is not a list")
    if len(items) > MOST_ITEMS:
        raise Refused(f"has more than {MOST_ITEMS} items")
    return tuple(text for text in map(_text, items) if text)


def _number(raw: Any) -> float | int:
    if isinstance(raw, str) and re.fullmatch(r"\s*[-+]?[0-9]{1,15}(\.[0-9]{1,15})?\s*", raw):
        raw = float(raw) if "." in raw else int(raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw) or abs(raw) >= 2**53:
        raise Refused("is not a number, written like 12 or 12.50")
    return raw


_YES = frozenset({"true", "yes", "y", "1", "on"})
_NO = frozenset({"false", "no", "n", "0", "off"})


def _yes_no(raw: Any) -> bool:
    word = str(raw).strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise Refused("is neither yes nor no")


def _time(raw: Any) -> int:
    """µs since 1970. A text without a time zone is refused: two systems would mean two moments by it."""
    if isinstance(raw, int | float):
        count = _number(raw)
        return round(count * 1_000 if abs(count) > MILLISECONDS_FROM else count * 1_000_000)
    try:
        found = datetime.fromisoformat(_text(raw))
    except ValueError as error:
        raise Refused("is not a time, written like 2026-11-23T18:00:00Z") from error
    if found.tzinfo is None:
        raise Refused("has no time zone; write it like 2026-11-23T18:00:00Z")
    return round((found - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6)


def _day(raw: Any) -> str:
    try:
        return date.fromisoformat(_text(raw)[:10]).isoformat()
    except ValueError as error:
        raise Refused("is not a day, written like 2026-11-23") from error


def _colour(raw: Any) -> str:
    found = colour(_text(raw))
    if found is None:
        raise Refused("is not a colour: a CSS name like teal, or #rrggbb")
    return found


def _consent(raw: Any) -> tuple[str, ...]:
    """The purposes agreed to. An unknown word is refused as a whole: it might be a no."""
    agreed = [word.lower() for word in _list(raw)]
    if not set(agreed) <= CONSENT_PURPOSES:
        raise Refused(f"names something nobody can agree to; there are: {', '.join(sorted(CONSENT_PURPOSES))}")
    return tuple(sorted(set(agreed)))


_TYPES: Mapping[str, Callable[[Any], Any]] = {
    "text": _text,
    "list": _list,
    "number": _number,
    "yes/no": _yes_no,
    "time": _time,
    "day": _day,
    "colour": _colour,
    "consent": _consent,
}


# --- normalisers: spellings of one value → one spelling


def _email(text: str) -> str:
    """Lower case, without `mailto:`. Dots and +tags stay: what they mean is the business of each provider."""
    address = text.lower().removeprefix("mailto:").strip()
    name, at, domain = address.rpartition("@")
    if not (name and at and "." in domain) or re.search(r"[\s,;<>]", address):
        raise Refused("is not an e-mail address")
    try:
        return f"{name}@{domain.rstrip('.').encode('idna').decode()}"
    except UnicodeError as error:
        raise Refused("is not an e-mail address") from error


def _phone(text: str) -> str:
    """Digits with their + in front; a national number stays national, for we do not guess the country."""
    number = re.sub(r"[\s().\-/]", "", text)
    number = f"+{number[2:]}" if number.startswith("00") else number
    if not re.fullmatch(r"\+?[0-9]{5,15}", number):
        raise Refused("is not a phone number")
    return number


def _digits(text: str) -> str:
    digits = re.sub(r"\D", "", text)
    if not digits:
        raise Refused("has no digits")
    return digits


_NORMALISERS: Mapping[str, Callable[[str], str]] = {
    "lower": str.lower,
    "email": _email,
    "phone": _phone,
    "digits": _digits,
}
