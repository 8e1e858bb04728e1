"""The mistakes staff make, as the table in the design lists them: the right place, the right words, exactly one message."""

import textwrap
from pathlib import Path

import pytest

from edgehub.config import ConfigError, Problem, load

EDGEHUB = """\
version: 1
site: dv-conference
gateway: pi-lounge
hue:
  hall: {host: auto}
web: {listen: "127.0.0.1:8080", pin: !secret staff_pin}
"""

ZONES = """\
version: 1
event: {name: Digital Velocity, timezone: America/Los_Angeles, days: ["2026-11-23"], open: "08:30", close: 23:59}
badges:
  ibeacon: "f7826da6-4fa2-4e98-8024-bc5b71e0893e/1"
markers:
  bacon-tray: {badge: 9001, zone: bacon}
  coffee-bar: {badge: 9002, zone: coffee}
zones:
  party:
    name: Party lounge
    heard_by: [pi-lounge, pi-bar]
    arrive_after: 5s
    leave_after: 90s
    lights: {bridge: hall, room: Lounge, idle: Warm lounge, people: favourite colours}
  coffee:
    name: Coffee stand
    heard_by: [pi-coffee]
  bacon:
    name: Bacon table
    heard_by: [pi-bacon]
"""

SECRETS = 'staff_pin: "4711"\nmqtt_pass: "hush"\n'


class Folder:
    """A configuration folder that is fine until a test edits it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("edgehub.yaml", EDGEHUB)
        self.write("zones.yaml", ZONES)
        self.write("secrets.yaml", SECRETS)

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_bytes(text.encode())
        (self.path / name).chmod(0o600)

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.path / name).read_text()
        assert text.count(old) == 1, old
        self.write(name, text.replace(old, new))

    def problems(self) -> list[Problem]:
        with pytest.raises(ConfigError) as caught:
            load(self.path, self.path / "state")
        return list(caught.value.problems)

    def problem(self) -> Problem:
        problems = self.problems()
        assert len(problems) == 1, "\n".join(map(str, problems))
        return problems[0]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


# mistake → (file, old, new, message head, hint)
MISTAKES = {
    "tab indent": (
        "zones.yaml",
        "    heard_by: [pi-coffee]",
        "\theard_by: [pi-coffee]",
        "zones.yaml:17:1: this line is indented with a Tab key; YAML only accepts spaces",
        "Replace it with 2 spaces per level.",
    ),
    "misspelt key": (
        "zones.yaml",
        "    heard_by: [pi-coffee]",
        "    herd_by: [pi-coffee]",
        'zones.yaml:17:5: "herd_by" is not a setting of zones → coffee',
        'Did you mean "heard_by"?',
    ),
    "misspelt key that must be there": (
        "zones.yaml",
        "    name: Coffee stand",
        "    nmae: Coffee stand",
        'zones.yaml:16:5: "nmae" is not a setting of zones → coffee',
        'Did you mean "name"?',
    ),
    "no unit": (
        "zones.yaml",
        "leave_after: 90s",
        "leave_after: 90",
        'zones.yaml:13:18: "leave_after" is 90 of what?',
        "Write seconds, minutes or hours: 90s, 90m or 90h.",
    ),
    "a length of time in words": (
        "zones.yaml",
        "arrive_after: 5s",
        "arrive_after: five seconds",
        'zones.yaml:12:19: "arrive_after" is a length of time and "five seconds" is not one',
        "Write it like 20s, 6m or 1h.",
    ),
    "a zone that is not there": (
        "zones.yaml",
        "zone: bacon}",
        "zone: bacoon}",
        'zones.yaml:6:35: there is no zone called "bacoon"',
        'Did you mean "bacon"?',
    ),
    "colon in a text": (
        "zones.yaml",
        "name: Party lounge",
        "name: Party: lounge",
        "zones.yaml:10:16: this does not read as YAML (mapping values are not allowed here)",
        'Text that contains ": " must be in quotes, like "Bar: upstairs".',
    ),
    "missing colon": (
        "zones.yaml",
        "name: Coffee stand",
        "name Coffee stand",
        'zones.yaml:16:5: this line looks like it is missing a ":" after the name',
        "Write: name: Coffee stand",
    ),
    "missing colon after the first": (
        "zones.yaml",
        "    heard_by: [pi-coffee]",
        "    heard_by [pi-coffee]",
        'zones.yaml:17:5: this line looks like it is missing a ":" after the name',
        "Write: heard_by: [pi-coffee]",
    ),
    "missing colon in braces": (
        "zones.yaml",
        "room: Lounge",
        "room Lounge",
        'zones.yaml:14:28: a ":" is missing after "room"',
        "Write room: Lounge",
    ),
    "missing space after the colon": (
        "zones.yaml",
        "name: Coffee stand",
        "name:Coffee stand",
        'zones.yaml:16:5: this line is missing a space after the ":"',
        "Write: name: Coffee stand",
    ),
    "unclosed quote": (
        "zones.yaml",
        "name: Coffee stand",
        'name: "Coffee stand',
        "zones.yaml:16:11: this quote is never closed on its line",
        'Put a " at its end.',
    ),
    "unclosed single quote": (
        "zones.yaml",
        "name: Coffee stand",
        "name: 'Coffee stand",
        "zones.yaml:16:11: this quote is never closed on its line",
        "Put a ' at its end.",
    ),
    "unclosed quote in braces": (
        "zones.yaml",
        "room: Lounge",
        'room: "Lounge',
        "zones.yaml:14:34: this quote is never closed on its line",
        'Put a " at its end.',
    ),
    "unclosed bracket": (
        "zones.yaml",
        "[pi-coffee]",
        "[pi-coffee",
        'zones.yaml:17:15: this "[" is never closed',
        'Put a "]" at its end.',
    ),
    "indented too far": (
        "zones.yaml",
        "    heard_by: [pi-coffee]",
        "     heard_by: [pi-coffee]",
        "zones.yaml:17:6: this line starts 5 spaces in; its neighbours start 4 in",
        "Let it start 4 spaces in.",
    ),
    "indented too little": (
        "zones.yaml",
        "    arrive_after: 5s",
        "   arrive_after: 5s",
        "zones.yaml:12:4: this line starts 3 spaces in; its neighbours start 4 in",
        "Let it start 4 spaces in.",
    ),
    "the first of a block indented too far": (
        "zones.yaml",
        "    name: Party lounge",
        "     name: Party lounge",
        "zones.yaml:10:6: this line starts 5 spaces in; its neighbours start 4 in",
        "Let it start 4 spaces in.",
    ),
    "one value where a list is wanted": (
        "zones.yaml",
        "[pi-coffee]",
        "pi-coffee",
        'zones.yaml:17:15: "heard_by" is a list',
        "Put it in square brackets: heard_by: [pi-coffee]",
    ),
    "a list where one value is wanted": (
        "zones.yaml",
        "name: Coffee stand",
        "name: [Coffee stand]",
        'zones.yaml:16:11: "name" is a text, not a list',
        "Remove the square brackets or dashes.",
    ),
    "a zone pasted twice": (
        "zones.yaml",
        "    heard_by: [pi-bacon]\n",
        "    heard_by: [pi-bacon]\n  bacon:\n    name: Bacon table\n    heard_by: pi-bacon\n    stays: 6m\n",
        'zones.yaml:21:3: "bacon" appears twice; the first one is on line 18',
        "Keep one of them, or give this one another name.",
    ),
    "leaving sooner than arriving": (
        "zones.yaml",
        "    arrive_after: 5s\n    leave_after: 90s\n",
        "    arrive_after: 30s\n    leave_after: 10s\n",
        "zones.yaml:13:18: people leave Party lounge after 10s but arrive after 30s; they would flicker in and out",
        "leave_after is normally 3–5 times arrive_after.",  # noqa: RUF001
    ),
    "a marker's beacon used twice": (
        "zones.yaml",
        "badge: 9002",
        "badge: 9001",
        'zones.yaml:7:23: beacon 9001 is already "bacon-tray"',
        "Hold the right one near the Pi and run: edgehub learn marker coffee-bar",
    ),
    "the name forgotten": (
        "zones.yaml",
        "    name: Coffee stand\n",
        "",
        'zones.yaml:15:3: "coffee" has no "name"',
        "Add a line below it, for example: name: Coffee stand",
    ),
    "a time of day with a dot": (
        "zones.yaml",
        'open: "08:30"',
        "open: 08.30",
        'zones.yaml:2:92: "08.30" is not a time of day',
        'Write it like "08:30".',
    ),
    "a secret that is not there": (
        "edgehub.yaml",
        "!secret staff_pin",
        "!secret staf_pin",
        'edgehub.yaml:6:38: there is no secret called "staf_pin"',
        'secrets.yaml has: mqtt_pass, staff_pin. Did you mean "staff_pin"?',
    ),
    "a password in the open": (
        "edgehub.yaml",
        "!secret staff_pin",
        "4711",
        'edgehub.yaml:6:38: "pin" must not be written in this file',
        "Write pin: !secret pin  and put the value into secrets.yaml.",
    ),
    "a secret where none is wanted": (
        "edgehub.yaml",
        "site: dv-conference",
        "site: !secret staff_pin",
        'edgehub.yaml:2:7: "site" is not a secret',
        "Write the value itself.",
    ),
    "an unquoted colour in braces": (
        "zones.yaml",
        "idle: Warm lounge",
        "idle: #ff8800",
        "zones.yaml:14:48: everything after # is a comment, so this is empty",
        'Write "#ff8800".',
    ),
    "an unquoted colour on its own line": (
        "zones.yaml",
        "    lights: {bridge: hall, room: Lounge, idle: Warm lounge, people: favourite colours}",
        "    lights:\n      bridge: hall\n      room: Lounge\n      idle: #ff8800",
        "zones.yaml:17:13: everything after # is a comment, so this is empty",
        'Write "#ff8800".',
    ),
    "an unquoted name that begins with #": (
        "zones.yaml",
        "name: Coffee stand",
        "name: #1 coffee",
        "zones.yaml:16:11: everything after # is a comment, so this is empty",
        'Write "#1 coffee".',
    ),
    "a name left empty": (
        "zones.yaml",
        "name: Coffee stand",
        "name:",
        'zones.yaml:16:5: "name" is empty',
        "Write a text behind it.",
    ),
    "a word that is not one of the few": (
        "zones.yaml",
        "people: favourite colours",
        "people: favorite colors",
        'zones.yaml:14:69: "people" cannot be "favorite colors"',
        "You can use: favourite colours, nothing.",
    ),
    "yes for true": (
        "zones.yaml",
        "    name: Coffee stand\n",
        "    name: Coffee stand\n    sponsor: yes\n",
        'zones.yaml:17:14: "sponsor" is true or false and "yes" is neither',
        "Did you mean true?",
    ),
    "a bridge nobody named": (
        "zones.yaml",
        "bridge: hall",
        "bridge: hal",
        'zones.yaml:14:22: there is no Hue bridge called "hal" in edgehub.yaml',
        'Did you mean "hall"?',
    ),
    "a time zone that does not exist": (
        "zones.yaml",
        "America/Los_Angeles",
        "America/Los_Angelos",
        'zones.yaml:2:43: there is no time zone called "America/Los_Angelos"',
        'Did you mean "America/Los_Angeles"?',
    ),
    "a day that does not exist": (
        "zones.yaml",
        '"2026-11-23"',
        '"2026-11-31"',
        'zones.yaml:2:71: "2026-11-31" is not a day',
        "Write year, month and day like 2026-11-23.",
    ),
    "a zone id with capitals": (
        "zones.yaml",
        "  party:\n",
        "  Party Lounge:\n",
        'zones.yaml:9:3: "Party Lounge" cannot stand for a zone in messages',
        "Use lower-case letters, digits, - and _ only: party-lounge. Its name may be any text.",
    ),
    "a receiver named with blanks": (
        "zones.yaml",
        "[pi-coffee]",
        "[pi coffee]",
        'zones.yaml:17:16: "heard_by" is the name of a receiver and "pi coffee" is not one',
        "Write the gateway's name, like pi-bar, or with its adapter, like pi-bar/hci1.",
    ),
    "a receiver listed twice": (
        "zones.yaml",
        "[pi-lounge, pi-bar]",
        "[pi-lounge, pi-lounge]",
        'zones.yaml:11:27: "pi-lounge" is in this list twice',
        "Keep one of them.",
    ),
    "a marker written as nothing known": (
        "zones.yaml",
        "badge: 9002",
        "badge: coffee",
        'zones.yaml:7:23: "coffee" names no beacon of this venue',
        'Write a number of this venue, or the whole name, like "eddystone:NAMESPACE/INSTANCE".',
    ),
    "text that begins with @": (
        "zones.yaml",
        "name: Coffee stand",
        "name: @coffee",
        'zones.yaml:16:11: text cannot begin with "@"',
        "Put it in quotes.",
    ),
    "a second document": (
        "zones.yaml",
        "zones:\n",
        "---\nzones:\n",
        "zones.yaml:8:1: a second document begins here",
        'Remove the line "---".',
    ),
    "storage without unit": (
        "edgehub.yaml",
        "hue:\n",
        "storage: {quota: 512}\nhue:\n",
        'edgehub.yaml:4:18: "quota" is 512 of what?',
        "Write it like 512 MiB or 512 GiB.",
    ),
    "no gateway name": (
        "edgehub.yaml",
        "gateway: pi-lounge\n",
        "",
        'edgehub.yaml:1:1: edgehub.yaml has no "gateway"',
        "Add a line, for example: gateway: pi-lounge",
    ),
    "a gateway called as a topic": (
        "edgehub.yaml",
        "gateway: pi-lounge",
        "gateway: zones",
        'edgehub.yaml:3:10: "zones" is taken in the topics of every site',
        "Give this machine a name of its own, like pi-lounge.",
    ),
    "a version of the future": (
        "zones.yaml",
        "version: 1",
        "version: 2",
        'zones.yaml:1:10: "version" cannot be "2"',
        "You can use: 1.",
    ),
    "a colon in a text in braces": (
        "zones.yaml",
        "idle: Warm lounge",
        "idle: Warm: lounge",
        "zones.yaml:14:52: this does not read as YAML (mapping values are not allowed here)",
        'Text that contains ": " must be in quotes, like "Bar: upstairs".',
    ),
    "a forgotten comma": (
        "zones.yaml",
        "room: Lounge, idle: Warm lounge",
        "room: Lounge idle: Warm lounge",
        "zones.yaml:14:45: this does not read as YAML (mapping values are not allowed here)",
        'Put a "," before "idle", or the whole text in quotes.',
    ),
    "a bracket unclosed in braces": (
        "zones.yaml",
        "  coffee:\n    name: Coffee stand\n    heard_by: [pi-coffee]",
        "  coffee: {name: Coffee stand, heard_by: [pi-coffee}",
        'zones.yaml:15:42: this "[" is never closed',
        'Put a "]" at its end.',
    ),
    "a zone not indented": (
        "zones.yaml",
        "  coffee:\n",
        "coffee:\n",
        "zones.yaml:15:1: this line starts 0 spaces in; its neighbours start 2 in",
        "Let it start 2 spaces in.",
    ),
    "a zone indented too far": (
        "zones.yaml",
        "  coffee:\n",
        "   coffee:\n",
        "zones.yaml:15:4: this line starts 3 spaces in; its neighbours start 2 in",
        "Let it start 2 spaces in.",
    ),
    "a name beside its zone": (
        "zones.yaml",
        "    name: Coffee stand",
        "  name: Coffee stand",
        "zones.yaml:16:3: this line starts 2 spaces in; its neighbours start 4 in",
        "Let it start 4 spaces in.",
    ),
    "a whole part indented too far": (
        "zones.yaml",
        "    heard_by: [pi-bacon]\n",
        "    heard_by: [pi-bacon]\n  privacy: {need_consent: true, screens_show: colours}\n",
        'zones.yaml:21:3: nothing below "privacy" is a setting of it',
        "Is it indented as it should be? You can use: name, heard_by, arrive_after, leave_after, sponsor, lights.",
    ),
    "an apostrophe inside single quotes": (
        "zones.yaml",
        "name: Bacon table",
        "name: 'Bacon's table'",
        "zones.yaml:19:18: this stands behind a closing quote or bracket",
        """Put all of it in one pair of quotes, of the other kind if it holds one: "Bacon's table".""",
    ),
    "a dash without a blank": (
        "zones.yaml",
        "[pi-coffee]",
        "\n      -pi-coffee",
        'zones.yaml:18:7: "heard_by" is a list',
        'Put a space after each "-".',
    ),
    "a unit written out": (
        "zones.yaml",
        "leave_after: 90s",
        "leave_after: 90 seconds",
        'zones.yaml:13:18: "leave_after" is a length of time and "90 seconds" is not one',
        "Write it like 90s.",
    ),
    "a misspelt key of a marker": (
        "zones.yaml",
        "{badge: 9002",
        "{bagde: 9002",
        'zones.yaml:7:16: "bagde" is not a setting of markers → coffee-bar',
        'Did you mean "badge"?',
    ),
    "a major that is none": (
        "zones.yaml",
        "1e0893e/1",
        "1e0893e/70000",
        "zones.yaml:4:12: a major is at most 65535",
        "Look it up in the app of the beacons' maker.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_said_once_at_its_place_with_a_remedy(folder: Folder, mistake: str) -> None:
    """Every mistake of the table gives exactly one message, with the right line, column, words and hint."""
    file, old, new, head, hint = MISTAKES[mistake]
    folder.edit(file, old, new)

    problem = folder.problem()

    assert str(problem).splitlines()[0] == head
    assert problem.hint == hint


def test_the_untouched_folder_is_fine(folder: Folder) -> None:
    """The negative control: without a mistake the same folder loads, without a warning."""
    config = load(folder.path, folder.path / "state")

    assert list(config.venue.zones) == ["party", "coffee", "bacon"]
    assert config.installation.web is not None
    assert config.installation.web.pin == "4711"
    assert not config.warnings


def test_a_message_shows_the_line_a_caret_under_the_word_and_the_hint(folder: Folder) -> None:
    """What staff read is the message, their own line, a caret, and what to do."""
    folder.edit("zones.yaml", "leave_after: 90s", "leave_after: 90")

    assert str(folder.problem()) == textwrap.dedent("""\
        zones.yaml:13:18: "leave_after" is 90 of what?
                leave_after: 90
                             ^
          → Write seconds, minutes or hours: 90s, 90m or 90h.""")


def test_all_mistakes_of_all_files_come_at_once(folder: Folder) -> None:
    """Nobody mends one mistake only to be shown the next: one look finds those of every file."""
    folder.edit("edgehub.yaml", "site: dv-conference", "site: DV Conference")
    folder.edit("zones.yaml", "name: Coffee stand", "nmae: Coffee stand")
    folder.edit("zones.yaml", "[pi-bacon]", "pi-bacon")
    folder.write("registration.csv", "badge,colour\nx,teal\n")
    folder.write("rules.yaml", "version: 1\n")

    assert [(p.file, p.mark.line) for p in folder.problems() if p.severity == "error"] == [
        ("edgehub.yaml", 2),
        ("zones.yaml", 16),
        ("zones.yaml", 20),
        ("rules.yaml", 1),
    ]


def test_rules_are_refused_until_there_are_rules(folder: Folder) -> None:
    """A rules.yaml is not silently ignored: its author would wait for something that never happens."""
    folder.write("rules.yaml", "version: 1\n")

    assert folder.problem().message == "rules are not in this version"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_secrets_others_may_read_are_refused(folder: Folder, mode: int) -> None:
    """A secrets.yaml readable by group or world is not used, and the hint is the command to type."""
    (folder.path / "secrets.yaml").chmod(mode)

    problem = folder.problem()  # the only one: that no secret was found follows from it

    assert problem.file == "secrets.yaml"
    assert problem.message == f"others on this machine may read this file (mode {mode:03o})"
    assert problem.hint == f"Run: chmod 600 {folder.path}/secrets.yaml"


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_private_key_others_may_read_is_refused(folder: Folder, mode: int) -> None:
    """It is named where edgehub.yaml names it; a key that is not there yet is no mistake of the file."""
    mqtt = "mqtt: {host: localhost, ca: ca.crt, cert: pi.crt, key: pi.key}\nhue:\n"
    folder.edit("edgehub.yaml", "hue:\n", mqtt)
    load(folder.path, folder.path / "state")
    (folder.path / "pi.key").touch(mode=0o600)
    load(folder.path, folder.path / "state")
    (folder.path / "pi.key").chmod(mode)

    problem = folder.problem()

    assert problem.message == f"others on this machine may read pi.key (mode {mode:03o})"
    assert problem.hint == f"Run: chmod 600 {folder.path}/pi.key"


def test_a_mistake_in_secrets_never_shows_them(folder: Folder) -> None:
    """Messages end up in logs, so none of them holds a line of secrets.yaml."""
    folder.write("secrets.yaml", 'staff_pin: "4711\nmqtt_pass: "hush"\n')

    said = "\n".join(map(str, folder.problems()))

    assert "secrets.yaml:1:12: this quote is never closed" in said
    assert "4711" not in said
    assert "hush" not in said


def test_credentials_of_systemd_win(folder: Folder, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What systemd loaded for the service is taken before secrets.yaml, without its last line end."""
    from edgehub.config.nodes import Scalar
    from edgehub.config.problems import START
    from edgehub.config.secrets import Secrets

    credentials = tmp_path_factory.mktemp("credentials")
    (credentials / "staff_pin").write_text("0815\n")
    secrets = Secrets(folder.path, credentials)

    assert secrets.find(Scalar("staff_pin", START, tag="!secret")) == "0815"
    assert secrets.find(Scalar("mqtt_pass", START, tag="!secret")) == "hush"


def test_passwords_do_not_show_in_the_printed_settings(folder: Folder) -> None:
    """A settings object that ends up in a log or a traceback does not carry its secrets there."""
    folder.edit("edgehub.yaml", "hue:\n", "mqtt: {host: localhost, username: me, password: !secret mqtt_pass}\nhue:\n")

    config = load(folder.path, folder.path / "state")

    assert config.installation.mqtt is not None
    assert config.installation.mqtt.password == "hush"
    assert "hush" not in repr(config)
    assert "4711" not in repr(config)
