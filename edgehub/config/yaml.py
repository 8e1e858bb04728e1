"""The only module that imports yaml: text → nodes with their places, and data → text.

PyYAML's own typing is not used. YAML 1.1 makes False of ``off``, 750 of ``12:30``, 83 of ``0123``, 1.1 of ``1.10``, a
number of some MAC addresses, and lets the second of two equal keys win in silence. Here every scalar stays text until
the field that wants it says what it should be, and a repeated key is a mistake.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from edgehub.config.nodes import Listing, Node, Scalar, Table
from edgehub.config.problems import START, Mark, Mistake

# A zones file of a large venue has some hundred nodes. The limits stop alias bombs and runaway nesting, not venues.
MAX_NODES = 50_000
MAX_DEPTH = 20

_TEXT_TAGS = {None, "!", "tag:yaml.org,2002:str"}


def parse(text: str) -> tuple[Node, list[Mistake]]:
    """Return the tree of one file and the mistakes that do not stop reading, which are repeated keys.

    Raises:
        Mistake: the text is not YAML, holds two documents, or is larger than any configuration.
    """
    try:
        composer = _Composer(yaml.parse(text, Loader=yaml.SafeLoader), MAX_NODES, by_hand=True)
        return composer.document(), composer.mistakes
    except yaml.YAMLError as error:
        raise _mistake(error, text) from error


def parse_own(text: str) -> Node:
    """Return the tree of a file edgehub wrote itself: the same in C where PyYAML has it, and without small limits."""
    try:
        return _Composer(yaml.parse(text, Loader=_Fast), 5_000_000, by_hand=False).document()
    except yaml.YAMLError as error:
        raise _mistake(error, text) from error


def dump(data: Any) -> str:
    """Return plain data as YAML in block style; what `plain(parse_own(...))` reads back is equal."""
    return str(yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, default_flow_style=None, width=120))


# libyaml is part of every PyYAML wheel, but a build without it works too.
_Fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Dumper(yaml.SafeDumper):
    """Aliases would come back as copies; we write copies."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the name is PyYAML's
        return True


def _mistake(error: yaml.YAMLError, text: str) -> Mistake:
    if isinstance(error, yaml.MarkedYAMLError):
        from edgehub.config.diagnosis import diagnose  # only mistakes need it

        return diagnose(text, str(error.problem), _mark(error.problem_mark), _mark(error.context_mark))
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        column = error.position - (text.rfind("\n", 0, error.position) + 1) + 1
        return Mistake(Mark(line, column), "there is a character here that no text contains", "Delete it.")
    return Mistake(START, f"this file does not read as YAML ({error})")


def _mark(mark: Any) -> Mark | None:
    return None if mark is None else Mark(mark.line + 1, mark.column + 1)


class _Composer:
    """Builds nodes from PyYAML's events, which know where they stand; keeps the limits and finds repeated keys."""

    def __init__(self, events: Iterator[Any], limit: int, *, by_hand: bool) -> None:
        self._events = events
        self._by_hand = by_hand
        self._left = limit
        self._anchors: dict[str, tuple[Node, int]] = {}
        self.mistakes: list[Mistake] = []

    def document(self) -> Node:
        """The one document of the file; an empty file is an empty scalar."""
        node: Node = Scalar("", START)
        for count, event in enumerate(self._documents()):
            if count:
                raise Mistake(_at(event), "a second document begins here", 'Remove the line "---".')
            node = self._node(next(self._events), 0)
        return node

    def _documents(self) -> Iterator[Any]:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                yield event

    def _node(self, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._left
        self._spend(1, event)
        if depth > MAX_DEPTH:
            raise Mistake(_at(event), f"this is nested more than {MAX_DEPTH} levels deep")
        node = self._compose(event, depth)
        if event.anchor:
            self._anchors[event.anchor] = node, before - self._left
        return node

    def _compose(self, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            if self._by_hand:
                _refuse_open_quote(event)
            return _scalar(event)
        if event.tag is not None and event.tag != "!":
            raise _strange_tag(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return Listing(tuple(self._items(depth)), _at(event))
        return self._table(event, depth)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _table(self, start: Any, depth: int) -> Table:
        entries: dict[str, tuple[Scalar, Node]] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if not isinstance(key, Scalar):
                raise Mistake(key.mark, "a name is wanted before the colon", "Put one word there.")
            if key.text in entries:
                self.mistakes.append(_twice(key, entries[key.text][0]))
            else:
                entries[key.text] = key, value
        return Table(entries, _at(start))

    def _alias(self, event: Any) -> Node:
        if event.anchor not in self._anchors:
            raise Mistake(_at(event), f'nothing before this is marked "&{event.anchor}"', "Write the value itself.")
        node, size = self._anchors[event.anchor]
        self._spend(size, event)  # what an alias stands for counts again each time: that defuses alias bombs
        return node

    def _spend(self, nodes: int, event: Any) -> None:
        self._left -= nodes
        if self._left < 0:
            raise Mistake(_at(event), "this file is larger than any configuration", "Is it the right file?")


def _at(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _scalar(event: Any) -> Scalar:
    if event.tag not in {*_TEXT_TAGS, "!secret"}:
        raise _strange_tag(event)
    quoted = event.style in {"'", '"', "|", ">"}
    tag = "!secret" if event.tag == "!secret" else None
    return Scalar(event.value, _at(event), quoted, tag)


def _refuse_open_quote(event: Any) -> None:
    # Legal YAML, but in a staff file always a forgotten quote that ate the lines up to the next one.
    if event.style in {"'", '"'} and event.end_mark.line != event.start_mark.line:
        raise Mistake(_at(event), "this quote is never closed on its line", f"Put a {event.style} at its end.")


def _strange_tag(event: Any) -> Mistake:
    tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
    return Mistake(_at(event), f'"{tag}" means nothing here', 'Only "!secret NAME" is known; text may stand in quotes.')


def _twice(key: Scalar, first: Scalar) -> Mistake:
    return Mistake(
        key.mark,
        f'"{key.text}" appears twice; the first one is on line {first.mark.line}',
        "Keep one of them, or give this one another name.",
    )
