"""R4: the power goes. The writes of a real gateway are recorded, and replayed up to any moment as a disk keeps them.

An event counts as accepted once it was sent: whatever the world has seen must be on the disk.
"""

import asyncio
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from edgehub.gateway.store import Store
from tests.system.faults.disk import Disk, memory
from tests.system.faults.evidence import Accepted
from tests.system.faults.rig import GATEWAY, Rig, until
from tests.system.faults.strace import WRAP, Deed, Send, Write, deeds, ended
from tests.system.faults.verdict import Finding

RECORDED_S = 6.0
GUESTS = 120
"""Enough for several checkpoints in that time."""
NAME = "power cut: un-synced writes dropped, reordered, torn"
PASSES = "accepted rows lost 0, unopenable 0"
_SENT = re.compile(rb'"epoch":\{"start":\d+,"nonce":"([0-9a-f]{16})"\},"partition":(\d+),"seq":(\d+)')
Row = tuple[str, int, int]
"""Nonce, partition, sequence."""


@dataclass(frozen=True)
class Outcome:
    """What so many cuts did."""

    cuts: int
    lost: int
    unopenable: int
    salvaged: int

    def __str__(self) -> str:
        return f"{self.lost} accepted rows lost, {self.unopenable} unopenable, {self.salvaged} salvaged in {self.cuts} cuts"


def power_cuts(directory: Path, cuts: int) -> list[Finding]:
    """R4 and its control, a gateway with `synchronous=NORMAL`."""
    if shutil.which("strace") is None:
        return [Finding.skipped("R4", NAME, "strace is not installed")]
    with ThreadPoolExecutor(2) as pool:
        full, normal = pool.map(
            lambda sabotage: recorded(directory / str(sabotage), sabotage), (None, "synchronous-normal")
        )
    outcome = replayed(full, directory / "None" / "state", cuts)
    control = replayed(normal, directory / "synchronous-normal" / "state", max(50, cuts // 10))
    return [
        Finding("R4", NAME, cuts, str(outcome), PASSES, (outcome.lost, outcome.unopenable) == (0, 0)),
        Finding("R4-", "control: synchronous=NORMAL", control.cuts, str(control), "lost ≥ 1", control.lost > 0),
    ]


def recorded(directory: Path, sabotage: str | None) -> Sequence[Deed]:
    """What a gateway under load does from its first start on."""
    directory.mkdir()
    log = directory / "strace.log"
    with Rig(directory, guests=GUESTS, gateway_as=sabotage, wrap=(*WRAP, "-o", str(log))) as rig:
        rig.start()
        time.sleep(RECORDED_S)
        rig.gateway.kill()
        until(lambda: ended(log), "strace has written everything down")
        done = deeds(log, rig.state)
    log.unlink()
    first = next(number for number, deed in enumerate(done) if isinstance(deed, Send) and _SENT.search(deed.data))
    checkpoints = [deed for deed in done[first:] if isinstance(deed, Write) and deed.path.endswith("journal.db")]
    assert checkpoints, "no checkpoint was made"
    return done


def replayed(done: Sequence[Deed], folder: Path, cuts: int, seed: int = 1) -> Outcome:
    """Cut the power at random moments of the recording, and open what is left with the real store."""
    chance = random.Random(seed)
    moments = sorted(chance.randrange(len(done)) for _ in range(cuts))
    disk, sent = Disk(folder), set[Row]()
    at = lost = unopenable = salvaged = 0
    for number, moment in enumerate(moments, 1):
        for deed in done[at : moment + 1]:
            disk.do(deed)
            if isinstance(deed, Send):
                sent |= {
                    (nonce.decode(), int(partition), int(seq)) for nonce, partition, seq in _SENT.findall(deed.data)
                }
        at = moment + 1
        with tempfile.TemporaryDirectory(dir=memory()) as place:
            disk.cut(chance, Path(place))
            kept, recovered = _opened(Path(place))
        lost += len(sent - kept) if kept is not None else 0
        unopenable += kept is None
        salvaged += recovered
        if number % 500 == 0:
            print(f"{number} power cuts: {lost} rows lost, {unopenable} unopenable", file=sys.stderr, flush=True)
    return Outcome(cuts, lost, unopenable, salvaged)


def _opened(place: Path) -> tuple[set[Row] | None, bool]:
    """Events in the store as the real code opens it, None when it cannot; and whether it had to salvage."""

    async def opened() -> bool:
        async with Store(place, boot_id="boot") as store:
            return store.recovered is not None

    try:
        recovered = asyncio.run(opened())
    except Exception as error:  # noqa: BLE001  # whatever it was, the gateway would not have started
        print(f"a store that cannot be opened: {error!r}", file=sys.stderr)
        return None, False
    accepted = Accepted(GATEWAY, place / "journal.db")
    accepted.look()
    return {(one.nonce, one.partition, one.seq) for one in accepted.hashes}, recovered
