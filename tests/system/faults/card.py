"""R10, R11: the card is filled by somebody else, becomes read-only, or its syncs fail."""

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.fakes.disk import small_disk
from tests.system.faults.line import STATUS, Line
from tests.system.faults.network import ABLE
from tests.system.faults.rig import Rig, until
from tests.system.faults.verdict import Finding

SEEN_WITHIN_S = 5.0
NORMAL_WITHIN_S = {"R10": 10.0, "R11": 15.0}
"""R10 has a figure in the design; after a failing card the last wait before a retry is 5 s, and the status follows within 5."""
SICK_S = 4.0
BROKEN_SYNC = Path(__file__).with_name("broken_sync.c")


def full_disk(directory: Path, _times: int = 1) -> list[Finding]:
    """R10: a neighbour takes the whole disk, and gives it back."""
    name = "disk filled by others"
    if not ABLE:
        return [Finding.skipped("R10", name, "mounting a small disk needs root")]
    directory.mkdir(exist_ok=True)
    with small_disk(directory / "disk", "16m") as disk:
        return [
            _sick(
                directory / "rig", "R10", name, disk.path / "state", break_it=lambda _: disk.fill(), mend_it=disk.empty
            )
        ]


def failing_card(directory: Path, _times: int = 1) -> list[Finding]:
    """R11: the disk is mounted read-only, and each sync fails with EIO."""
    return [_read_only(directory / "ro"), _no_sync(directory / "eio")]


def _read_only(directory: Path) -> Finding:
    name = "disk remounted read-only"
    if not ABLE:
        return Finding.skipped("R11", name, "mounting a small disk needs root")
    directory.mkdir(parents=True)
    with small_disk(directory / "disk", "16m") as disk:

        def close(rig: Rig) -> None:
            """Linux closes no disk that is written to: the gateway finds it so when it starts."""
            rig.gateway.kill()
            disk.remount("ro")
            rig.gateway.start()

        return _sick(
            directory / "rig", "R11", name, disk.path / "state", break_it=close, mend_it=lambda: disk.remount("rw")
        )


def _no_sync(directory: Path) -> Finding:
    name = "each fsync fails with EIO"
    compiler = shutil.which("cc")
    if compiler is None:
        return Finding.skipped("R11", name, "no C compiler here")
    directory.mkdir(parents=True)
    library, sign = directory / "broken_sync.so", directory / "broken"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(BROKEN_SYNC), "-ldl"], check=True)
    environment = {"LD_PRELOAD": str(library), "BROKEN_SYNC": str(sign)}
    return _sick(
        directory / "rig",
        "R11",
        name,
        None,
        break_it=lambda _: sign.touch(),
        mend_it=sign.unlink,
        environment=environment,
    )


def _sick(
    directory: Path,
    row: str,
    name: str,
    state: Path | None,
    *,
    break_it: Callable[[Rig], None],
    mend_it: Callable[[], None],
    environment: dict[str, str] | None = None,
) -> Finding:
    """Break the disk under a gateway at work, mend it some seconds later, and judge."""
    with Rig(directory, guests=20, state=state, environment=environment) as rig:
        rig.start()
        with Line(rig.broker.port, STATUS) as line:
            until(lambda: _store(line) == "ok", "the store is well")
            break_it(rig)
            seen_s = _told(line)
            time.sleep(SICK_S)
            mend_it()
            normal_s = until(lambda: _store(line) == "ok", "the gateway tells that its disk is well", 60)
        verdict, _ = rig.settle()
        alive = rig.gateway.alive
    told = "wrote on, on its reserve" if seen_s is None else f"told after {seen_s:.1f} s"
    value = f"{told}, normal {normal_s:.1f} s after; {verdict}"
    passes = f"told ≤ {SEEN_WITHIN_S:.0f} s, normal ≤ {NORMAL_WITHIN_S[row]:.0f} s after, no restart, LOST 0"
    seen = row == "R10" if seen_s is None else seen_s <= SEEN_WITHIN_S
    ok = alive and seen and normal_s <= NORMAL_WITHIN_S[row] and verdict.clean
    return Finding(row, name, 1, value, passes, ok)


def _told(line: Line) -> float | None:
    """When the gateway told of its disk, s; None when it did not have to, for it lives on its reserve."""
    try:
        return until(lambda: _store(line) == "failing", "the gateway tells of its disk", 2 * SEEN_WITHIN_S)
    except TimeoutError:
        return None


def _store(line: Line) -> str | None:
    state = line.status().get("store", {}).get("state")
    return None if state is None else str(state)
