"""R6: a card that is older than it should be, and one that there are two of."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.system.faults.evidence import Accepted
from tests.system.faults.rig import GATEWAY, Part, Rig, until
from tests.system.faults.verdict import Finding, Verdict, judge

ALARM_S = 60.0
PASSES = "new events swallowed as duplicates 0"


def rolled_back(directory: Path, times: int) -> list[Finding]:
    """R6, and its control: a gateway that goes on in the epoch it finds."""
    restored, control = restore(directory / "restored", times, None), restore(directory / "control", 1, "same-epoch")
    spoilt = control.lost + control.corrupt
    return [
        Finding("R6", "older copy of the outbox restored", times, _told(restored), PASSES, restored.clean),
        Finding(
            "R6-", "control: numbers go on in the epoch that is found", 1, _told(control), "swallowed ≥ 1", spoilt > 0
        ),
        cloned(directory / "cloned"),
    ]


def _told(verdict: Verdict) -> str:
    return f"swallowed {verdict.lost + verdict.corrupt} of {verdict.accepted} accepted, DUP {verdict.dup}"


def restore(directory: Path, times: int, sabotage: str | None) -> Verdict:
    """Copy the state, go on, put the copy back; what the journal then holds must all arrive, as it is."""
    with Rig(directory, gateway_as=sabotage) as rig:
        rig.start()
        backup, chance = directory / "backup", random.Random(6)
        for _ in range(times):
            _stopped(rig, lambda: shutil.copytree(rig.state, backup, dirs_exist_ok=True))
            rig.wait_for_events(chance.randint(20, 60))
            _stopped(rig, lambda: (shutil.rmtree(rig.state), shutil.copytree(backup, rig.state)))
            rig.accepted = Accepted(GATEWAY, rig.accepted.journal)  # what was on the newer card is gone with it
            rig.wait_for_events(60)
            verdict, _ = rig.settle(within_s=20)
        return verdict


def _stopped(rig: Rig, work: Callable[[], object]) -> None:
    rig.gateway.kill()
    work()
    rig.gateway.start()


def cloned(directory: Path) -> Finding:
    """Two gateways from one image, at the same time and under one name."""
    with Rig(directory) as rig:
        rig.start()
        copy = directory / "copy"
        _stopped(rig, lambda: shutil.copytree(rig.state, copy))
        words = ("edgehub", "run", "--config", str(rig.config), "--state", str(copy))
        twin = Part(directory / "twin.log", *words)
        twin.start()
        try:
            alarmed_s = _alarm(rig)
            twins = Accepted(GATEWAY, copy / "journal.db")
            until(lambda: twins.look() >= 0 and twins.waiting() > 0, "the clone accepts events")
            rig.gateway.kill()  # under one name only one is heard; the other has its turn once this one is gone
            rig.accepted.look()
            until(lambda: twins.look() >= 0 and not judge(twins, rig.record).lost, "the clone's events arrive", 60)
            twin.end()
            rig.gateway.start()
            verdict, _ = rig.settle()
        finally:
            twin.kill()
    both = f"swallowed {verdict.lost + verdict.corrupt} of {verdict.accepted} accepted by both"
    told = "no alarm" if alarmed_s is None else f"alarm after {alarmed_s:.0f} s"
    ok = verdict.clean and alarmed_s is not None and alarmed_s <= ALARM_S
    return Finding("R6", "two gateways from one card", 1, f"{both}, {told}", f"{PASSES}, alarm ≤ {ALARM_S:.0f} s", ok)


def _alarm(rig: Rig) -> float | None:
    """When the hub says that two are one."""
    try:
        return until(lambda: "gateway.double" in rig.hub.said(), "an alarm", ALARM_S / 4)
    except TimeoutError:
        return None
