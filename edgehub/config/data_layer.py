"""data_layer.yaml → DataLayerSettings: what each vendor calls a thing, and the one official name it has here.

The hub's producer writes it: variables (the official names), sources (who tells, in which words), and what makes two
records one guest. A variable that no source fills works, but is warned of; a source that fills an unknown one is a mistake.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from edgehub.config.fields import Choice, Duration, Entry, Field, Number, Text, YesNo
from edgehub.config.groups import Group, ListOf, MapOf
from edgehub.config.page import Page
from edgehub.config.problems import START, Mistake, Problem, did_you_mean
from edgehub.core.profile import CONSENT_PURPOSES

FILE: Final = "data_layer.yaml"

TYPES: Final = ("text", "list", "number", "yes/no", "time", "day", "colour", "badge", "consent")
NORMALISERS: Final = ("as written", "lower", "email", "phone", "digits")
PRIVACY_CLASSES: Final = ("id", "contact", "name", "taste", "behaviour")
REGISTRATION: Final = "registration"
DOORS: Final = ("file", "http", REGISTRATION)

RESERVED: Final = frozenset({"hub", "staff", "stamps", "phone"})
"""Sources of what the hub's own doors tell: nobody else speaks in their name."""

_ID = "[a-z][a-z0-9_]{0,62}"
_ANY = r"\S(.*\S)?"

VARIABLE = Group({
    "type": Field(Choice(TYPES), "What a value is; what is not one is refused and reported.", "text", default="text"),
    "normalise": Field(
        Choice(NORMALISERS), "How spellings of one value are made the same.", "email", default="as written"
    ),
    "identifies": Field(
        Text("a kind of identifier", _ID, "Write it like email or crm."), "The kind of identifier it is; two records with the same value are one guest.", "email",
    ),
    "privacy": Field(
        Choice(PRIVACY_CLASSES),
        "id: names the guest in a system · contact: reaches them · name · taste · behaviour. Ids and contacts never leave the hub but to the system they are of.",
        "taste",
        required=True,
    ),
    "used_for": Field(
        ListOf(Choice(tuple(sorted(CONSENT_PURPOSES)))), "Purposes it is used for; without consent to one of them it is not used.", ["music"], default=(),
    ),
    "fresh_for": Field(Duration(), "Older than this it is unknown again; without it, it stays.", "24h"),
    "unit": Field(Text(), "Unit of a number.", "USD"),
    "what": Field(Text(), "What it means, for the map and the guest.", "The guest's favourite colour"),
})  # fmt: skip

SOURCE = Group({
    "door": Field(Choice(DOORS), "How it comes in: a dropped file, the HTTP collector, or registration.csv.", "file", required=True),
    "name": Field(Text(), "What people call it.", "Ticket system"),
    "fields": Field(
        MapOf(Text("the name of a variable", _ID), "a field", _ANY),
        "Its field → our variable. Fields inside others are joined by dots: traits.address.city.",
        {"visitor_email": "email"},
        default={},
    ),
    "ignore": Field(
        ListOf(Text()), "Fields known and not wanted, for good; context.* is all below context.", ["row_id"], default=()
    ),
    "events": Field(
        MapOf(Text("the name of an event", _ID), "an event", _ANY), "Its name of what was tracked → ours.", {"Order Completed": "purchase"}, default={},
    ),
    "rows": Field(
        Text("the name of an event", _ID), "What each of its records is, where it is something that happened, like purchase; without it, a record is what is known of a guest.", "purchase",
    ),
    "priority": Field(Number(0, 100), "Which source is believed where two differ: the higher.", 50, default=50),
    "key": Field(Text(), "Its field that tells one record from another; without it, the whole record does.", "row_id"),
    "time": Field(Text(), "Its field that says when; without it, when it arrived.", "updated_at"),
})  # fmt: skip

KIND = Group({
    "most": Field(Number(1, 1000), "A guest has at most so many.", 1),
    "shared": Field(
        YesNo(), "Whether several guests use one, like a tablet at the desk: then it makes nobody the same.", True, default=False,
    ),
    "blocked": Field(
        ListOf(Text()), "Values that name nobody, like test@example.com; * stands for anything.", ["*@example.com"], default=(),
    ),
})  # fmt: skip

SETTINGS = Group({
    "version": Field(Choice(("1",)), "Version of this file's form.", 1, required=True),
    "variables": Field(
        MapOf(VARIABLE, "a variable", _ID, least=1), "The official names.", {"email": {"privacy": "contact"}}, required=True
    ),
    "sources": Field(
        MapOf(SOURCE, "a source", least=1), "Who tells, in which words.", {"crm": {"door": "file"}}, required=True
    ),
    "identity": Field(
        MapOf(KIND, "a kind of identifier", _ID), "Limits of the kinds of identifiers, the strongest first.", {"crm": {"most": 1}}, default={},
    ),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Variable:
    """One official name."""

    name: str
    type: str
    privacy: str
    normalise: str = "as written"
    identifies: str | None = None
    used_for: tuple[str, ...] = ()
    fresh_for_s: float | None = None
    unit: str | None = None
    what: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A system that tells things, and its words for them."""

    id: str
    door: str
    name: str
    fields: Mapping[str, str]
    """Its field → variable."""
    ignore: tuple[str, ...] = ()
    events: Mapping[str, str] = field(default_factory=dict)
    rows: str | None = None
    priority: int = 50
    key: str | None = None
    time: str | None = None


@dataclass(frozen=True, slots=True)
class IdentifierKind:
    """What is known of a kind of identifier."""

    kind: str
    most: int | None = None
    shared: bool = False
    blocked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataLayerSettings:
    """Everything in data_layer.yaml; ``warnings`` work, but hardly as they were meant."""

    variables: Mapping[str, Variable]
    sources: Mapping[str, Source]
    kinds: tuple[IdentifierKind, ...]
    """The strongest first: those of `identity`, then others in the order of the variables."""
    warnings: tuple[Problem, ...] = ()


def load_data_layer(path: Path | str) -> DataLayerSettings:
    """Return the data layer of a file, or of the data_layer.yaml of a folder.

    Raises:
        ConfigError: with every mistake of the file.
    """
    path = Path(path)
    page = Page(path / FILE if path.is_dir() else path)
    tree = page.tree()
    values = None if tree is None else SETTINGS.read(Entry(page.path.name, START, tree), page)
    if values is not None:
        _check_together(values, page)
    page.raise_mistakes()
    assert values is not None
    return _settings(values, tuple(page.problems))


def _check_together(values: Mapping[str, Any], page: Page) -> None:
    variables = values.get("variables", {})
    for name, variable in variables.items():
        _check_variable(name, variable, page)
    for source_id, source in values.get("sources", {}).items():
        _check_source(source_id, source, variables, page)
    identifying = {variable.get("identifies") for variable in variables.values()} - {None}
    for kind in values.get("identity") or {}:
        if kind not in identifying | BUILT_IN_KINDS:
            hint = did_you_mean(kind, identifying | BUILT_IN_KINDS, "Write identifies: behind a variable.")
            page.warn(page.mark("identity", kind), f'no variable identifies a guest by "{kind}"', hint)
    if not page.broken:
        _warn_of_unfilled(values, page)


BUILT_IN_KINDS: Final = frozenset({"badge", "app", "anonymous", "stamp"})
"""Kinds that doors bring by themselves: a worn badge, the app's user and anonymous ids, a guest's stamp card."""


def _check_variable(name: str, variable: Mapping[str, Any], page: Page) -> None:
    normalise, kind = variable.get("normalise"), variable.get("type")
    if normalise not in (None, "as written") and kind not in (None, "text", "list"):
        mark = page.mark("variables", name, "normalise")
        page.report(Mistake(mark, f'only text is normalised, and "{name}" is {kind}', "Leave normalise out."))
    if variable.get("identifies") and kind in {"list", "yes/no", "consent", "colour", "time"}:
        mark = page.mark("variables", name, "identifies")
        page.report(Mistake(mark, f"nobody is identified by a {kind}", "Leave identifies out."))


def _check_source(source_id: str, source: Mapping[str, Any], variables: Mapping[str, Any], page: Page) -> None:
    if source_id in RESERVED:
        mark = page.mark("sources", source_id)
        page.report(
            Mistake(mark, f'"{source_id}" is what the hub calls somebody else', "Give this source another name.")
        )
    if (source_id == REGISTRATION) != (source.get("door", source_id) == REGISTRATION):
        mark = page.mark("sources", source_id, "door")
        hint = "Columns of registration.csv are described under registration: {door: registration}, others elsewhere."
        page.report(Mistake(mark, "registration.csv is one source of its own", hint))
    fields = source.get("fields") or {}
    for told, variable in fields.items():
        if variable not in variables:
            hint = did_you_mean(variable, variables, "Describe it under variables:, or put the field under ignore:.")
            mark = page.mark("sources", source_id, "fields", told)
            page.report(Mistake(mark, f'there is no variable called "{variable}"', hint))
    for told in source.get("ignore") or ():
        if told in fields:
            mark = page.mark("sources", source_id, "ignore")
            page.report(Mistake(mark, f'"{told}" is both read and ignored', "Keep it in one of the two."))


def _warn_of_unfilled(values: Mapping[str, Any], page: Page) -> None:
    filled = {variable for source in values["sources"].values() for variable in (source["fields"] or {}).values()}
    for name in values["variables"]:
        if name not in filled:
            page.warn(page.mark("variables", name), f'no source fills "{name}"', "Name it under fields: of a source.")


def _settings(values: Mapping[str, Any], warnings: tuple[Problem, ...]) -> DataLayerSettings:
    variables = {name: _variable(name, variable) for name, variable in values["variables"].items()}
    return DataLayerSettings(
        variables=variables,
        sources={source_id: _source(source_id, source) for source_id, source in values["sources"].items()},
        kinds=tuple(_kinds(values["identity"] or {}, variables)),
        warnings=warnings,
    )


def _variable(name: str, values: Mapping[str, Any]) -> Variable:
    return Variable(
        name=name,
        type=values["type"],
        privacy=values["privacy"],
        normalise=values["normalise"],
        identifies=values["identifies"],
        used_for=values["used_for"],
        fresh_for_s=values["fresh_for"],
        unit=values["unit"],
        what=values["what"] or "",
    )


def _source(source_id: str, values: Mapping[str, Any]) -> Source:
    return Source(
        id=source_id,
        door=values["door"],
        name=values["name"] or source_id,
        fields=values["fields"] or {},
        ignore=values["ignore"],
        events=values["events"] or {},
        rows=values["rows"],
        priority=values["priority"],
        key=values["key"],
        time=values["time"],
    )


def _kinds(written: Mapping[str, Any], variables: Mapping[str, Variable]) -> list[IdentifierKind]:
    kinds = {
        kind: IdentifierKind(kind, values["most"], values["shared"], tuple(values["blocked"]))
        for kind, values in written.items()
    }
    others = (variable.identifies for variable in variables.values())
    return list({**kinds, **{kind: IdentifierKind(kind) for kind in others if kind and kind not in kinds}}.values())
