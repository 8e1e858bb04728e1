"""The systemd units: valid, hardened, explained, and in step with what the program does."""

import argparse
import importlib
import re
import shlex
import shutil
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
    # A secret on a command line or in the environment is everybody's.
    assert not {"Environment", "EnvironmentFile", "PassEnvironment", "SetCredential"} & set_to.keys()


@pytest.mark.parametrize("unit", UNITS, ids=NAMES)
def test_the_program_understands_how_the_unit_starts_it(unit: Path) -> None:
    """The command line of the unit is one that `edgehub` takes, and its folders are those the unit opens for it."""
    set_to = settings(unit)
    program, command, *words = shlex.split(set_to["ExecStart"][0])
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
