"""How events read aloud. An event without a sentence reads ``event key=value``, so nothing is ever left unsaid."""

import string
from collections.abc import Mapping
from typing import Any, Final

SENTENCES: Final[Mapping[str, str]] = {
    "broker.found": "The broker is there.",
    "broker.lost": "No broker, so events wait here: {why}",
    "clock.set": "The clock of this machine was set; it is {quality} now.",
    "config.applied": "The new configuration is in force: {zones} zones.",
    "config.refused": "The new configuration has mistakes; {keeping} stays in force.\n{why}",
    "config.restart_needed": "{file} changed: that needs a restart.",
    "gateway.started": "Gateway {gateway} is at work: {zones} zones, edgehub {version}.",
    "hub.broker_lost": "The hub has no broker: {why}",
    "hub.online": "The hub of {site} is at work, at {broker}.",
    "hub.store_failing": "The hub's store cannot be written: {why}",
    "hub.unreadable": "A message on {topic} could not be read: {why}",
    "hue.state": "Hue bridge {bridge} is {state}: {why}",
    "hue.warning": "Hue bridge {bridge}: {why}",
    "library.said": "{library}: {text}",
    "page.open": "The page is at {url}.",
    "process.cannot_start": "edgehub cannot start: {why}.",
    "process.failed": "Something went wrong that should not: {error}.",
    "process.stopping": "Stopping in order.",
    "radio.power_refused": "The adapter {adapter} of {receiver} cannot be switched: {error}.",
    "radio.state": "Radio {receiver} is {state}: {why}",
    "registration.kept": (
        "{kept} guests are not in the registration list any more, and are not forgotten until the badges of its {lines} "
        "unreadable lines are mended."
    ),
    "registration.line": "A line of the registration list is wrong. {problem}",
    "registration.read": "The registration list has {guests} guests.",
    "registration.refused": "The registration list cannot be used. {why}",
    "store.failing": "The store cannot be used yet, and is tried again: {why}",
    "store.recovered": "The store was damaged and set aside; what could be read was saved.",
    "visit.closed": "A guest left {zone} after {dwell_s}.",
}


def sentence(event: str, fields: Mapping[str, Any]) -> str:
    """Return the sentence of an event; fields it does not mention follow it as ``key=value``."""
    template = SENTENCES.get(event)
    if template is None or not (mentioned := _names(template)) <= fields.keys():
        return " ".join([event, *_pairs(fields)])
    spoken = template.format_map({name: _spoken(name, value) for name, value in fields.items()})
    spoken = f"{spoken[:-2]}." if spoken.endswith(": ") else spoken  # there was nothing to say why
    rest = " ".join(_pairs({name: value for name, value in fields.items() if name not in mentioned}))
    return f"{spoken} ({rest})" if rest else spoken


def duration(seconds: float) -> str:
    """Say a length of time: ``4 min 10 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _names(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def _spoken(name: str, value: Any) -> str:
    return duration(value) if name.endswith("_s") and isinstance(value, int | float) else str(value)


def _pairs(fields: Mapping[str, Any]) -> list[str]:
    return [f"{name}={value!r}" if " " in str(value) else f"{name}={value}" for name, value in fields.items()]
