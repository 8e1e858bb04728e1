"""Why a file does not read as YAML, said as its author would: the parser often blames the line after the mistake."""

import re
from collections.abc import Callable, Iterator

from edgehub.config.problems import START, Mark, Mistake

# What a colour looks like when its quotes are forgotten: YAML takes it for a comment.
_SWALLOWED_COLOUR = r"[:\[,-][ \t]+(#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6}))(?=[\s,}\]]|$)"

_NAME_AND_REST = r"\s*([\w-]+)(:?)(.*)"


def diagnose(text: str, problem: str, mark: Mark | None, context: Mark | None) -> Mistake:
    """Return the likeliest mistake behind the parser's complaint, one cause and one place."""
    scene = _Scene(text, problem, mark or START, context)
    for explain in _EXPLANATIONS:
        if mistake := explain(scene):
            return mistake
    return Mistake(scene.mark, f"this does not read as YAML ({problem})")


class _Scene:
    """The parser's complaint, and the lines around it."""

    def __init__(self, text: str, problem: str, mark: Mark, context: Mark | None) -> None:
        self.lines = text.splitlines()
        self.problem = problem
        self.mark = mark
        self.context = context

    def line(self, number: int) -> str:
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def indent(self, number: int) -> int:
        return len(self.line(number)) - len(self.line(number).lstrip(" "))

    def says_something(self, number: int) -> bool:
        return bool(self.line(number).strip()) and not self.line(number).lstrip().startswith("#")

    def before(self, number: int) -> int:
        """The number of the last line before this one that is neither empty nor a comment; 0 when there is none."""
        return next((n for n in range(number - 1, 0, -1) if self.says_something(n)), 0)

    def block(self, number: int) -> Iterator[int]:
        """The lines that hang under the same line as this one does."""
        floor = min(self.indent(number), self.indent(self.before(number)))
        start = next((n for n in range(number - 1, 0, -1) if self.says_something(n) and self.indent(n) < floor), 0)
        for n in range(start + 1, len(self.lines) + 1):
            if self.says_something(n):
                if n > number and self.indent(n) < floor:
                    return
                yield n


def _tab(scene: _Scene) -> Mistake | None:
    for number in range(1, scene.mark.line + 1):
        line = scene.line(number)
        if "\t" in line[: len(line) - len(line.lstrip())] and scene.says_something(number):
            return Mistake(
                Mark(number, 1),
                "this line is indented with a Tab key; YAML only accepts spaces",
                "Replace it with 2 spaces per level.",
            )
    return None


def _open_quote(scene: _Scene) -> Mistake | None:
    if scene.context is None or scene.line(scene.context.line)[scene.context.column - 1 :][:1] not in {"'", '"'}:
        return None
    quote = scene.line(scene.context.line)[scene.context.column - 1]
    return Mistake(scene.context, "this quote is never closed on its line", f"Put a {quote} at its end.")


def _swallowed_colour(scene: _Scene) -> Mistake | None:
    first = (scene.context or scene.mark).line
    for number in range(first, scene.mark.line + 1):
        if found := re.search(_SWALLOWED_COLOUR, scene.line(number)):
            return swallowed(Mark(number, found.start(1) + 1), found[1])
    return None


def swallowed(mark: Mark, lost: str) -> Mistake:
    """Return the mistake of text that YAML took for a comment."""
    return Mistake(mark, "everything after # is a comment, so this is empty", f'Write "{lost}".')


def _colon_in_text(scene: _Scene) -> Mistake | None:
    before = scene.line(scene.mark.line)[: scene.mark.column - 1]
    if "mapping values" not in scene.problem or not re.search(r":\s", before):
        return None
    return Mistake(
        scene.mark,
        "this does not read as YAML (mapping values are not allowed here)",
        'Text that contains ": " must be in quotes, like "Bar: upstairs".',
    )


def _missing_colon(scene: _Scene) -> Mistake | None:
    if "expected ':'" in scene.problem and scene.context:
        number = scene.context.line
    elif "mapping values" in scene.problem:
        number = scene.before(scene.mark.line)
    else:
        return None
    return _without_colon(scene, number)


def _without_colon(scene: _Scene, number: int) -> Mistake | None:
    line = scene.line(number)
    place = Mark(number, scene.indent(number) + 1)
    if re.search(r":(\s|$)", line) or not line.strip():
        return None
    if line.lstrip().startswith("-"):
        return Mistake(place, 'this line is missing a space after the "-"', "Write it like: - pi-bar")
    if not (found := re.match(_NAME_AND_REST, line)):
        return None
    fixed = f"{found[1]}: {found[3].strip()}".strip()
    if found[2]:
        return Mistake(place, 'this line is missing a space after the ":"', f"Write: {fixed}")
    return Mistake(place, 'this line looks like it is missing a ":" after the name', f"Write: {fixed}")


def _shifted(scene: _Scene) -> Mistake | None:
    if "mapping values" not in scene.problem and "<block mapping start>" not in scene.problem:
        return None
    number = scene.mark.line
    mine = scene.indent(number)
    block = list(scene.block(number))
    theirs = next((scene.indent(n) for n in reversed(block) if n < number and scene.indent(n) != mine), mine)
    if sum(scene.indent(n) == mine for n in block) > sum(scene.indent(n) == theirs for n in block):
        # Most lines stand where this one does, so an earlier one is out of line, though the parser took it as the rule.
        number = next(n for n in block if scene.indent(n) == theirs)
        mine, theirs = theirs, mine
    if mine == theirs:
        return None
    return Mistake(
        Mark(number, mine + 1),
        f"this line starts {_spaces(mine)} in; its neighbours start {theirs} in",
        f"Let it start {_spaces(theirs)} in.",
    )


def _spaces(count: int) -> str:
    return f"{count} space" if count == 1 else f"{count} spaces"


def _open_bracket(scene: _Scene) -> Mistake | None:
    if scene.context is None or not (found := re.search(r"expected ',' or '(.)'", scene.problem)):
        return None
    if scene.mark.line == scene.context.line:
        return None
    opening = {"]": "[", "}": "{"}[found[1]]
    return Mistake(scene.context, f'this "{opening}" is never closed', f'Put a "{found[1]}" at its end.')


def _strange_start(scene: _Scene) -> Mistake | None:
    if not (found := re.search(r"found character '(.)' that cannot start", scene.problem)):
        return None
    return Mistake(scene.mark, f'text cannot begin with "{found[1]}"', "Put it in quotes.")


_EXPLANATIONS: tuple[Callable[[_Scene], Mistake | None], ...] = (
    _tab,
    _open_quote,
    _swallowed_colour,
    _colon_in_text,
    _missing_colon,
    _shifted,
    _open_bracket,
    _strange_start,
)
