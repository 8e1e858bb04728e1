"""R12: a card that rots: flipped bits, cut files and zeroed pages, in the journal and in its write-ahead log."""

import asyncio
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from edgehub.core.record import OutboxRow
from edgehub.gateway.store import Store
from edgehub.gateway.store.database import PAGE_BYTES
from tests.fakes.event import event
from tests.fakes.sabotaged import SABOTAGE
from tests.system.faults.disk import memory
from tests.system.faults.verdict import Finding

EVENTS = 400
AT_ONCE = 20
LEAST_SALVAGED = 0.99
"""Of the rows that no damage touched."""
Damage = Callable[[bytearray, random.Random], None]


@dataclass
class Outcome:
    """What so much damage did."""

    damaged: int = 0
    unopenable: int = 0
    altered: int = 0
    sound: int = 0
    """Rows whose bytes were still in the files, undamaged."""
    saved: int = 0
    """How many of these were delivered."""

    @property
    def share(self) -> float:
        """Of the sound rows, how many were saved."""
        return self.saved / self.sound if self.sound else 1.0

    def __str__(self) -> str:
        return (
            f"{self.unopenable} of {self.damaged} did not start, {self.altered} altered events delivered, "
            f"{100 * self.share:.2f} % of sound rows saved"
        )


def rotten(directory: Path, times: int) -> list[Finding]:
    """R12, and its control: a store that believes every byte."""
    sound = directory / "sound"
    payloads = asyncio.run(_written(sound))
    outcome = damaged(sound, payloads, times)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as elsewhere:
        control = elsewhere.submit(_blindly, sound, payloads, max(40, times // 10)).result()
    ok = (outcome.unopenable, outcome.altered) == (0, 0) and outcome.share >= LEAST_SALVAGED
    name = "bits flipped, files cut, pages zeroed, in DB and WAL"
    passes = "all start, altered events delivered 0, ≥ 99 % of sound rows saved"
    return [
        Finding("R12", name, times, str(outcome), passes, ok),
        Finding("R12-", "control: no checksums", control.damaged, str(control), "altered ≥ 1", control.altered > 0),
    ]


def damaged(sound: Path, payloads: set[bytes], times: int) -> Outcome:
    """Damage a copy of the journal again and again, and open each with the real store."""
    outcome = Outcome()
    for number in range(times):
        asyncio.run(_damage(sound, payloads, outcome, random.Random(number)))
        if number % 100 == 99:
            print(f"{number + 1} damaged cards: {outcome}", file=sys.stderr, flush=True)
    return outcome


def _blindly(sound: Path, payloads: set[bytes], times: int) -> Outcome:
    """The same by a store without checksums, in a process of its own."""
    SABOTAGE["no-checksum"]()
    return damaged(sound, payloads, times)


async def _written(directory: Path) -> set[bytes]:
    """A journal whose second half is still in the write-ahead log; the payloads in it."""
    written = directory.with_name("written")
    async with Store(written, boot_id="boot") as store:
        await store.record([event(number) for number in range(EVENTS // 2)])
    async with Store(written, boot_id="boot") as store:
        for first in range(EVENTS // 2, EVENTS, AT_ONCE):
            await store.record([event(number) for number in range(first, first + AT_ONCE)])
        payloads = {row.payload for row in await store.page(0, 2 * EVENTS)}
        shutil.copytree(written, directory, ignore=shutil.ignore_patterns("*-shm"))
    return payloads


async def _damage(sound: Path, payloads: set[bytes], outcome: Outcome, chance: random.Random) -> None:
    with tempfile.TemporaryDirectory(dir=memory()) as place:
        folder = shutil.copytree(sound, Path(place) / "state")
        file = folder / chance.choice(("journal.db", "journal.db-wal"))
        content = bytearray(file.read_bytes())
        chance.choice((_flip, _flip, _flip, _cut, _zero))(content, chance)
        file.write_bytes(content)
        rest = b"".join(path.read_bytes() for path in folder.glob("journal.db*"))
        still = {one for one in payloads if one in rest}
        outcome.damaged += 1
        try:
            delivered = {row.payload for row in await _delivered(folder)}
        except Exception as error:  # noqa: BLE001  # whatever it was, the gateway would not have started
            print(f"a card that is not opened: {error!r}", file=sys.stderr)
            outcome.unopenable += 1
            return
    outcome.altered += len([one for one in delivered - payloads if b"badge.unknown_count" in one])
    outcome.sound += len(still)
    outcome.saved += len(still & delivered)


async def _delivered(folder: Path) -> list[OutboxRow]:
    async with Store(folder, boot_id="boot") as store:
        return await store.page(0, 2 * EVENTS)


def _flip(content: bytearray, chance: random.Random) -> None:
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def _cut(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content)) :]


def _zero(content: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(content)) // PAGE_BYTES * PAGE_BYTES
    content[at : at + PAGE_BYTES] = bytes(len(content[at : at + PAGE_BYTES]))
