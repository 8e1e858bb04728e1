"""A disk that is full, read-only or worn: the store starts and goes on, keeps what it accepted and frees what is its own."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgehub.core.profile import Profile
from edgehub.core.record import NewEvent, OpenVisit
from edgehub.core.wire import Ack, At
from edgehub.gateway.store import Store
from tests.fakes.disk import Disk, small_disk
from tests.fakes.event import event
from tests.fakes.waiting import until

ROOT = Path(__file__).parents[2]
MIB = 1024 * 1024
VISIT = OpenVisit("v1", "p1", "1042", "bar", 5, 6, 7, "boot")


def open_store(disk: Disk, quota_bytes: int = 6 * MIB) -> Store:
    return Store(disk.path / "state", boot_id="boot", quota_bytes=quota_bytes)


def padded(number: int) -> NewEvent:
    """An event of about a KiB."""
    return NewEvent("visit.left", {"n": number, "pad": "x" * 1000}, None, At("b", 1, 1, "synced"))


async def numbers(store: Store) -> list[int]:
    bodies = [json.loads(row.payload)["body"] for row in await store.page(0, 100_000)]
    return [body["count"] for body in bodies if "count" in body]


async def fill_until_it_fails(store: Store, disk: Disk) -> list[asyncio.Future[bool]]:
    """Fill the disk, and write until the store says that it cannot; what was promised meanwhile."""
    disk.fill()
    futures = []
    for number in range(400):
        futures.append(store.record([padded(number)] * 10))
        await asyncio.sleep(0.02)
        if store.failing:
            break
        disk.fill()
    return futures


@pytest.mark.asyncio
async def test_a_disk_filled_by_others_delays_and_loses_nothing(tmp_path: Path) -> None:
    """The state has a sentence; what the hub has makes room; once there is room everything waiting is written, once."""
    with small_disk(tmp_path / "disk") as disk:
        async with open_store(disk) as store:
            assert await store.record([event(n) for n in range(100)])
            promised = await fill_until_it_fails(store, disk)
            assert store.failing is not None
            assert "full" in store.failing
            assert not promised[-1].done()
            late = store.record([event(1000)])
            disk.empty()
            assert await asyncio.wait_for(late, 10)
            assert all([await future for future in promised])
            assert store.failing is None
            assert await numbers(store) == [*range(100), 1000]
            rows = await store.page(0, 100_000)
            assert [row.seq for row in rows] == list(range(1, len(rows) + 1))


@pytest.mark.asyncio
async def test_on_a_full_disk_what_the_hub_has_gives_its_room_to_what_is_new(tmp_path: Path) -> None:
    """Own deletes succeed, thanks to the ballast: events are accepted although not a byte is free."""
    with small_disk(tmp_path / "disk") as disk:
        async with open_store(disk) as store:
            for start in range(0, 1000, 100):
                assert await store.record([padded(n) for n in range(start, start + 100)])
            store.acknowledge(Ack(store.epoch, 0, 1000, (), "g"))
            await store.record([])
            disk.fill()
            for start in range(8):
                assert await asyncio.wait_for(store.record([padded(n) for n in range(50)]), 15), start
                disk.fill()
            assert store.failing is None
            assert store.backlog == 400


@pytest.mark.asyncio
async def test_a_full_disk_is_no_reason_not_to_start(tmp_path: Path) -> None:
    """With the ballast it starts as ever, with its profiles, its visits and an epoch, although not a byte is free."""
    with small_disk(tmp_path / "disk") as disk:
        async with open_store(disk) as store:
            await store.put_profiles([Profile("p1", 3, first_name="Kim")])
            assert await store.record([event(1)], [VISIT])
        disk.fill()
        async with open_store(disk) as store:
            assert [one.first_name for one in await store.profiles()] == ["Kim"]
            assert await store.open_visits() == [VISIT]
            assert await asyncio.wait_for(store.record([event(2)]), 10)
            assert store.epoch.start == 2


@pytest.mark.asyncio
async def test_a_first_start_on_a_full_disk_waits_for_room(tmp_path: Path) -> None:
    """Nothing can be written at all: the store is there, says why, keeps what comes in memory, and becomes ready."""
    with small_disk(tmp_path / "disk") as disk:
        (disk.path / "state").mkdir()
        disk.fill()
        async with open_store(disk) as store:
            assert store.failing is not None
            assert (await store.profiles(), await store.open_visits(), await store.page(0, 10)) == ([], [], [])
            assert store.epoch.start == 0
            future = store.record([event(1)])
            disk.empty()
            assert await asyncio.wait_for(future, 10)
            assert store.epoch.start == 1
            await until(lambda: store.failing is None)
            await store.put_profiles([Profile("p1", 3)])
            assert store.profiles_revision == 3


@pytest.mark.asyncio
async def test_a_first_start_on_a_full_disk_can_be_ended(tmp_path: Path) -> None:
    """Who waits is told that nothing was kept."""
    with small_disk(tmp_path / "disk") as disk:
        (disk.path / "state").mkdir()
        disk.fill()
        async with open_store(disk) as store:
            future = store.record([event(1)])
        assert await future is False


@pytest.mark.asyncio
async def test_a_read_only_disk_is_seen_and_survived(tmp_path: Path) -> None:
    """A worn card goes read-only: nothing is accepted meanwhile, nothing is written twice, and a start works too."""
    with small_disk(tmp_path / "disk") as disk:
        async with open_store(disk) as store:
            await store.put_profiles([Profile("p1", 3, first_name="Kim")])
            assert await store.record([event(1)], [VISIT])
        disk.remount("ro")
        async with open_store(disk) as store:
            assert store.failing is not None
            assert [one.first_name for one in await store.profiles()] == ["Kim"]
            assert await store.open_visits() == [VISIT]
            future = store.record([event(2)])
            await asyncio.sleep(0.7)
            assert not future.done()
            disk.remount("rw")
            assert await asyncio.wait_for(future, 10)
            await until(lambda: store.failing is None)
            assert await numbers(store) == [1, 2]


@pytest.mark.asyncio
async def test_the_ballast_is_taken_again(tmp_path: Path) -> None:
    """It is thrown overboard once per distress; the next start finds room and takes it again."""
    with small_disk(tmp_path / "disk") as disk:
        ballast = disk.path / "state" / "ballast"
        async with open_store(disk) as store:
            await until(ballast.exists)
            assert ballast.stat().st_blocks * 512 >= ballast.stat().st_size > 0
            await fill_until_it_fails(store, disk)
            assert not ballast.exists()
            disk.empty()
        async with open_store(disk):
            await until(ballast.exists)


@pytest.mark.asyncio
async def test_a_journal_that_cannot_be_read_has_no_page_and_ends_nobody(tmp_path: Path) -> None:
    """The pump asks while the connection is discarded: it gets nothing, is woken again, and then gets everything."""
    async with Store(tmp_path, boot_id="boot") as store:
        assert await store.record([event(1)])
        await store._journal._database.close()
        store.news.clear()
        assert await store.page(0, 10) == []
        assert await asyncio.wait_for(store.record([event(2)]), 10)
        await asyncio.wait_for(store.news.wait(), 10)
        assert await numbers(store) == [1, 2]


def promised(path: Path) -> list[int]:
    """The numbers a writer has printed whole."""
    return [int(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


@contextmanager
def writing_on_a_bad_disk(directory: Path, flag: Path) -> Iterator[Path]:
    """A writer whose syncs fail while the flag is there; where it prints what was accepted."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("a library whose sync fails needs a C compiler")
    library, out = directory / "badsync.so", directory / "out"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, ROOT / "tests/fakes/badsync.c"], check=True)
    command = [sys.executable, "-m", "tests.fakes.writer", str(directory / "state")]
    env = {**os.environ, "LD_PRELOAD": str(library), "BADSYNC": str(flag)}
    with out.open("w") as stream, subprocess.Popen(command, cwd=ROOT, stdout=stream, env=env) as writer:
        try:
            yield out
        finally:
            writer.kill()


@pytest.mark.asyncio
async def test_nothing_is_accepted_by_a_sync_that_failed(tmp_path: Path) -> None:
    """EIO from every sync for three seconds (R11): no promise meanwhile; afterwards all that waited, and each once."""
    flag = tmp_path / "bad"
    with writing_on_a_bad_disk(tmp_path, flag) as out:
        await until(lambda: len(promised(out)) >= 3, within_s=20)
        flag.touch()
        await asyncio.sleep(1.0)
        before = promised(out)
        await asyncio.sleep(2.0)
        assert promised(out) == before
        flag.unlink()
        await until(lambda: len(promised(out)) > len(before) + 2, within_s=20)
    async with Store(tmp_path / "state", boot_id="boot") as store:
        kept = await numbers(store)
        assert store.recovered is None
    assert kept[: len(promised(out))] == promised(out) == list(range(1, len(promised(out)) + 1))
    assert len(kept) == len(set(kept))
