"""R13: the hub is killed between its commit and its acknowledgement, and its database is put back to an older copy."""

import random
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tests.system.faults.line import ACK, Line
from tests.system.faults.rig import DRAIN_S, Rig
from tests.system.faults.verdict import Finding, Verdict

RESENT_S = 6.0
"""What is still missing after this was not sent again."""
PASSES = "LOST 0, DUP 0 inside the replay window"


def hub_losses(directory: Path, times: int) -> list[Finding]:
    """R13, and its control: a gateway that trusts acknowledgements of a hub that has forgotten."""
    kill, between = killed_before_its_ack(directory / "commit", times)
    restored = put_back(directory / "restored", times, None)
    control = put_back(directory / "control", 1, "trust-old-acks")
    return [
        Finding(
            "R13",
            "hub killed between commit and ack",
            times,
            f"{kill}; {between} of them before the ack",
            PASSES,
            kill.clean and between > 0,
        ),
        Finding("R13", "hub's database put back to an older copy", times, str(restored), PASSES, restored.clean),
        Finding("R13-", "control: a lower watermark is ignored", 1, str(control), "LOST ≥ 1", control.lost > 0),
    ]


def killed_before_its_ack(directory: Path, times: int) -> tuple[Verdict, int]:
    """Kill the hub as soon as its database has events; and how often nobody had seen the acknowledgement."""
    with Rig(directory) as rig:
        rig.start()
        with Line(rig.broker.port, ACK) as line:
            for _ in range(times):
                rig.wait_for_events()
                _wait_for_commit(rig)
                heard = len(line.heard[ACK])
                rig.hub.kill()
                rig.faults += len(line.heard[ACK]) == heard
                rig.hub.start()
        verdict, _ = rig.settle()
        return verdict, rig.faults


def _wait_for_commit(rig: Rig) -> None:
    """Return the moment a commit of the hub can be seen."""
    with closing(sqlite3.connect(rig.record.database, timeout=10)) as connection:
        seen = connection.execute("pragma data_version").fetchone()
        deadline = time.monotonic() + 20
        while connection.execute("pragma data_version").fetchone() == seen and time.monotonic() < deadline:
            pass


def put_back(directory: Path, times: int, sabotage: str | None) -> Verdict:
    """Copy the hub's database, go on, put the copy back."""
    chance = random.Random(13)
    with Rig(directory, gateway_as=sabotage) as rig:
        rig.start()
        for _ in range(times):
            _stopped(rig, rig.directory, rig.directory / "backup")
            rig.wait_for_events(chance.randint(40, 80))
            rig.settle()
            _stopped(rig, rig.directory / "backup", rig.directory)
            verdict, _ = rig.settle(within_s=DRAIN_S if sabotage is None else RESENT_S)
        return verdict


def _stopped(rig: Rig, source: Path, target: Path) -> None:
    rig.hub.kill()
    target.mkdir(exist_ok=True)
    for old in target.glob("hub.db*"):
        old.unlink()
    for file in source.glob("hub.db*"):
        if not file.name.endswith("-shm"):
            shutil.copy(file, target / file.name)
    rig.hub.start()
