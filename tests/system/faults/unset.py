"""T2: a machine without a clock of its own starts at the date of its software, works, and learns the time later.

The gateway is the product as it runs on a Pi, with a fake BlueZ, for a simulated radio brings a clock of its own. What
systemd-timesyncd says of the wall clock is a folder of ours, seen by the gateway alone where systemd's would be.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path

from tests.fakes.bluez import private_bus
from tests.system.faults.clocks import LIBRARIES, faked
from tests.system.faults.evidence import STAYS_OUTSIDE, Identity
from tests.system.faults.rig import Rig, until
from tests.system.faults.verdict import Finding

NAME = "no RTC: started at the date of the software, synchronised later"
BUILT = "@2025-02-01 00:00:00"
TIMESYNC = (
    'mount -t tmpfs none /run && mkdir -p /run/systemd/timesync && mount --bind "$0" /run/systemd/timesync && exec "$@"'
)
"""A `/run` of its own, in which the folder of ours is systemd-timesyncd's."""
GUESTS = 150
"""As fast as life, these make some six events a second."""
MOST_S = 1.0
SOON_S = 10.0
PASSES = f"each event flagged until then; after it none is, errors ≤ {MOST_S:.0f} s, stays too, LOST 0"


def no_rtc(directory: Path, seconds: int) -> list[Finding]:
    """T2, after so many seconds with a clock that is wrong; and its control: the times as the gateway told them."""
    if not LIBRARIES:
        return [Finding.skipped("T2", NAME, "libfaketime is not installed")]
    if os.geteuid() != 0:
        return [Finding.skipped("T2", NAME, "mounting needs root")]
    timesync = directory / "timesync"
    timesync.mkdir(parents=True)
    clock = directory / "clock"
    clock.write_text(f"{BUILT}\n")
    wrap = ("unshare", "--mount", "sh", "-c", TIMESYNC, str(timesync))
    with private_bus() as bus, Rig(directory, guests=GUESTS, wrap=wrap, environment=faked(clock), bus=bus) as rig:
        began_us = time.time_ns() // 1000
        rig.start()
        time.sleep(max(0.0, seconds + began_us / 1e6 - time.time()))
        rig.wait_for_events()
        unflagged = rig.record.times_us().keys() - rig.record.flagged()
        early = len(rig.record.flagged())
        clock.write_text("+0\n")
        (timesync / "synchronized").touch()
        took_s = until(lambda: not rig.record.flagged(), "the hub corrects what came before", SOON_S)
        verdict, _ = rig.settle()
        still = len(rig.record.flagged())
        errors_s, told_s = _errors_s(rig)
        stays = rig.record.count(STAYS_OUTSIDE.format(low=began_us, high=time.time_ns() // 1000))
    value = (
        f"{early} flagged, {len(unflagged)} not; {took_s:.1f} s after it {still} are, "
        f"greatest error {1000 * errors_s:.0f} ms, {stays} stays wrong; {verdict}"
    )
    ok = early > 0 and not unflagged and not still and errors_s <= MOST_S and not stays and verdict.clean
    control = f"greatest error {told_s / 86_400:.0f} days"
    return [
        Finding("T2", NAME + "; seconds:", seconds, value, PASSES, ok),
        Finding("T2-", "control: the times as they were told", 1, control, f"> {MOST_S:.0f} s", told_s > MOST_S),
    ]


def _errors_s(rig: Rig) -> tuple[float, float]:
    """How far from the truth the hub's times of all events are at most, and how far those it was told."""
    truth = _truth_us(rig.accepted.moments_us())
    times = [(at, told, truth[one]) for one, (at, told) in rig.record.times_us().items() if one in truth]
    return max(abs(at - true) for at, _, true in times) / 1e6, max(abs(told - true) for _, told, true in times) / 1e6


def _truth_us(moments_us: Mapping[Identity, int]) -> dict[Identity, int]:
    """By the wall clock of the judge, which is right."""
    offset_us = (time.time_ns() - time.monotonic_ns()) // 1000
    return {one: moment_us + offset_us for one, moment_us in moments_us.items()}
