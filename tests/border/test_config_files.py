"""The files that come with edgehub, the registration list, the poll for edits, and the command that checks them."""

import argparse
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgehub.config import ConfigError, fingerprint, load, load_venue, read_registration, save_learned
from edgehub.config.colours import CSS, colour
from edgehub.config.fields import Entry, Field, Secret
from edgehub.config.groups import Group, ListOf, MapOf
from edgehub.config.learned import Learned
from edgehub.config.nodes import Table
from edgehub.config.page import Page
from edgehub.config.schema import NAMES, schema, schema_text
from edgehub.config.yaml import dump, parse
from edgehub.core.venue import BadgeScheme
from edgehub.tools import check
from edgehub.tools import run as tool

SHIPPED = Path(__file__).parents[2] / "config"
SCHEME = BadgeScheme("f7826da6-4fa2-4e98-8024-bc5b71e0893e", 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped examples, installed as the README says."""
    for name in ("edgehub.yaml", "zones.yaml", "registration.csv"):
        shutil.copy(SHIPPED / name, tmp_path)
    shutil.copy(SHIPPED / "secrets.yaml.example", tmp_path / "secrets.yaml")
    (tmp_path / "secrets.yaml").chmod(0o600)
    return tmp_path


def run(*words: str) -> int:
    """Run `edgehub config WORDS` in this process."""
    parser = argparse.ArgumentParser()
    check.configure(parser)
    return check.run(parser.parse_args(words))


# --- examples


def test_the_shipped_examples_load_without_a_warning(folder: Path) -> None:
    """What a new user copies is the conference of the design, right as it stands."""
    config = load(folder, folder / "state")

    assert not config.warnings
    assert list(config.venue.zones) == ["party", "coffee", "bacon", "acme", "birch", "cobalt"]
    party = config.venue.zones["party"]
    assert (party.arrive_after_s, party.leave_after_s, party.heard_by) == (5.0, 90.0, ("pi-lounge", "pi-bar"))
    assert party.lights is not None
    assert (party.lights.bridge, party.lights.room, party.lights.idle) == ("hall", "Lounge", "Warm lounge")
    assert [zone.id for zone in config.venue.zones.values() if zone.sponsor] == ["acme", "birch", "cobalt"]
    assert config.venue.markers["bacon-tray"].badge == "9001"
    assert config.venue.badges == SCHEME
    assert config.venue.privacy.forget_after_close_s == 24 * 3600
    assert config.installation.storage.quota_bytes == 512 * 2**20
    assert config.installation.mqtt is not None
    assert config.installation.mqtt.ca == str(folder / "ca.crt")
    assert config.installation.receivers == ("pi-lounge",)
    assert [(r.badge, r.first_name, r.colour) for r in config.registration or ()] == [
        ("1042", "Kim", "#008080"),
        ("1043", "Jo", "#ff8800"),
        ("1044", "Sasha", "#663399"),
    ]


def test_defaults_of_a_bare_installation(folder: Path) -> None:
    """Site and gateway are enough: no broker, no page, one adapter; the broker's port follows from TLS."""
    (folder / "edgehub.yaml").write_text("version: 1\nsite: s\ngateway: pi-lounge\nhue: {hall: {}}\n")
    bare = load(folder, folder).installation
    assert (bare.mqtt, bare.web, bare.bluetooth.source, bare.hue["hall"].host) == (None, None, "bluez", "auto")

    for line, port in (("{host: localhost}", 1883), ("{host: hub.local, ca: ca.crt}", 8883)):
        (folder / "edgehub.yaml").write_text(
            f"version: 1\nsite: s\ngateway: pi-lounge\nhue: {{hall: {{}}}}\nmqtt: {line}\n"
        )
        mqtt = load(folder, folder).installation.mqtt
        assert mqtt is not None
        assert mqtt.port == port


def test_a_gateway_with_two_adapters_is_two_receivers(folder: Path) -> None:
    """Its receivers are GATEWAY/ADAPTER, and a zone that names one it does not have is warned of."""
    text = (folder / "edgehub.yaml").read_text().replace("[hci0]", "[hci0, hci1]")
    (folder / "edgehub.yaml").write_text(text)

    config = load(folder, folder / "state")

    assert config.installation.receivers == ("pi-lounge/hci0", "pi-lounge/hci1")
    assert [warning.message for warning in config.warnings] == ['this gateway has no receiver "pi-lounge"']


def test_a_room_the_bridge_did_not_have_is_a_warning(folder: Path) -> None:
    """The bridge may be off, so its last known rooms and scenes can only warn; the hint names the likely one."""
    rooms = {"rooms": ["Lounge", "Foyer", "Snack"], "scenes": ["Warm lounge", "Bright", "Amber"]}
    save_learned(folder, Learned(bridges={"hall": rooms}))

    (warning,) = load(folder, folder).warnings

    assert str(warning).splitlines()[0] == 'zones.yaml:57:13: there is no room on Hue bridge "hall" called "Snacks"'
    assert warning.hint == 'Did you mean "Snack"?'


# --- schema


@pytest.mark.parametrize("name", NAMES)
def test_the_checked_in_schema_is_fresh(name: str) -> None:
    """Editors read the same rules as the loader. When this fails: edgehub config schema --write config/schema."""
    assert (SHIPPED / "schema" / f"{name}.json").read_text("utf-8") == schema_text(name)


def _fields(kind: Any, path: str = "") -> Iterator[tuple[str, Field]]:
    match kind:
        case Group():
            for name, field in kind.fields.items():
                yield f"{path}/{name}", field
                yield from _fields(field.kind, f"{path}/{name}")
        case MapOf() | ListOf():
            yield from _fields(kind.kind, path)
        case _:
            pass


def _all_fields() -> list[tuple[str, Field]]:
    from edgehub.config import installation, venue

    return [*_fields(installation.SETTINGS, "edgehub"), *_fields(venue.SETTINGS, "zones")]


@pytest.mark.parametrize(("path", "field"), _all_fields(), ids=[path for path, _ in _all_fields()])
def test_every_setting_is_described_and_its_example_is_right(tmp_path: Path, path: str, field: Field) -> None:
    """Each has a sentence for the editor, and an example that the reader itself accepts."""
    assert field.doc.endswith(".")
    if isinstance(field.kind, Secret):
        return  # its example, "!secret NAME", needs a secrets.yaml; the shipped edgehub.yaml is that test
    name = path.rpartition("/")[2]
    tree, _ = parse(dump({name: field.example}))
    assert isinstance(tree, Table)
    page = Page(tmp_path / "example.yaml")
    key, node = tree.entries[name]

    field.kind.read(Entry(name, key.mark, node, (name,)), page)

    # An example of a group shows its most telling settings; what it leaves out may be required.
    assert [p.message for p in page.problems if "has no" not in p.message] == []


def test_the_schema_of_a_venue_knows_its_settings() -> None:
    """Unknown keys are errors in the editor too, and a zone needs a name."""
    zone = schema("zones")["properties"]["zones"]["additionalProperties"]

    assert zone["additionalProperties"] is False
    assert zone["required"] == ["name"]


# --- registration


def test_every_bad_line_of_a_registration_is_said_with_its_reason(tmp_path: Path) -> None:
    """Good lines are used, bad ones reported by line; a bad value costs the value, a bad badge the line."""
    path = tmp_path / "registration.csv"
    path.write_text(
        "Badge,first_name,colour,bands,consent,email\n"
        " 01042 ,Kim,Teal,Muse; Air ;,lights;MUSIC,kim@example.org\n"
        "\n"
        "1043,Jo,bluue,,\n"
        "abc,Ann,red,,lights\n"
        ",Bob,red,,lights\n"
        "1042,Eve,red,,lights\n"
        '1045,"Lee, Jr.",,,offer\n'
        "9001,Mal,,,\n"
        "1046\n",
        encoding="utf-8-sig",
    )

    registration = read_registration(path, SCHEME, {"9001": "bacon-tray"})

    assert [(r.line, r.badge, r.first_name, r.colour) for r in registration] == [
        (2, "1042", "Kim", "#008080"),
        (4, "1043", "Jo", None),
        (8, "1045", "Lee, Jr.", None),
        (10, "1046", None, None),
    ]
    kim = registration.rows[0]
    assert (kim.bands, kim.consent) == (("Muse", "Air"), {"lights", "music"})
    assert [(p.mark.line, p.message) for p in registration.problems] == [
        (4, '"bluue" is not a colour; the guest has none now'),
        (5, '"abc" names no badge of this venue'),
        (6, "there is no badge in this line"),
        (7, "badge 1042 is already that of line 2"),
        (8, '"offer" is nothing a guest can agree to; taken as no'),
        (9, 'badge 9001 is the marker "bacon-tray"'),
    ]
    assert registration.problems[0].hint == 'Did you mean "blue"?'
    assert registration.unread == 1
    logged = "\n".join(problem.for_log for problem in registration.problems)
    assert not any(cell in logged for cell in ("bluue", "abc", "1042", "9001", '"offer"'))
    assert all(
        problem.for_log.startswith(f"registration.csv:{problem.mark.line}:1: ") for problem in registration.problems
    )
    assert not any("Ann" in str(problem) or "kim@" in str(problem) for problem in registration.problems)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "this file is empty"),
        (b"badge;colour\n1042;teal\n", "the columns of this file are not separated by commas"),
        (b"number,colour\n1042,teal\n", 'there is no column "badge"'),
        (b"badge,first_name\n1042,Zo\xeb\n", "a character here is not written in UTF-8"),
        (b'badge,first_name\n1042,"Jo\n', "the quotes of this line do not match"),
    ],
)
def test_a_list_that_is_no_registration_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """A file of which no line can be used is one mistake, not four hundred."""
    path = tmp_path / "registration.csv"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=message) as caught:
        read_registration(path, SCHEME)

    assert len(caught.value.problems) == 1


def test_a_gateway_that_starts_says_nothing_of_a_guest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `edgehub run` prints ends up in the journal: places and what is expected, no cell."""
    (folder / "registration.csv").write_text("badge,first_name,colour\n1042,teal,Anouk Hansen\n")
    with (folder / "edgehub.yaml").open("a") as file:
        file.write("nonsense: 1\n")
    parser = argparse.ArgumentParser()
    tool.configure(parser)

    assert tool.run(parser.parse_args(["--config", str(folder), "--state", str(folder / "state")])) == 2

    said = capsys.readouterr().err
    assert "registration.csv:2:1: what stands under colour is none" in said
    assert "Anouk" not in said
    assert "nonsense" in said


def test_a_misspelt_column_is_said(tmp_path: Path) -> None:
    """Foreign columns are never read and not worth a word, but "color" was meant to be read."""
    path = tmp_path / "registration.csv"
    path.write_text("badge,color,company\n1042,teal,Acme\n")

    (problem,) = read_registration(path, SCHEME).problems

    assert (problem.message, problem.hint) == ('the column "color" is not read', 'Did you mean "colour"?')
    assert (problem.mark.line, problem.mark.column) == (1, 7)


def test_colours_are_css_names_or_hex() -> None:
    """The 148 names of CSS, any case, and #rrggbb; nothing else is guessed."""
    assert len(CSS) == 148
    assert [colour(text) for text in ("Rebecca Purple", "#FF8800", "#f80", "ff8800", "", "dunno")] == [
        "#663399",
        "#ff8800",
        None,
        None,
        None,
        None,
    ]


# --- the poll for edits (C2)


def test_an_edit_shows_in_the_fingerprint_whatever_the_editor_does(folder: Path) -> None:
    """Renamed over, truncated in place, linked elsewhere, deleted, made anew: each gives another fingerprint."""
    zones = folder / "zones.yaml"
    text = zones.read_text()
    seen = [fingerprint(folder, folder / "state")]

    def changed() -> bool:
        seen.append(fingerprint(folder, folder / "state", last=seen[-1]))
        return seen[-1] != seen[-2]

    assert not changed()
    zones.with_suffix(".new").write_text(text.replace("Coffee stand", "Coffee"))
    zones.with_suffix(".new").replace(zones)
    assert changed()
    zones.write_text(text.replace("Coffee stand", "Espresso"))
    assert changed()
    (folder / "elsewhere.yaml").write_text(text.replace("Coffee stand", "Tea"))
    zones.unlink()
    zones.symlink_to("elsewhere.yaml")
    assert changed()
    zones.unlink()
    assert changed()
    zones.write_text(text)
    assert changed()
    assert seen[-1] == seen[0]
    assert seen[-1].digest == seen[0].digest


def test_touching_files_changes_nothing(folder: Path) -> None:
    """A touch storm, or saving without an edit, is no reason to load anything again."""
    before = fingerprint(folder, folder / "state")
    for n in range(20):
        import os

        os.utime(folder / "zones.yaml", (n, n))
        assert fingerprint(folder, folder / "state", last=before) == before


def test_a_new_survey_or_secret_is_an_edit_too(folder: Path) -> None:
    """What calibrate wrote, another PIN, and secrets that became readable are seen as well."""
    seen = {fingerprint(folder, folder).digest}
    save_learned(folder, Learned(survey={"zones": {}}))
    seen.add(fingerprint(folder, folder).digest)
    save_learned(folder, Learned(survey={"zones": {"a": 1}}))
    seen.add(fingerprint(folder, folder).digest)
    (folder / "secrets.yaml").chmod(0o644)
    seen.add(fingerprint(folder, folder).digest)

    assert len(seen) == 4


# --- edgehub config check


def test_check_says_in_plain_words_what_is_configured(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A good folder gives 0 and a summary that staff can read aloud."""
    assert run("check", "--config", str(folder), "--state", str(folder / "state")) == 0

    said = capsys.readouterr().out
    assert "This is gateway pi-lounge of site dv-conference, broker hub.local:8883." in said
    assert "6 zones: Party lounge, Coffee stand, Bacon table, Acme booth, Birch booth, Cobalt booth." in said
    assert "1 Hue bridge: hall; lights in 3 zones." in said


def test_check_prints_every_mistake_and_gives_2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each mistake once, in the form editors can jump to, and their number at the end."""
    text = (folder / "zones.yaml").read_text()
    (folder / "zones.yaml").write_text(
        text.replace("leave_after: 90s", "leave_after: 90").replace("[pi-coffee]", "pi-coffee")
    )

    assert run("check", "--config", str(folder), "--state", str(folder / "state")) == 2

    said = capsys.readouterr().out
    assert 'zones.yaml:39:18: "leave_after" is 90 of what?\n' in said
    assert 'zones.yaml:47:15: "heard_by" is a list\n' in said
    assert said.endswith("2 mistakes to mend.\n")


def test_check_speaks_json_to_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object on one line, with the same facts."""
    assert run("check", "--json", "--config", str(folder), "--state", str(folder / "state")) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    (folder / "zones.yaml").write_text("version: 1\n")

    assert run("check", "--json", "--config", str(folder)) == 2

    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is False
    assert answer["problems"] == [
        {
            "file": "zones.yaml",
            "line": 1,
            "column": 1,
            "severity": "error",
            "message": 'zones.yaml has no "zones"',
            "hint": "Add a line, for example: zones: {coffee: {name: Coffee stand}}",
        }
    ]


def test_schema_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command gives the very text of the checked-in files."""
    assert run("schema", "zones") == 0
    assert capsys.readouterr().out == schema_text("zones")
    assert run("schema", "nothing") == 2
    assert run("schema", "--write", str(tmp_path)) == 0
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ["data_layer.json", "edgehub.json", "secrets.json", "stamps.json", "zones.json"]


def test_a_venue_loads_from_a_folder_or_a_file(folder: Path) -> None:
    """`--zones FILE` of replay and the folder of a gateway give the same venue."""
    assert load_venue(folder) == load_venue(folder / "zones.yaml")
