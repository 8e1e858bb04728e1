"""T1: somebody sets the gateway's wall clock, again and again, far and near, while it works."""

from pathlib import Path

from tests.system.faults.rig import Rig
from tests.system.faults.verdict import Finding

STEPS = ("+5", "-5", "+3600", "-3600", "@1970-01-02 00:00:00", "+315360000")
"""Seconds, or a moment to stand at; the last is ten years."""
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
LONGEST_S = 60.0
"""No guest of the crowd stays longer than 12 s; its time runs twenty times as fast as ours, so a busy machine adds some.

An hour too much is seen so, and five seconds are not: those the timelines of the core hold, on a clock of their own.
"""
LEAST_KEPT = 0.9
"""Of the journal's rows after it was opened ten years later; states that are superseded go anyway."""
PASSES = "no dwell off by a step, retention deletes nothing, no restart, LOST 0"


def faked(clock: Path) -> dict[str, str]:
    """An environment in which the wall clock, and no other, is what a file says."""
    return {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def stepped(directory: Path, times: int) -> list[Finding]:
    """T1: every step so often; then a restart in a year that is not ours."""
    name = "wall clock stepped ±5 s, ±1 h, to 1970, by 10 years"
    if not LIBRARIES:
        return [Finding.skipped("T1", name, "libfaketime is not installed")]
    directory.mkdir(exist_ok=True)
    clock = directory / "clock"
    clock.write_text("+0\n")
    with Rig(directory, guests=20, environment=faked(clock)) as rig:
        rig.start()
        for step in STEPS * times:
            clock.write_text(f"{step}\n")
            rig.wait_for_events(20)
        alive = rig.gateway.alive
        before = len(list(rig.accepted.rows()))
        rig.gateway.kill()
        rig.gateway.start()
        rig.wait_for_events(20)
        kept = len(list(rig.accepted.rows())) / before
        dwells = [body["dwell_s"] for _, _, kind, body in rig.accepted.rows() if kind == "visit.left"]
        verdict, _ = rig.settle()
    wrong = sum(not 0.0 <= dwell <= LONGEST_S for dwell in dwells)
    value = f"{wrong} of {len(dwells)} dwells wrong, {100 * min(1.0, kept):.0f} % of the rows kept; {verdict}"
    ok = alive and not wrong and bool(dwells) and kept >= LEAST_KEPT and verdict.clean
    return [Finding("T1", name, len(STEPS) * times, value, PASSES, ok)]
