"""Why a file does not read as YAML, said as its author would: the parser often blames the line after the mistake."""

import re
from collections.abc import Callable

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

    def after(self, number: int) -> int:
        """The number of the next line that says something; 0 when there is none."""
        return next((n for n in range(number + 1, len(self.lines) + 1) if self.says_something(n)), 0)

    def around(self, number: int) -> list[tuple[int, int]]:
        """The blocks open above this line, outermost first: each with the numbers of its first and its last line."""
        stack: list[tuple[int, int]] = []
        for n in (n for n in range(1, number) if self.says_something(n)):
            level = next((first for first, _ in stack if self.indent(first) == self.indent(n)), n)
            stack = [*(block for block in stack if self.indent(block[0]) < self.indent(n)), (level, n)]
        return stack

    def used(self, indent: int, first: int, last: int) -> bool:
        """Whether a setting outside of first…last, the error's own run, starts at this indent."""
        others = (*range(1, first), *range(last + 1, len(self.lines) + 1))
        settings = (n for n in others if self.says_something(n) and not self.line(n).lstrip().startswith("-"))
        return any(self.indent(n) == indent for n in settings)

    def opens(self, number: int) -> bool:
        """Whether a block begins below this line: its colon has nothing behind it."""
        return bool(re.search(r":\s*(#.*)?$", self.line(number)))


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
    value = re.search(r":\s+([^,{}\[\]]*)$", before)
    if not value or not ("mapping values" in scene.problem or "but got ':'" in scene.problem):
        return None
    *words, name = value[1].split() or [""]
    hint = 'Text that contains ": " must be in quotes, like "Bar: upstairs".'
    if words and "but got" in scene.problem:
        hint = f'Put a "," before "{name}", or the whole text in quotes.'
    return Mistake(scene.mark, "this does not read as YAML (mapping values are not allowed here)", hint)


def _missing_colon(scene: _Scene) -> Mistake | None:
    if found := re.match(r"(\s*)([\w-]+)\s+[\[{]", scene.line(scene.mark.line)):
        place = Mark(scene.mark.line, len(found[1]) + 1)
        return Mistake(place, f'a ":" is missing after "{found[2]}"', f"Write {found[2]}: …")
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
    value = re.sub(r"(^|\s)#.*", "", found[3]).strip()
    fixed = f"{found[1]}: {value}".strip()
    if found[2]:
        return Mistake(place, 'this line is missing a space after the ":"', f"Write: {fixed}")
    return Mistake(place, 'this line looks like it is missing a ":" after the name', f"Write: {fixed}")


def _shifted(scene: _Scene) -> Mistake | None:
    if "mapping values" not in scene.problem and "<block mapping start>" not in scene.problem:
        return None
    number, neighbours = _out_of_line(scene, scene.mark.line)
    if scene.indent(number) == neighbours:
        return None
    return Mistake(
        Mark(number, scene.indent(number) + 1),
        f"this line starts {_spaces(scene.indent(number))} in; its neighbours start {neighbours} in",
        f"Let it start {_spaces(neighbours)} in.",
    )


def _out_of_line(scene: _Scene, number: int) -> tuple[int, int]:
    """Which line is shifted, and where it should start: the parser takes the first line of a block as the rule."""
    mine, around = scene.indent(number), scene.around(number)
    deeper = [first for first, _ in around if scene.indent(first) > mine]
    begun = [last for _, last in around if scene.indent(last) < mine]
    if not deeper and around and _too_far_out(scene, around[-1][1]):
        return around[-1][1], mine
    if not deeper or not begun or not scene.used(mine, deeper[0], number):
        return number, _meant(scene, number, [first for first, _ in around])
    if not scene.used(scene.indent(deeper[0]), deeper[0], number):
        return deeper[0], mine
    # Both places are usual in this file, so the line that ended our block stands too far out.
    return begun[-1], mine


def _too_far_out(scene: _Scene, number: int) -> bool:
    """Whether the line stands beside the one it should hang under."""
    above = scene.before(number)
    return above > 0 and scene.opens(above) and scene.indent(above) == scene.indent(number)


def _meant(scene: _Scene, number: int, around: list[int]) -> int:
    """The usual place that is nearest to where the line stands, and left of what hangs under it."""
    mine = scene.indent(number)
    below = scene.indent(scene.after(number)) if scene.opens(number) else 0
    places = [scene.indent(n) for n in around if below <= mine or scene.indent(n) < below]
    return min(reversed(places), key=lambda place: abs(place - mine), default=mine)


def _spaces(count: int) -> str:
    return f"{count} space" if count == 1 else f"{count} spaces"


def _open_bracket(scene: _Scene) -> Mistake | None:
    if scene.context is None or not (found := re.search(r"expected ',' or '(.)'", scene.problem)):
        return None
    if scene.mark.line == scene.context.line and not re.search(r"but got '[]}]'", scene.problem):
        return None
    opening = {"]": "[", "}": "{"}[found[1]]
    return Mistake(scene.context, f'this "{opening}" is never closed', f'Put a "{found[1]}" at its end.')


def _strange_start(scene: _Scene) -> Mistake | None:
    if found := re.search(r"found character '(.)' that cannot start", scene.problem):
        return Mistake(scene.mark, f'text cannot begin with "{found[1]}"', "Put it in quotes.")
    if "but found '<scalar>'" in scene.problem:
        hint = """Put all of it in one pair of quotes, of the other kind if it holds one: "Bacon's table"."""
        return Mistake(scene.mark, "this stands behind a closing quote or bracket", hint)
    if "but found '?'" in scene.problem:
        return Mistake(scene.mark, "lines with and without a dash are mixed here", "Remove the dash, or add one.")
    if re.search("sequence entries|alphabetic or numeric|comment or a line break", scene.problem):
        return Mistake(scene.mark, f"this does not read as YAML ({scene.problem})", "Put the text in quotes.")
    return None


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
