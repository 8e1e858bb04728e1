"""The lineage map: which source fills which variable, what that is used for, and through which channel it comes out.

Made from data_layer.yaml before anything is connected, and from what really arrived once the hub runs. Broken links
are the reason to draw it: a field nobody mapped, a variable nobody fills, a purpose nothing acts on.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from edgehub.config.data_layer import DataLayerSettings, Source, Variable
from edgehub.core.profile import CONSENT_PURPOSES
from edgehub.web.diagram import Link, Node, draw

COLUMNS = ("Source", "Variable", "Used for", "Channel")
GATEWAYS = "gateways"
"""The one source that is always there: badges heard by gateways."""
DWELL = "dwell"
CHANNELS: Mapping[str, str] = {"analytics": "Hub's page", "lights": "Hue lamps", "screen": "Venue screens"}
"""What acts on a purpose in this version."""
MATCHING = "identity"
"""Not a purpose to agree to: what makes two records one guest."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What came in so far: records by source, and the fields nobody mapped, with how often."""

    records: Mapping[str, int] = field(default_factory=dict)
    unmapped: Sequence[tuple[str, str, int]] = ()
    """Source, field, count."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """The map."""

    nodes: Sequence[Node]
    links: Sequence[Link]

    @property
    def broken(self) -> list[str]:
        """Every broken thing and link in a sentence."""
        things = [f"{node.label}: {node.broken}" for node in self.nodes if node.broken]
        return things + [f"{link.label}: {link.broken}" for link in self.links if link.broken]

    def svg(self) -> str:
        """The map as a picture."""
        return draw("From sources to channels", COLUMNS, self.nodes, self.links)


def lineage(settings: DataLayerSettings, arrivals: Arrivals | None = None) -> Lineage:
    """Draw the map; without ``arrivals`` nothing is judged by what came in."""
    nodes = [
        *_sources(settings, arrivals),
        *_variables(settings, arrivals),
        *_purposes(settings),
        *(Node(f"channel/{name}", 3, name) for name in CHANNELS.values()),
    ]
    return Lineage(nodes, [*_told(settings, arrivals), *_used(settings), *_acted_on()])


def _sources(settings: DataLayerSettings, arrivals: Arrivals | None) -> Iterator[Node]:
    yield Node(f"source/{GATEWAYS}", 0, "Gateways", "badges heard")
    for source in settings.sources.values():
        count = None if arrivals is None else arrivals.records.get(source.id, 0)
        note = f"{source.door} door" if count is None else f"{source.door} door, {count} records"
        yield Node(f"source/{source.id}", 0, source.name, note, "nothing has come in yet" if count == 0 else "")


def _variables(settings: DataLayerSettings, arrivals: Arrivals | None) -> Iterator[Node]:
    yield Node(f"variable/{DWELL}", 1, DWELL, "time in each zone")
    filled = {name for source in settings.sources.values() for name in source.fields.values()}
    for variable in settings.variables.values():
        yield Node(f"variable/{variable.name}", 1, variable.name, _note(variable), _wrong(variable, filled))
    for source, name, count in () if arrivals is None else arrivals.unmapped:
        yield Node(f"unmapped/{source}/{name}", 1, name, "", f"mapped by nobody, came {count} times")


def _note(variable: Variable) -> str:
    unit = f" in {variable.unit}" if variable.unit else ""
    return f"{variable.type}{unit}, {variable.privacy}"


def _wrong(variable: Variable, filled: Iterable[str]) -> str:
    if variable.name not in filled:
        return "no source fills it"
    if not _uses(variable):
        return "kept, but used for nothing"  # what is not needed should not be held
    return ""


def _uses(variable: Variable) -> tuple[str, ...]:
    matched = variable.identifies is not None or variable.type in {"badge", "consent"}
    return (MATCHING,) if matched and not variable.used_for else variable.used_for


def _purposes(settings: DataLayerSettings) -> Iterator[Node]:
    wanted = {use for variable in settings.variables.values() for use in _uses(variable)}
    for purpose in (MATCHING, *sorted(CONSENT_PURPOSES)):
        if purpose == MATCHING:
            yield Node(f"purpose/{purpose}", 2, "who is who", "one guest from many records")
        elif purpose in wanted or purpose in CHANNELS:
            broken = "" if purpose in CHANNELS else "no channel for it in this version"
            yield Node(f"purpose/{purpose}", 2, purpose, "with the guest's consent", broken)


def _told(settings: DataLayerSettings, arrivals: Arrivals | None) -> Iterator[Link]:
    yield Link(f"source/{GATEWAYS}", f"variable/{DWELL}")
    for source in settings.sources.values():
        for name, variable in source.fields.items():
            yield Link(f"source/{source.id}", f"variable/{variable}", _as(source, name))
    for source_id, name, _ in () if arrivals is None else arrivals.unmapped:
        yield Link(f"source/{source_id}", f"unmapped/{source_id}/{name}", f"{source_id}.{name}", "mapped by nobody")


def _as(source: Source, name: str) -> str:
    return f"{source.name} calls it {name}"


def _used(settings: DataLayerSettings) -> Iterator[Link]:
    yield from (Link(f"variable/{DWELL}", f"purpose/{purpose}") for purpose in ("analytics", "offers"))
    for variable in settings.variables.values():
        yield from (Link(f"variable/{variable.name}", f"purpose/{use}") for use in _uses(variable))


def _acted_on() -> Iterator[Link]:
    yield from (Link(f"purpose/{purpose}", f"channel/{name}") for purpose, name in CHANNELS.items())
