"""The systemd units: valid, hardened, explained, and in step with what the program does."""

import argparse
import importlib
import os
import re
import shlex
import shutil
import string
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from edgehub.cli import COMMANDS

UNITS = sorted((Path(__file__).parents[2] / "systemd").glob("*.service"))
NAMES = [unit.name for unit in UNITS]

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


def settings(unit: Path) -> dict[str, list[str]]:
    """Every ``Name=value`` of a unit; systemd lets some names repeat."""
    found = defaultdict(list)
    for line in unit.read_text().replace("\\\n", " ").splitlines():
        if re.match("[A-Za-z]+=", line):
            name, _, value = line.partition("=")
            found[name].append(value)
    return found


def environment() -> dict[str, str]:
    """What the shipped hub.env sets."""
    lines = (UNITS[0].parents[1] / "config" / "hub.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_both_units_are_there() -> None:
    """A gateway and a hub."""
    assert NAMES == ["edgehub-gateway.service", "edgehub-hub.service"]


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=NAMES)
def test_systemd_understands_every_line(unit: Path, tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say, once the program is where the unit expects it."""
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/edgehub/bin/edgehub", "/bin/true"))

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=NAMES)
def test_the_units_are_hardened(unit: Path) -> None:
    """By its own judgement a unit is at most 1.5 of 10, where a bare unit has 9.2."""
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", str(unit)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-300:]


@pytest.mark.parametrize("unit", UNITS, ids=NAMES)
def test_what_must_not_be_forgotten(unit: Path) -> None:
    """No privileges, no core dumps, private files; started again for ever, but not with a mistaken configuration."""
    set_to = settings(unit)

    assert set_to["CapabilityBoundingSet"] == [""]
    assert set_to["NoNewPrivileges"] == ["yes"]
    assert set_to["UMask"] == ["0077"]
    assert set_to["LimitCORE"] == ["0"]
    assert set_to["Restart"] == ["always"]
    assert set_to["StartLimitIntervalSec"] == ["0"]
    assert set_to["RestartPreventExitStatus"] == ["2"]
    # A secret on a command line or in the environment is everybody's; hub.env has none.
    assert not {"Environment", "PassEnvironment", "SetCredential"} & set_to.keys()
    assert set_to.get("EnvironmentFile", ["-/etc/edgehub/hub.env"]) == ["-/etc/edgehub/hub.env"]
    assert environment().keys() == {"EDGEHUB_SITE", "EDGEHUB_BROKER", "EDGEHUB_OPTIONS"}


@pytest.mark.parametrize("unit", UNITS, ids=NAMES)
def test_the_program_understands_how_the_unit_starts_it(unit: Path) -> None:
    """The command line is one that `edgehub` takes, with hub.env as shipped; its folders are those the unit opens."""
    set_to = settings(unit)
    program, command, *words = shlex.split(string.Template(set_to["ExecStart"][0]).substitute(environment()))
    parser = argparse.ArgumentParser()
    importlib.import_module(COMMANDS[command][0]).configure(parser)

    parser.parse_args(words)

    assert program == "/opt/edgehub/bin/edgehub"
    opened = {f"/etc/{name}" for name in set_to["ConfigurationDirectory"]}
    opened |= {f"/var/lib/{name}" for name in set_to["StateDirectory"]}
    paths = [Path(word) for word in words if word.startswith("/")]
    assert paths
    assert all(opened & {str(path), str(path.parent)} for path in paths)


def test_the_gateway_scans_over_the_bus_and_is_watched() -> None:
    """It may not open a Bluetooth socket, keeps its user for D-Bus, and feeds a watchdog."""
    set_to = settings(UNITS[0])

    assert set_to["Type"] == ["notify"]
    assert set_to["WatchdogSec"] == ["30"]
    assert "AF_BLUETOOTH" not in set_to["RestrictAddressFamilies"][0]
    assert "PrivateUsers" not in set_to
    assert "DynamicUser" not in set_to
    assert "PrivateNetwork" not in set_to


@pytest.mark.parametrize("unit", UNITS, ids=NAMES)
def test_every_group_of_lines_says_why(unit: Path) -> None:
    """Whoever opens a unit finds a reason in words at least every eight settings."""
    since = 0
    for line in unit.read_text().splitlines():
        since = 0 if line.startswith("#") else since + bool(line.strip())
        assert since <= 8, line


class Machine:
    """A folder in which `scripts/install` may play; Python's part is left out."""

    def __init__(self, root: Path) -> None:
        self.root = root
        python = root / "opt/edgehub/bin/python"
        python.parent.mkdir(parents=True)
        python.write_text("#!/bin/sh\n")
        python.chmod(0o755)
        self.etc = root / "etc/edgehub"
        self.units = root / "etc/systemd/system"

    def install(self, role: str) -> str:
        """Run the installer; what it said."""
        command = [str(UNITS[0].parents[1] / "scripts/install"), role]
        env = {**os.environ, "DESTDIR": str(self.root)}
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout


def test_an_installed_venue_has_no_guests_of_ours(tmp_path: Path) -> None:
    """The registration list begins with its heading alone; only the hub gets a hub.env."""
    hub, gateway = Machine(tmp_path / "hub"), Machine(tmp_path / "gateway")
    hub.install("hub")
    gateway.install("gateway")
    for machine in (hub, gateway):
        assert (machine.etc / "registration.csv").read_text() == "badge,first_name,colour,bands,consent\n"
        assert (machine.etc / "registration.csv").stat().st_mode & 0o777 == 0o640
    assert (hub.etc / "hub.env").exists()
    assert not (gateway.etc / "hub.env").exists()


def test_installing_again_keeps_what_people_wrote(tmp_path: Path) -> None:
    """Their files stay; a unit they edited is replaced, kept beside the new one, and named."""
    machine = Machine(tmp_path)
    machine.install("hub")
    (machine.etc / "registration.csv").write_text("badge,first_name\n7,Kim\n")
    (machine.etc / "hub.env").write_text("EDGEHUB_SITE=expo\n")
    assert "was edited" not in machine.install("hub")
    (machine.units / "edgehub-hub.service").write_text("[Service]\n")

    said = machine.install("hub")

    assert "was edited" in said
    assert (machine.units / "edgehub-hub.service.old").read_text() == "[Service]\n"
    assert (machine.units / "edgehub-hub.service").read_text() == UNITS[1].read_text()
    assert (machine.etc / "registration.csv").read_text() == "badge,first_name\n7,Kim\n"
    assert (machine.etc / "hub.env").read_text() == "EDGEHUB_SITE=expo\n"
