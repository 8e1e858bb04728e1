"""The store on real files: what was accepted is there after any end of the process, and a damaged file stops nobody."""

import asyncio
import json
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from edgehub.core.profile import BadgeBinding, Profile
from edgehub.core.record import NewEvent, OpenVisit, VisitGone
from edgehub.core.wire import Ack, At, Epoch, WireError
from edgehub.gateway.store import Store, StoreInUseError
from tests.fakes.event import event

ROOT = Path(__file__).parents[2]
VISIT = OpenVisit("v1", "p1", "1042", "bar", 5, 6, 7, "boot", state={"counts": 3})


def open_store(directory: Path, quota_bytes: int = 64 * 1024 * 1024) -> Store:
    return Store(directory, boot_id="boot", quota_bytes=quota_bytes)


def modes(directory: Path) -> dict[str, str]:
    """Who may read and write each file."""
    return {path.name: f"{path.stat().st_mode & 0o777:o}" for path in directory.iterdir()}


async def numbers(store: Store) -> list[int]:
    """The numbers of the events that wait."""
    return [json.loads(row.payload)["body"].get("count", -1) for row in await store.page(0, 100_000)]


@pytest.mark.asyncio
async def test_what_was_accepted_is_there_after_a_restart(tmp_path: Path) -> None:
    """Events and visits survive, in order; the epoch is a new one, later than the last."""
    async with open_store(tmp_path) as store:
        assert await store.record([event(1), event(2)], [VISIT])
        first = store.epoch
    async with open_store(tmp_path) as store:
        assert await numbers(store) == [1, 2]
        assert await store.open_visits() == [VISIT]
        assert store.epoch.start == first.start + 1
        assert store.epoch.nonce != first.nonce
        assert store.recovered is None


@pytest.mark.asyncio
async def test_the_files_are_their_owners_alone(tmp_path: Path) -> None:
    """Guests and where they were are in them: whoever else works on the machine cannot read them."""
    async with open_store(tmp_path) as store:
        assert await store.record([event(1)], [VISIT])
        found = modes(tmp_path)
    assert {"journal.db", "journal.db-wal", "profiles.db"} <= found.keys()
    assert set(found.values()) == {"600"}


@pytest.mark.asyncio
async def test_sequences_are_free_of_gaps_in_each_partition(tmp_path: Path) -> None:
    """Within an epoch and partition the numbers are 1, 2, 3 and so on; a person's events share a partition."""
    async with Store(tmp_path, boot_id="boot", partitions=4) as store:
        events = [NewEvent("dwell.progress", {"n": n}, f"person{n % 7}", At("b", n, n, "synced")) for n in range(60)]
        for start in range(0, 60, 9):
            assert await store.record(events[start : start + 9])
        rows = await store.page(0, 1000)
    for partition in range(4):
        seqs = [row.seq for row in rows if row.partition == partition]
        assert seqs == list(range(1, len(seqs) + 1))
    homes = {(json.loads(row.payload)["body"]["n"] % 7, row.partition) for row in rows}
    assert len(homes) == 7


@pytest.mark.asyncio
async def test_a_visit_that_ended_is_gone(tmp_path: Path) -> None:
    """Of several changes to one visit in a commit the last one counts."""
    async with open_store(tmp_path) as store:
        await store.record([event(1)], [VISIT])
        await store.record([event(2)], [VISIT, VisitGone("v1")])
        assert await store.open_visits() == []


@pytest.mark.asyncio
async def test_many_events_share_few_commits_and_none_are_made_for_nothing(tmp_path: Path) -> None:
    """Under load at most four commits a second (SPD10); when nothing happens, none."""
    async with open_store(tmp_path) as store:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        while loop.time() < begin + 1.5:
            store.record([event(1)])
            await asyncio.sleep(0.005)
        busy = store.stats().commits
        assert busy <= 4 * 1.5 + 1
        await store.record([event(2)])
        idle = store.stats().commits
        await asyncio.sleep(1.0)
        assert store.stats().commits == idle


@pytest.mark.asyncio
async def test_a_cancelled_caller_changes_nothing(tmp_path: Path) -> None:
    """An event is written down although nobody waits for it any more, and the writer goes on."""
    async with open_store(tmp_path) as store:
        for number in range(50):
            store.record([event(number)]).cancel()
        waiting = asyncio.create_task(asyncio.wait_for(store.record([event(50)]), 5))
        await asyncio.sleep(0)
        assert await waiting
        assert await numbers(store) == list(range(51))


@pytest.mark.asyncio
async def test_acknowledged_events_wait_no_longer(tmp_path: Path) -> None:
    """Watermark and ranges are marked with a commit, survive a restart, and are counted once."""
    async with open_store(tmp_path) as store:
        await store.record([event(n) for n in range(1, 11)])
        for _ in range(2):
            store.acknowledge(Ack(store.epoch, 0, 4, ((6, 7), (10, 10)), "g"))
        await store.record([event(11)])
        assert await numbers(store) == [5, 8, 9, 11]
        assert store.backlog == 4
    async with open_store(tmp_path) as store:
        assert await numbers(store) == [5, 8, 9, 11]
        assert [mark.watermark for mark in store.marks()] == [4]


@pytest.mark.asyncio
async def test_a_hub_that_forgot_gets_it_again(tmp_path: Path) -> None:
    """What a restored hub lacks waits again, from the replay window; and can be acknowledged again."""
    async with open_store(tmp_path) as store:
        await store.record([event(n) for n in range(1, 6)])
        store.acknowledge(Ack(store.epoch, 0, 5, (), "g"))
        await store.record([])
        assert store.backlog == 0
        await store.unacknowledge(Ack(store.epoch, 0, 2, (), "h"))
        assert await numbers(store) == [3, 4, 5]
        store.acknowledge(Ack(store.epoch, 0, 5, (), "h"))
        await store.record([])
        assert store.backlog == 0


@pytest.mark.asyncio
async def test_an_acknowledgement_of_another_epoch_marks_nothing(tmp_path: Path) -> None:
    """Identity is the nonce, not the counter: a cloned card's acknowledgements do not concern us."""
    async with open_store(tmp_path) as store:
        await store.record([event(1)])
        store.acknowledge(Ack(Epoch(store.epoch.start, "f" * 16), 0, 5, (), "g"))
        await store.record([])
        assert store.backlog == 1


def test_two_writers_are_refused(tmp_path: Path) -> None:
    """A second process on the same directory is told so, and the first goes on."""

    async def both() -> None:
        async with open_store(tmp_path) as store:
            with pytest.raises(StoreInUseError, match="in use"):
                async with open_store(tmp_path):
                    pass
            assert await store.record([event(1)])

    asyncio.run(both())


def test_kill_9_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    """A writer killed at any moment: every number it printed is there, in order, with its visit; none twice."""
    promised: list[int] = []
    for attempt in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.writer", str(tmp_path / str(attempt))], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(random.Random(attempt).randint(1, 5))]
        writer.kill()
        writer.communicate()
        promised = [int(line) for line in lines]
        kept, visits = asyncio.run(recall(tmp_path / str(attempt)))
        assert kept[: len(promised)] == promised
        assert len(kept) == len(set(kept)) == visits


async def recall(directory: Path) -> tuple[list[int], int]:
    async with open_store(directory) as store:
        return await numbers(store), len(await store.open_visits())


async def filled(directory: Path, count: int) -> None:
    """A journal with this many events and a visit, closed in order."""
    async with open_store(directory) as store:
        await store.record([event(n) for n in range(count)], [VISIT])
        await store.put_profiles([Profile("p1", 4, (BadgeBinding("1042"),))])


def flip(path: Path, where: bytes) -> None:
    """Flip one bit in the last of these bytes, as a worn card does."""
    data = bytearray(path.read_bytes())
    at = data.rindex(where) + len(where) - 1
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.asyncio
async def test_a_flipped_bit_costs_its_own_event_and_is_reported(tmp_path: Path) -> None:
    """SQLite sees nothing wrong; the checksum does. The file is set aside, the rest carried over, the loss reported."""
    await filled(tmp_path, 100)
    flip(tmp_path / "journal.db", b'"count":77')
    async with open_store(tmp_path) as store:
        assert store.recovered is not None
        assert store.recovered.salvaged == 99
        assert store.recovered.lost == 1
        assert store.recovered.aside.exists()
        await store.record([event(1000)])
        rows = [json.loads(row.payload) for row in await store.page(0, 1000)]
        assert [row["type"] for row in rows[-2:]] == ["store.corrupt", "badge.unknown_count"]
        assert rows[-2]["body"]["lost"] == 1
        assert [row["body"]["count"] for row in rows[:99]] == [n for n in range(100) if n != 77]
        assert await store.open_visits() == [VISIT]
        assert store.epoch.start == 2
    async with open_store(tmp_path) as store:
        assert store.recovered is None


@pytest.mark.asyncio
@pytest.mark.parametrize("seed", range(8))
async def test_damage_anywhere_never_stops_the_start_and_alters_no_event(tmp_path: Path, seed: int) -> None:
    """Zeroed, garbled and cut files: the store opens, takes events, and delivers none that was altered."""
    await filled(tmp_path, 400)
    path, chance = tmp_path / "journal.db", random.Random(seed)
    data = bytearray(path.read_bytes())
    at = chance.randrange(len(data))
    match seed % 4:
        case 0:
            data[at : at + 4096] = bytes(min(4096, len(data) - at))
        case 1:
            data = data[:at]
        case 2:
            data[at : at + 600] = chance.randbytes(min(600, len(data) - at))
        case 3:
            data[0:100] = chance.randbytes(100)
    path.write_bytes(data)
    async with open_store(tmp_path) as store:
        assert await store.record([event(1000)])
        kept = await numbers(store)
    assert kept[-1] == 1000
    assert set(kept) <= {*range(400), 1000, -1}
    assert len([n for n in kept if n >= 0]) == len({n for n in kept if n >= 0})


@pytest.mark.asyncio
async def test_one_damaged_page_costs_only_its_own_events(tmp_path: Path) -> None:
    """Of 2,000 events at least 99 % of those on sound pages are carried over."""
    await filled(tmp_path, 2000)
    path = tmp_path / "journal.db"
    data = bytearray(path.read_bytes())
    page = data.rindex(b'"count":1500') // 4096
    data[page * 4096 : (page + 1) * 4096] = bytes(4096)
    path.write_bytes(data)
    async with open_store(tmp_path) as store:
        assert store.recovered is not None
        assert store.recovered.salvaged >= 1980 - 20
        assert store.recovered.salvaged + store.recovered.lost >= 2000


@pytest.mark.asyncio
async def test_a_damaged_profile_cache_is_made_anew(tmp_path: Path) -> None:
    """The cache can be had again from the hub; the journal beside it is untouched."""
    await filled(tmp_path, 3)
    (tmp_path / "profiles.db").write_bytes(b"no database at all, only some text that lies where one was")
    async with open_store(tmp_path) as store:
        assert await store.profiles() == []
        assert store.profiles_revision == 0
        assert await numbers(store) == [0, 1, 2]
        assert store.recovered is None


@pytest.mark.asyncio
async def test_of_each_person_the_newest_profile_stays(tmp_path: Path) -> None:
    """Pages may come twice or late; a tombstone is kept like any other revision."""
    old, new = Profile("p1", 3, first_name="Kim"), Profile("p1", 5, erased=True)
    async with open_store(tmp_path) as store:
        await store.put_profiles([new])
        await store.put_profiles([old, Profile("p2", 4)])
        assert {one.person: one.revision for one in await store.profiles()} == {"p1": 5, "p2": 4}
        assert store.profiles_revision == 5
    async with open_store(tmp_path) as store:
        assert store.profiles_revision == 5


@pytest.mark.asyncio
async def test_an_event_that_cannot_be_sent_is_refused_and_the_rest_goes_on(tmp_path: Path) -> None:
    """A mistake of ours is told to whoever made it; the store does not fall over it."""
    async with open_store(tmp_path) as store:
        with pytest.raises(WireError):
            store.record([NewEvent("zone.occupancy", {"level": float("inf")}, None, At("b", 1, 1, "synced"))])
        assert await store.record([event(1)])


@pytest.mark.asyncio
async def test_a_disk_that_refuses_delays_and_loses_nothing(tmp_path: Path) -> None:
    """While another process holds the file, events wait in memory with a sentence why; then they are written, once."""
    async with open_store(tmp_path) as store:
        await store.record([event(0)])
        with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as other:
            other.execute("begin exclusive")
            future = store.record([event(1)])
            async with asyncio.timeout(15):
                while store.failing is None:  # noqa: ASYNC110  # SQLite itself is patient for 5 s
                    await asyncio.sleep(0.05)
            assert not future.done()
            other.execute("rollback")
        assert await asyncio.wait_for(future, 10)
        assert store.failing is None
        assert await numbers(store) == [0, 1]


@pytest.mark.asyncio
async def test_a_full_quota_sheds_what_the_hub_has_first_and_reports_the_rest(tmp_path: Path) -> None:
    """Acknowledged rows go silently; unsent ones by class, oldest first, named in a report; visits go after samples."""
    async with open_store(tmp_path, quota_bytes=1024 * 1024) as store:
        await store.record([event(n) for n in range(1500)])
        store.acknowledge(Ack(store.epoch, 0, 1500, (), "g"))
        visit = NewEvent("visit.left", {"visit": "v", "pad": "x" * 200}, "p", At("b", 1, 1, "synced"))
        for n in range(14):
            assert await store.record([visit] * 20 + [event(n * 1000 + k) for k in range(200)])
        rows = [json.loads(row.payload) for row in await store.page(0, 100_000)]
        reports = [row["body"] for row in rows if row["type"] == "store.shed"]
        assert store.stats().shed == sum(report["count"] for report in reports) > 0
        assert {report["shed_class"] for report in reports} == {"sample"}
        assert len([row for row in rows if row["type"] == "visit.left"]) == 14 * 20
        gone = {seq for report in reports for low, high in report["ranges"] for seq in range(low, high + 1)}
        here = {row["seq"] for row in rows}
        assert not gone & here
        assert gone | here == set(range(1501, max(here) + 1))
    assert (tmp_path / "journal.db").stat().st_size <= 1024 * 1024


@pytest.mark.asyncio
async def test_of_states_only_what_a_later_one_overtook_is_shed(tmp_path: Path) -> None:
    """Compaction: a full quota costs the radio's old states and keeps its newest, and samples go only afterwards."""

    def state(receiver: str, number: int) -> NewEvent:
        body = {"receiver": receiver, "state": "ok", "why": f"{number} " + "x" * 300}
        return NewEvent("radio.state", body, None, At("b", 1, 1, "synced"))

    async with open_store(tmp_path, quota_bytes=1024 * 1024) as store:
        for start in range(0, 2200, 220):
            assert await store.record([state(f"pi/hci{n % 4}", n) for n in range(start, start + 220)])
        rows = [json.loads(row.payload) for row in await store.page(0, 100_000)]
        reports = [row["body"] for row in rows if row["type"] == "store.shed"]
        assert {report["shed_class"] for report in reports} == {"state"}
        kept = [row["body"]["why"].split()[0] for row in rows if row["type"] == "radio.state"]
        assert kept[-4:] == ["2196", "2197", "2198", "2199"]
        assert store.backlog == len(rows)


@pytest.mark.asyncio
async def test_a_reserve_is_kept_for_what_is_vital(tmp_path: Path) -> None:
    """When only vital events are left, ordinary ones are refused, and vital ones are still accepted."""
    vital = NewEvent("store.corrupt", {"salvaged": 1, "lost": 0, "why": "x" * 400}, None, At("b", 1, 1, "synced"))
    async with open_store(tmp_path, quota_bytes=1024 * 1024) as store:
        assert await store.record([vital] * 900)
        for _ in range(40):
            assert await store.record([vital] * 35)
            if not await store.record([event(1)]):
                break
        assert store.stats().refused > 0
        assert await store.record([vital] * 10)
        types = {json.loads(row.payload)["type"] for row in await store.page(0, 100_000)}
        assert "store.corrupt" in types
        assert "badge.unknown_count" not in types
        assert store.failing is None


@pytest.mark.asyncio
async def test_classes_are_shed_in_their_order(tmp_path: Path) -> None:
    """Diagnostics, samples, progress, visits: each only when none of the one before is left (R9)."""
    order = ["light.shown", "zone.occupancy", "dwell.progress", "visit.left"]
    async with open_store(tmp_path, quota_bytes=1024 * 1024) as store:
        for number in range(10):
            events = [NewEvent(kind, {"pad": "x" * 300}, None, At("b", number, 1, "synced")) for kind in order]
            assert await store.record(events * 48)
        rows = [json.loads(row.payload) for row in await store.page(0, 100_000)]
        shed = dict.fromkeys(["diagnostic", "sample", "progress", "visit"], 0)
        for row in rows:
            if row["type"] == "store.shed":
                shed[row["body"]["shed_class"]] += row["body"]["count"]
        left = {kind: sum(row["type"] == kind for row in rows) for kind in order}
        assert [left[kind] + gone for kind, gone in zip(order, shed.values(), strict=True)] == [480] * 4
        assert list(shed.values()) == sorted(shed.values(), reverse=True)
        assert shed["diagnostic"] > 400
        assert left["visit.left"] == 480
        gone = {
            seq
            for row in rows
            if row["type"] == "store.shed"
            for low, high in row["body"]["ranges"]
            for seq in range(low, high + 1)
        }
        assert gone | {row["seq"] for row in rows} == set(range(1, rows[-1]["seq"] + 1))
        assert store.backlog == len(rows)


class Wall:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.moment = At("boot", 1_000_000, 1_800_000_000_000_000, "unsynced")

    def __call__(self) -> At:
        return self.moment

    def jump(self, days: int, quality: str = "unsynced") -> None:
        wall_us = self.moment.wall_us + days * 24 * 3600 * 1_000_000
        self.moment = At("boot", self.moment.monotonic_us + 1_000_000, wall_us, quality)


@pytest.mark.asyncio
@pytest.mark.parametrize(("quality", "kept"), [("unsynced", 3), ("synced", 0)])
async def test_a_clock_that_jumps_ahead_unsynchronised_deletes_nothing(tmp_path: Path, quality: str, kept: int) -> None:
    """The replay window is a day of time that passed, not of a clock that stood in 2036 for a moment (T1)."""
    wall = Wall()
    async with Store(tmp_path, boot_id="boot", clock=wall) as store:
        await store.record([event(n) for n in range(3)])
        store.acknowledge(Ack(store.epoch, 0, 3, (), "g"))
        await store.record([])
        epoch = store.epoch
    wall.jump(3650, quality)
    async with Store(tmp_path, boot_id="boot", clock=wall) as store:
        await store.unacknowledge(Ack(epoch, 0, 0, (), "h"))
        assert store.backlog == kept


@pytest.mark.asyncio
async def test_files_of_earlier_versions_are_closed_to_others(tmp_path: Path) -> None:
    """Databases that everybody could read are their owner's alone from the next start on."""
    await filled(tmp_path, 3)
    for name in ("journal.db", "profiles.db"):
        (tmp_path / name).chmod(0o644)
    async with open_store(tmp_path) as store:
        assert await numbers(store) == [0, 1, 2]
        assert set(modes(tmp_path).values()) == {"600"}


def found_in(directory: Path, *needles: bytes) -> list[tuple[str, bytes]]:
    """Which of these stand in which file."""
    return [(path.name, one) for path in directory.iterdir() for one in needles if one in path.read_bytes()]


@pytest.mark.asyncio
async def test_of_an_erased_guest_not_a_byte_is_left(tmp_path: Path) -> None:
    """Profile, visit, unsent, sent and set-aside events, WAL, free pages, damaged files: searched byte by byte (P2)."""
    kim = Profile("cafe0123cafe0123", 4, (BadgeBinding("badge-of-kim"),), "Kimberley", "#ff8800")
    person = kim.person

    def visit(number: int) -> NewEvent:
        body = {"visit": f"v{number}", "person": person if number % 3 else "somebody", "zone": "bar"}
        return NewEvent("visit.left", body, body["person"], At("b", number, number, "synced"))

    async with open_store(tmp_path) as store:
        await store.put_profiles([kim, Profile("p2", 5, first_name="Al")])
        await store.record([visit(n) for n in range(1, 601)], [OpenVisit("v1", person, "1042", "bar", 5, 6, 7, "boot")])
        store.acknowledge(Ack(store.epoch, 0, 100, (), "g"))
        await store.record([])
        store.set_aside((await store.page(0, 1))[0])
        await store.record([])
        (tmp_path / "journal.db.corrupt").write_bytes(person.encode())
        rewrites = store.rewrites
        await store.put_profiles([Profile(person, 6, erased=True)])
        store.record([visit(601)], [OpenVisit("v2", person, "1042", "bar", 5, 6, 7, "boot")])
        async with asyncio.timeout(10):
            while await store.meta("erased_revision") != "6":  # noqa: ASYNC110  # the last step of an erasure
                await asyncio.sleep(0.05)
        assert store.rewrites > rewrites
        assert found_in(tmp_path, b"Kimberley", b"badge-of-kim", b"#ff8800") == []
        assert {name for name, _ in found_in(tmp_path, person.encode())} <= {"profiles.db", "profiles.db-wal"}
        assert await store.open_visits() == []
        rows = [json.loads(row.payload) for row in await store.page(0, 1000)]
        assert [row["seq"] for row in rows] == list(range(102, 604))
        assert [row["type"] for row in rows[-3:]] == ["store.shed", "event.erased", "erasure.receipt"]
        assert rows[-1]["body"] == {"revision": 6}
        assert {row["body"].get("person") for row in rows if row["type"] == "visit.left"} == {"somebody"}
    async with open_store(tmp_path) as store:
        await store.record([visit(700)])
        await asyncio.sleep(0.3)
        types = [json.loads(row.payload)["type"] for row in await store.page(0, 1000)]
        assert types.count("erasure.receipt") == 1
        assert types[-1] == "event.erased"
