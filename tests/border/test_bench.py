"""`scripts/bench` as whoever measures meets it, and the table that judges."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHES = ROOT / "scripts" / "benches"


def run(*words):
    """Run a command at the root."""
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def judge(tmp_path, *verdicts):
    """The table of rows with these verdicts: what it prints, its exit code, and the file it writes."""
    code = (
        "import sys; from table import Row, report; "
        f"sys.exit(report([Row(f'SPD{{n}}', 'figure', 1.5, 'ms', '≤ 2', ok=ok) for n, ok in enumerate({verdicts})], sys.argv[1]))"
    )
    file = tmp_path / "rows.json"
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], cwd=BENCHES, capture_output=True, text=True, timeout=30, check=False
    )
    return done, json.loads(file.read_text())


def test_alone_it_lists_the_benches():
    """Each with the first line of its docstring."""
    done = run("scripts/bench")
    assert done.returncode == 0
    assert "  speed      How fast: SPD1 to SPD11" in done.stdout
    assert "  accuracy   " in done.stdout


def test_an_unknown_bench_is_bad_usage():
    """Exit code 2, and the list."""
    done = run("scripts/bench", "taste")
    assert done.returncode == 2
    assert "no bench called 'taste'" in done.stderr
    assert "  speed " in done.stderr


def test_a_figure_below_its_floor_is_a_failure(tmp_path):
    """Exit code 1 when any row misses, 0 when none does; rows without a verdict decide nothing."""
    done, document = judge(tmp_path, True, None, False)
    assert done.returncode == 1
    assert "3 rows, 1 below their floor: SPD2" in done.stdout
    assert document["rows"][2] == {
        "id": "SPD2", "name": "figure", "value": 1.5, "unit": "ms", "floor": "≤ 2", "peer": "", "ratio": None, "ok": False,
    }  # fmt: skip
    assert judge(tmp_path, True, None)[0].returncode == 0


def test_an_unknown_figure_is_bad_usage():
    """The message names those there are."""
    done = run(sys.executable, "scripts/benches/speed.py", "--only", "SPD12")
    assert done.returncode == 2
    assert "there is no SPD12; there are SPD1, SPD2, SPD3" in done.stderr


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_hot_path_keeps_its_floor_beside_habluetooth(tmp_path):
    """SPD2 for levels: at least 1.2 times as fast, in the same run. Installs the peers, so it needs a package index."""
    file = tmp_path / "rows.json"
    run_ = subprocess.run(
        [sys.executable, "scripts/benches/speed.py", "--only", "SPD2", "--rounds", "3", "--json", str(file)],
        cwd=ROOT, capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    rows = [row for row in json.loads(file.read_text())["rows"] if row["name"].startswith("advert → level")]
    assert len(rows) == 2, run_.stderr
    assert all(row["ok"] for row in rows), rows
