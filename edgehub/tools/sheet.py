"""Everything the hub keeps of a guest, as one page for the guest: plain words, where each came from and how old it is.

It asks for nothing from elsewhere and runs no script, so that it can be mailed, printed and opened anywhere.
"""

import html
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;"
    "border-bottom:1px solid #ccc;overflow-wrap:anywhere}"
)
WORDS: Final[Mapping[str, str]] = {
    "registration": "the registration list",
    "staff": "the staff at the desk",
    "stamps": "a stamp you collected",
    "app": "the app on your phone",
    "hub": "edgehub itself",
}
PURPOSES: Final[Mapping[str, str]] = {
    "lights": "Lights in your colour",
    "music": "Music you like",
    "offers": "Offers and prizes",
    "analytics": "Counting your visits",
    "screen": "Your first name on screens",
}


def sheet(everything: Mapping[str, Any], now_us: int | None = None) -> str:
    """The page.

    Args:
        everything: as ``edgehub guest everything`` prints it.
        now_us: what ages are counted to, µs since 1970; now.
    """
    now_us = time.time_ns() // 1000 if now_us is None else now_us
    parts = "\n".join(_parts(everything, now_us))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>What we know of you</title><style>{STYLE}</style></head><body>\n<h1>What we know of you</h1>\n"
        f"<p>This is all of it, as of {_when(now_us)}. Times are in UTC. You may have it corrected or deleted: ask the staff.</p>\n"
        f"{parts}\n</body></html>\n"
    )


def _parts(everything: Mapping[str, Any], now_us: int) -> Iterator[str]:
    guest = everything["profile"]
    yield from _table("The names you go by here", ["Name"], ([one] for one in guest["ids"]))
    yield from _table("Badges", ["Badge", "From", "To"], (_badge(one) for one in guest["badges"]))
    consents = (_consent(name, one, now_us) for name, one in guest["consent"].items())
    yield from _table("What you agreed to", ["What for", "Your word", "Told by", "When"], consents)
    values = (
        [name.replace("_", " "), _plain(one["value"]), _who(one["source"]), _age(one["at_us"], now_us)]
        for name, one in guest["values"].items()
    )
    yield from _table("What we were told of you", ["What", "It says", "Told by", "When"], values)
    yield from _table("What was counted", ["What", "Of", "Result", "From"], _attributes(guest["attributes"]))
    stays = (
        [one["zone"], _when(one["entered_us"]), _when(one["left_us"] or one["seen_us"]), one["gateway"]]
        for one in everything["stays"]
    )
    yield from _table("Where you were", ["Place", "From", "To", "Heard by"], stays)
    facts = (
        [_when(one["at_us"]), one["name"] or one["type"], _plain(one["values"]), _who(one["source"])]
        for one in everything["facts"]
    )
    yield from _table("Everything in the order it happened", ["When", "What", "Details", "Told by"], facts)


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"<h2>{html.escape(title)}</h2>"
    lines = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
    if not lines:
        yield "<p>Nothing.</p>"
        return
    head = "".join(f"<th>{html.escape(one)}</th>" for one in heads)
    yield f"<table><thead><tr>{head}</tr></thead><tbody>"
    yield from (f"<tr>{line}</tr>" for line in lines)
    yield "</tbody></table>"


def _badge(badge: Mapping[str, Any]) -> list[str]:
    return [badge["badge"], _when(badge["since_us"]), "now" if badge["until_us"] is None else _when(badge["until_us"])]


def _consent(purpose: str, consent: Mapping[str, Any], now_us: int) -> list[str]:
    word = "you agreed" if consent["given"] else "you said no"
    return [PURPOSES.get(purpose, purpose), word, _who(consent["source"]), _age(consent["at_us"], now_us)]


def _attributes(attributes: Mapping[str, Mapping[str, Any]]) -> Iterator[list[str]]:
    for name, attribute in attributes.items():
        if not attribute["known"]:
            yield [name.replace("_", " "), "", "not known", ""]
        for period, value in attribute["known"].items():
            yield [name.replace("_", " "), period, _plain(value["value"]), _who(value["source"])]


def _who(source: str) -> str:
    gateway = source.removeprefix("gateway/")
    return f"the receiver {gateway}" if gateway != source else WORDS.get(source, source)


def _plain(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return ", ".join(f"{name.replace('_', ' ')}: {_plain(one)}" for name, one in value.items())
        case list() | tuple():
            return ", ".join(map(_plain, value))
        case _:
            return str(value)


def _when(at_us: int | None) -> str:
    return "the beginning" if at_us is None else f"{datetime.fromtimestamp(at_us / 1e6, UTC):%-d %B %Y, %H:%M}"


def _age(at_us: int, now_us: int) -> str:
    minutes = max(0, now_us - at_us) // 60_000_000
    for many, unit in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= many:
            count = minutes // many
            return f"{_when(at_us)} ({count} {unit}{'s' * (count > 1)} ago)"
    return f"{_when(at_us)} (just now)"
