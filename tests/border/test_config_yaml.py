"""YAML as edgehub reads it: text stays text, nothing is guessed, and no file whatever makes it stumble."""

import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edgehub.config import ConfigError, load_venue, read_registration, save_learned
from edgehub.config.learned import Learned, load_learned
from edgehub.config.nodes import Listing, Scalar, Table, plain
from edgehub.config.page import MAX_BYTES
from edgehub.config.problems import Mistake
from edgehub.config.yaml import dump, parse, parse_own
from edgehub.core.venue import BadgeScheme

EXAMPLE = Path(__file__).parents[2] / "config" / "zones.yaml"


@pytest.mark.parametrize(
    "written",
    [
        "off",
        "no",
        "yes",
        "on",
        "y",
        "18:00",
        "08:30",
        "12:30:45",
        "0123",
        "1.10",
        "1e3",
        "0x1f",
        "1_000",
        "2026-11-23",
        "11:22:33:44:55:56",
        "11:22:33:44:55:66",
        "null",
        "~",
        "true",
        ".inf",
        "<<",
        "=",
    ],
)
def test_what_yaml_1_1_would_convert_stays_as_written(written: str) -> None:
    """No spelling turns into a boolean, a number of minutes, an octal or a date before a field asks for one."""
    node, _ = parse(f"key: {written}\n")

    assert isinstance(node, Table)
    value = node.entries["key"][1]
    assert isinstance(value, Scalar)
    assert value.text == written


@pytest.mark.parametrize("name", ["off", "no", "18:00", "0123", "1.10", "11:22:33:44:55:56", "null"])
def test_a_zone_may_be_called_anything(tmp_path: Path, name: str) -> None:
    """A name that looks like something else to YAML 1.1 is still the name, except null which is nothing."""
    path = tmp_path / "zones.yaml"
    path.write_text(f"version: 1\nzones:\n  a:\n    name: {name}\n")

    if name == "null":
        with pytest.raises(ConfigError, match='"name" is empty'):
            load_venue(path)
    else:
        assert load_venue(path).zones["a"].name == name


def test_json_and_a_minimal_file_are_enough(tmp_path: Path) -> None:
    """JSON is YAML; a zones file needs a version and one zone with a name, and a zone may have no receiver."""
    path = tmp_path / "zones.json"
    path.write_text(
        '{"version": 1, "zones": {"kitchen": {"name": "Kitchen", "heard_by": ["kitchen"]}, "attic": {"name": "A"}}}'
    )

    venue = load_venue(path)

    assert venue.zones["kitchen"].heard_by == ("kitchen",)
    assert venue.zones["attic"].heard_by == ()


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b""])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_any_editor_will_do(tmp_path: Path, start: bytes, end: bytes) -> None:
    """A byte order mark and the line ends of Windows are no mistakes."""
    path = tmp_path / "zones.yaml"
    path.write_bytes(start + EXAMPLE.read_bytes().replace(b"\n", end))

    assert load_venue(path) == load_venue(EXAMPLE)


NESTED = "a: [" * 30 + "]" * 30
BOMB = "version: 1\na: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "1:1: this file is empty"),
        (b"# only a comment\n", "1:1: this file is empty"),
        (b"just words\n", "1:1: this file has no settings"),
        (b"- a\n- b\n", "1:1: this file has no settings"),
        (b"version: 1\nname: caf\xe9\n", "2:10: a character here is not written in UTF-8"),
        (b"version: 1\nname: a\x00b\n", "2:8: there is a character here that no text contains"),
        (b"version: 1\n" + b"# padding\n" * (MAX_BYTES // 10), "1:1: this file is larger than any configuration"),
        (BOMB.encode(), "this file is larger than any configuration"),
        (b"a: &a [*a]\n", 'nothing before this is marked "&a"'),
        (("[" * 30 + "]" * 30).encode(), "this is nested more than 20 levels deep"),
        (("[" * 100_000).encode(), "this is nested more than 20 levels deep"),
        (b"version: 1\nzones: !!python/object:os.system {}\n", '2:8: "!!python/object:os.system" means nothing here'),
        (b"version: !!int 1\n", '"!!int" means nothing here'),
        (b"? [a]\n: b\n", "a name is wanted before the colon"),
        (b"version: 1\nversion: 1\n", '2:1: "version" appears twice; the first one is on line 1'),
    ],
)
def test_strange_files_are_refused_in_words(tmp_path: Path, content: bytes, message: str) -> None:
    """Empty, binary, huge, nested, self-containing or dangerous files give one message, quickly, and run nothing."""
    path = tmp_path / "zones.yaml"
    path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load_venue(path)

    assert message in str(caught.value)


def test_a_long_line_is_shown_around_the_word_only(tmp_path: Path) -> None:
    """A venue written as one line of JSON gives messages of a readable length, with the caret under the word."""
    path = tmp_path / "zones.json"
    many = ", ".join(f'"z{n}": {{"name": "Zone {n}"}}' for n in range(500))
    path.write_text(f'{{"version": 1, "zones": {{{many}, "last": {{"nmae": "Last"}}}}}}')

    with pytest.raises(ConfigError) as caught:
        load_venue(path)

    _, shown, caret, hint = str(caught.value).splitlines()
    assert len(shown) < 200
    assert shown[caret.index("^") :].startswith('"nmae"')
    assert hint == '  → Did you mean "name"?'


@pytest.mark.parametrize(
    "content", [b"badge\n\x00\n", b"badge," + b"x" * 200_000 + b"\n1\n", b"badge\n" + b'"' * 99, b"\xff\xfe"]
)
def test_strange_lists_are_refused_in_words(tmp_path: Path, content: bytes) -> None:
    """A registration file of any bytes is read or refused; nothing else is raised."""
    path = tmp_path / "registration.csv"
    path.write_bytes(content)

    try:
        assert len(read_registration(path, BadgeScheme())) == 0
    except ConfigError as error:
        problems = error.problems
    else:
        return
    assert len(problems) == 1


def test_an_anchor_may_be_used(tmp_path: Path) -> None:
    """Aliases stand for what they name: two zones may share one list of receivers."""
    path = tmp_path / "zones.yaml"
    path.write_text("version: 1\nzones:\n  a: {name: A, heard_by: &near [pi-a]}\n  b: {name: B, heard_by: *near}\n")

    assert load_venue(path).zones["b"].heard_by == ("pi-a",)


def test_missing_and_unreadable_files_are_problems_too(tmp_path: Path) -> None:
    """A deleted file, or a folder in its place, is said in words."""
    (tmp_path / "zones.yaml").mkdir()

    for path in (tmp_path / "nowhere.yaml", tmp_path / "zones.yaml" / "zones.yaml"):
        with pytest.raises(ConfigError, match="there is no such file"):
            load_venue(path)


# --- a hundred broken edits (C1)

_TEXT = EXAMPLE.read_text()
_LINES = _TEXT.splitlines(keepends=True)
_SNIPPETS = st.sampled_from(
    [
        "\t",
        " ",
        ": ",
        ":",
        '"',
        "'",
        "[",
        "]",
        "{",
        "}",
        "#",
        "- ",
        "&a ",
        "*a",
        "!secret x",
        "!!int ",
        "%",
        "@",
        "`",
        "|",
        ">",
        "\n",
        "\r",
        "---\n",
        "...\n",
        "? ",
        "<<: ",
        "off",
        "12:30",
        "0123",
        "~",
        "\x00",
        "\x07",
        "\u2028",
        "é",
        "🙂",
        "=" * 300,
    ]
)


@st.composite
def broken_files(draw: st.DrawFn) -> bytes:
    """The example file after one to four slips of a hand: insertions, deletions, moves, cuts, bytes."""
    text = _TEXT
    for _ in range(draw(st.integers(1, 4))):
        at, length = draw(st.integers(0, len(text))), draw(st.integers(1, 60))
        match draw(st.sampled_from(["insert", "delete", "repeat", "cut", "swap"])):
            case "insert":
                text = text[:at] + draw(_SNIPPETS) + text[at:]
            case "delete":
                text = text[:at] + text[at + length :]
            case "repeat":
                text = text[: at + length] + text[at : at + length] + text[at + length :]
            case "cut":
                text = text[:at]
            case _:
                text = text[:at] + text[at : at + length][::-1] + text[at + length :]
    data = text.encode()
    return data.replace(b"e", b"\xff", 1) if draw(st.booleans()) and draw(st.booleans()) else data


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(broken_files())
@example(b"")
@example(_TEXT.encode("utf-16"))
def test_no_edit_makes_the_reader_stumble(tmp_path: Path, content: bytes) -> None:
    """Whatever the edit: the file is read, or refused with problems that lie inside the file. Nothing else is raised."""
    path = tmp_path / "zones.yaml"
    path.write_bytes(content)
    try:
        assert load_venue(path).zones
    except ConfigError as error:
        problems = error.problems
    else:
        return
    lines = len(content.decode("utf-8", "replace").splitlines()) + 2  # a lone carriage return ends a line too
    assert problems
    for problem in problems:
        assert problem.file == "zones.yaml"
        assert 1 <= problem.mark.line <= lines
        assert problem.mark.column >= 1
        assert problem.message


@settings(max_examples=300, deadline=None)
@given(st.text(string.printable + "é🙂\u2028\ufeff", max_size=200))
def test_no_text_makes_the_parser_stumble(text: str) -> None:
    """Any text at all gives a tree or one Mistake."""
    try:
        result: object = parse(text)[0]
    except Mistake as mistake:
        result = mistake
    assert isinstance(result, Scalar | Listing | Table | Mistake)


# --- what edgehub writes itself

_WORD = st.text(string.printable + "é🙂", max_size=12)
_LEAF = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | _WORD
    | st.sampled_from(["off", "12:30", "0123", "1e3", "1.0", "null", "~", "<<", "1042", "0x1f", "1_0", "", "#", "2026-11-23"])
)  # fmt: skip
_DATA = st.recursive(
    _LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORD, inner, max_size=4), max_leaves=20
)


@settings(max_examples=200, deadline=None)
@given(_DATA)
def test_what_is_written_is_read_back(data: object) -> None:
    """Dumping and reading plain data changes nothing, whatever the texts look like to YAML 1.1 or 1.2."""
    assert plain(parse_own(dump(data))) == data


def test_what_was_learned_survives(tmp_path: Path) -> None:
    """learned.yaml comes back equal; without one nothing was learned; writing leaves no other file behind."""
    assert load_learned(tmp_path) == Learned()
    learned = Learned(survey={"zones": {"off": {"pi-a": [-60.5, None, 3]}}}, bridges={"hall": {"rooms": ["Lounge"]}})

    save_learned(tmp_path, learned)
    save_learned(tmp_path, learned)

    assert load_learned(tmp_path) == learned
    assert [path.name for path in tmp_path.iterdir()] == ["learned.yaml"]


@pytest.mark.parametrize("content", [b"", b"version: 2\n", b"version: 1\nsurvey: 3\n", b"a: [", b"\xff\xfe"])
def test_a_damaged_learned_file_is_said_not_raised(tmp_path: Path, content: bytes) -> None:
    """A half-written or foreign learned.yaml is a problem with a remedy, not a traceback."""
    (tmp_path / "learned.yaml").write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load_learned(tmp_path)

    assert "edgehub calibrate" in caught.value.problems[0].hint
