"""A layered diagram as one SVG: things in columns, links between neighbouring columns, what is broken in red.

Colour never speaks alone: a broken link is dashed and a broken thing carries a cross and says why. The picture is text,
so that it can be read aloud, searched, diffed and put into a report.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

SVG = "http://www.w3.org/2000/svg"
COLUMN_PX = 310
BOX_PX = 216
ROW_PX = 52
BOX_HEIGHT_PX = 38
TOP_PX = 64
MARGIN_PX = 24
LONGEST = 26
"""Characters of a label; the whole one is in the tooltip."""

STYLE = """
  .diagram { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --box: #f3f5f8; --edge: #8c959f; --bad: #b3261e; --paper: #ffffff }
  @media (prefers-color-scheme: dark) {
    .diagram { --ink: #f0f3f6; --soft: #b1bac4; --box: #20262e; --edge: #768390; --bad: #ff8d85; --paper: #0d1117 } }
  .diagram text { font: 14px system-ui, sans-serif; fill: var(--ink) }
  .diagram .column { font-weight: 600; fill: var(--soft) }
  .diagram .note { font-size: 11px; fill: var(--soft) }
  .diagram rect { fill: var(--box); stroke: var(--edge) }
  .diagram path { fill: none; stroke: var(--edge); stroke-width: 1.5 }
  .diagram .broken rect { stroke: var(--bad); stroke-width: 2; stroke-dasharray: 5 3 }
  .diagram .broken .note { fill: var(--bad) }
  .diagram path.broken { stroke: var(--bad); stroke-width: 2; stroke-dasharray: 6 4 }
"""


@dataclass(frozen=True, slots=True)
class Node:
    """A thing in a column, counted from 0. ``broken`` says why it is; empty for one that is fine."""

    id: str
    column: int
    label: str
    note: str = ""
    broken: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """From one thing to one in a later column."""

    start: str
    end: str
    label: str = ""
    broken: str = ""


def draw(title: str, columns: Sequence[str], nodes: Sequence[Node], links: Iterable[Link]) -> str:
    """The diagram as SVG text. Things stand in the order given; links whose ends are not there are left out."""
    counts = [sum(node.column == column for node in nodes) for column in range(len(columns))]
    places = _places(counts, nodes)
    width = MARGIN_PX * 2 + COLUMN_PX * (len(columns) - 1) + BOX_PX
    height = TOP_PX + max(counts, default=0) * ROW_PX + MARGIN_PX
    parts = [
        f'<svg xmlns="{SVG}" class="diagram" role="img" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" style="fill: var(--paper); stroke: none"/>',
        *(_heading(column, name) for column, name in enumerate(columns)),
        *(_link(link, places) for link in links if link.start in places and link.end in places),
        *(_node(node, *places[node.id]) for node in nodes),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _places(counts: Sequence[int], nodes: Iterable[Node]) -> Mapping[str, tuple[int, int]]:
    """Where each box has its upper left corner; a short column is spread over the height of the longest."""
    places = {}
    rows = [0] * len(counts)
    for node in nodes:
        spread = ROW_PX * max(counts) / counts[node.column]
        y = TOP_PX + round((rows[node.column] + 0.5) * spread - ROW_PX / 2)
        places[node.id] = MARGIN_PX + node.column * COLUMN_PX, y
        rows[node.column] += 1
    return places


def _heading(column: int, name: str) -> str:
    return f'<text class="column" x="{MARGIN_PX + column * COLUMN_PX}" y="38">{escape(name)}</text>'


def _link(link: Link, places: Mapping[str, tuple[int, int]]) -> str:
    (left, upper), (right, lower) = places[link.start], places[link.end]
    x0, y0, x1, y1 = left + BOX_PX, upper + BOX_HEIGHT_PX / 2, right, lower + BOX_HEIGHT_PX / 2
    middle = (x0 + x1) / 2
    told = ": ".join(filter(None, (link.label, link.broken)))
    title = f"<title>{escape(told)}</title>" if told else ""
    kind = ' class="broken"' if link.broken else ""
    return f'<path{kind} d="M{x0} {y0} C{middle} {y0} {middle} {y1} {x1} {y1}">{title}</path>'


def _node(node: Node, x: int, y: int) -> str:
    note = node.broken or node.note
    label = f"✗ {node.label}" if node.broken else node.label
    told = f"{node.label}: {note}" if note else node.label
    kind = ' class="broken"' if node.broken else ""
    below = f'<text class="note" x="{x + 10}" y="{y + 31}">{escape(_short(note, LONGEST + 10))}</text>' if note else ""
    return f"""<g{kind}><title>{escape(told)}</title>\
<rect x="{x}" y="{y}" width="{BOX_PX}" height="{BOX_HEIGHT_PX}" rx="7"/>\
<text x="{x + 10}" y="{y + (17 if note else 24)}">{escape(_short(label))}</text>{below}</g>"""


def _short(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
