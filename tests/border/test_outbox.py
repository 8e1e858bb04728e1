"""`edgehub outbox` on real journals: beside a running store, after one, and on damaged ones."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgehub import cli
from edgehub.core.wire import Ack
from edgehub.gateway.store import Store
from tests.fakes.event import event

ROOT = Path(__file__).parents[2]


async def filled(directory: Path, count: int, acknowledged: int = 0) -> None:
    """A journal with so many events, closed in order."""
    async with Store(directory, boot_id="boot") as store:
        await store.record([event(n) for n in range(count)])
        if acknowledged:
            store.acknowledge(Ack(store.epoch, 0, acknowledged, (), "g"))
            await store.record([])


def counts(text: str) -> list[int]:
    return [json.loads(line)["body"]["count"] for line in text.splitlines()]


def test_status_says_what_waits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By class and epoch, with what is acknowledged; of a stopped gateway, and nothing is made beside the file."""
    asyncio.run(filled(tmp_path, 30, acknowledged=10))
    before = sorted(path.name for path in tmp_path.iterdir())
    assert cli.main(["outbox", "status", "--state", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "20 events wait for the hub, the oldest since 20" in said
    assert "10 are acknowledged" in said
    assert "0 are set aside" in said
    [sample] = [line.split() for line in said.splitlines() if line.startswith("sample")]
    assert sample[1:3] == ["20", "10"]
    assert said.splitlines()[-1].endswith("1 to 30")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.asyncio
async def test_a_running_store_is_read_and_not_disturbed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was committed a moment ago is in the export; the store goes on meanwhile."""
    async with Store(tmp_path, boot_id="boot") as store:
        await store.record([event(n) for n in range(5)])
        assert (
            await asyncio.to_thread(
                cli.main, ["outbox", "export", "--state", str(tmp_path), "--out", str(tmp_path / "x")]
            )
            == 0
        )
        assert await asyncio.to_thread(cli.main, ["outbox", "verify", "--state", str(tmp_path)]) == 0
        assert await store.record([event(5)])
    assert counts((tmp_path / "x").read_text()) == [0, 1, 2, 3, 4]
    assert "all 5 events are whole" in capsys.readouterr().out


def test_a_killed_store_is_read_with_its_wal(tmp_path: Path) -> None:
    """What only the WAL holds is exported too."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.writer", str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    promised = [int(writer.stdout.readline()) for _ in range(3)]
    writer.kill()
    writer.communicate()
    assert (tmp_path / "journal.db-wal").exists()
    command = [sys.executable, "-m", "edgehub", "outbox", "export", "--state", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert counts(done.stdout)[:3] == promised


def test_an_export_is_whole_or_not_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where it cannot be written nothing is left behind and nothing is replaced; --all adds the acknowledged."""
    asyncio.run(filled(tmp_path, 9, acknowledged=4))
    out = tmp_path / "nowhere" / "x.jsonl"
    assert cli.main(["outbox", "export", "--state", str(tmp_path), "--out", str(out)]) == 2
    assert str(out) in capsys.readouterr().err
    out = tmp_path / "x.jsonl"
    assert cli.main(["outbox", "export", "--state", str(tmp_path), "--out", str(out)]) == 0
    assert counts(out.read_text()) == [4, 5, 6, 7, 8]
    assert cli.main(["outbox", "export", "--all", "--state", str(tmp_path), "--out", str(out)]) == 0
    assert counts(out.read_text()) == list(range(9))


def test_verify_names_damaged_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A flipped bit is found by the checksum, named, and told by the exit code; a broken file too."""
    asyncio.run(filled(tmp_path, 100))
    assert cli.main(["outbox", "verify", "--state", str(tmp_path)]) == 0
    path = tmp_path / "journal.db"
    data = bytearray(path.read_bytes())
    data[data.rindex(b'"count":77') + 9] ^= 1
    path.write_bytes(data)
    capsys.readouterr()
    assert cli.main(["outbox", "verify", "--state", str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith("event 1/0/78: its checksum is wrong\n1 rows are damaged")
    assert cli.main(["outbox", "export", "--state", str(tmp_path), "--out", os.devnull]) == 0
    assert "99 events" in capsys.readouterr().err
    page = data.rindex(b'"count":50') // 4096
    data[page * 4096 : (page + 1) * 4096] = bytes(4096)
    path.write_bytes(data)
    assert cli.main(["outbox", "verify", "--state", str(tmp_path)]) == 1


def test_without_a_journal_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a sentence, with exit code 2."""
    assert cli.main(["outbox", "status", "--state", str(tmp_path)]) == 2
    assert "there is no journal in" in capsys.readouterr().err
    (tmp_path / "journal.db").write_text("no database at all, only some text that lies where one should be, and long")
    assert cli.main(["outbox", "status", "--state", str(tmp_path)]) == 2
