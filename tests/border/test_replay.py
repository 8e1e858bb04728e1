"""Calibrate and replay as a person runs them: real files in, real files out."""

import gzip
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgehub.cli import main

FLAT = Path(__file__).parents[1] / "data" / "streams" / "flat"
ZONES = {
    "version": 1,
    "zones": {
        "bar": {"name": "Bar", "heard_by": ["pi-bar"]},
        "hall": {"name": "Hall", "heard_by": ["pi-hall"]},
        "yard": {"name": "Yard"},
    },
}
LEVELS = {"bar": (-60, -85), "hall": (-85, -60), "yard": (-78, -78)}


def sightings(plan, beacon="7", hz=1.0):
    """A recording of somebody who follows a plan [(zone, seconds)…]; levels wobble by 4 dB."""
    t = 0.0
    for zone, seconds in plan:
        for k in range(int(seconds * hz)):
            for receiver, level in zip(("pi-bar", "pi-hall"), LEVELS[zone], strict=True):
                wobble = (k * 7 + len(receiver)) % 9 - 4
                yield {"t": round(t, 3), "receiver": receiver, "beacon": beacon, "rssi": level + wobble}
            t += 1.0 / hz


@pytest.fixture
def place(tmp_path):
    """A folder with zones, a labelled walk, and an evening to replay."""
    (tmp_path / "zones.yaml").write_text(json.dumps(ZONES))
    walk = [("bar", 60), ("hall", 60), ("yard", 60)]
    write(tmp_path / "walk.jsonl", sightings(walk, "w"))
    labels = [{"beacon": "w", "zone": z, "t_in": 60 * k, "t_out": 60 * k + 60} for k, (z, _) in enumerate(walk)]
    (tmp_path / "walks.json").write_text(json.dumps(labels))
    with gzip.open(tmp_path / "evening.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in sightings([("bar", 120), ("yard", 90), ("hall", 120)]))
    return tmp_path


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def calibrate(place, *more, out="learned.yaml"):
    files = ["--recording", f"{place}/walk.jsonl", "--walks", f"{place}/walks.json", "--zones", f"{place}/zones.yaml"]
    return main(["calibrate", *files, "--out", f"{place}/{out}", *more])


def replay(place, *more, recording="evening.jsonl.gz", out="out.jsonl"):
    """Run the command; the lines it wrote."""
    words = ["replay", f"{place}/{recording}", "--zones", f"{place}/zones.yaml", "--out", f"{place}/{out}", *more]
    assert main(words) == 0
    return [json.loads(line) for line in (place / out).read_text().splitlines()]


def stays(lines):
    return [(line["zone"], line["t_in"], line["t_out"]) for line in lines if "t_in" in line]


def test_calibrate_then_replay_finds_every_zone(place, capsys):
    """One walk of a minute a zone, and a zone without a receiver is found; stays are right within 3 s."""
    assert calibrate(place) == 0
    said = capsys.readouterr().out
    assert "Yard: 60 readings" in said or "Yard: 59 readings" in said
    assert "100 of 100 readings tell Bar from Hall" in said
    lines = replay(place, "--learned", f"{place}/learned.yaml")
    assert [line["zone"] for line in lines if "t_in" not in line] == ["bar", "yard", "hall", None]
    wanted = [("bar", 0, 120), ("yard", 120, 210), ("hall", 210, 330)]
    for (zone, t_in, t_out), (true_zone, begin, end) in zip(stays(lines), wanted, strict=True):
        assert zone == true_zone
        assert t_in == pytest.approx(begin, abs=3)
        assert t_out == pytest.approx(end, abs=3)


def test_live_lines_come_before_stays_and_in_time_order(place):
    """What was known when, first; what is known now, after."""
    lines = replay(place)
    kinds = ["t_in" in line for line in lines]
    assert kinds == sorted(kinds)
    times = [line["t"] for line in lines if "t" in line]
    assert times == sorted(times)


def test_the_same_replay_twice_gives_the_same_bytes(place):
    """Nothing random, no clock, no order of a set."""
    replay(place, "--distance")
    first = (place / "out.jsonl").read_bytes()
    replay(place, "--distance")
    assert (place / "out.jsonl").read_bytes() == first


def test_calibration_goes_on_from_earlier_walks(place):
    """--learned adds to what was learned; nothing is lost."""
    assert calibrate(place) == 0
    assert calibrate(place, "--learned", f"{place}/learned.yaml", out="more.yaml") == 0
    once, twice = (main_readings(place / name) for name in ("learned.yaml", "more.yaml"))
    assert twice == {zone: 2 * count for zone, count in once.items()}


def main_readings(path):
    from edgehub.config import load_learned

    return {place["zone"]: place["readings"] for place in load_learned(path).survey["places"]}


def test_zones_that_sound_alike_are_named(place, capsys):
    """Two zones nobody can tell apart are said to be so, and what to do about it."""
    zones = {"version": 1, "zones": {"bar": {"name": "Bar", "heard_by": ["pi-bar"]}, "coffee": {"name": "Coffee"}}}
    (place / "zones.yaml").write_text(json.dumps(zones))
    write(place / "walk.jsonl", sightings([("bar", 120)], "w"))
    labels = [{"beacon": "w", "zone": z, "t_in": 60 * k, "t_out": 60 * k + 60} for k, z in enumerate(("bar", "coffee"))]
    (place / "walks.json").write_text(json.dumps(labels))
    assert calibrate(place) == 0
    said = capsys.readouterr().out
    assert "readings tell Bar from Coffee" in said
    assert "cannot tell them apart" in said


def test_a_dead_receiver_is_left_out_and_known_to_be(place):
    """--down drops its lines from T0 to T1 and tells presence: the stay goes on."""
    assert calibrate(place) == 0
    lines = replay(place, "--learned", f"{place}/learned.yaml", "--down", "pi-hall@220-330")
    assert stays(lines)[-1][0] == "hall"
    assert stays(lines)[-1][2] > 325
    assert replay(place, "--down", "pi-hall", "--down", "pi-bar") == []


def test_distances_come_with_an_interval(place):
    """Every distance lies in its interval, and each receiver has at most one a second."""
    lines = [line for line in replay(place, "--distance") if "d" in line]
    assert lines
    assert all(line["low"] <= line["d"] <= line["high"] for line in lines)
    seconds = [(line["beacon"], line["receiver"], int(line["t"])) for line in lines]
    assert len(seconds) == len(set(seconds))


def test_several_recordings_are_one_evening(place):
    """Files are merged on one clock: two guests, two sets of stays."""
    write(place / "other.jsonl", sightings([("hall", 60)], "8"))
    words = [f"{place}/evening.jsonl.gz", f"{place}/other.jsonl", "--zones", f"{place}/zones.yaml"]
    assert main(["replay", *words, "--out", f"{place}/out.jsonl"]) == 0
    lines = [json.loads(line) for line in (place / "out.jsonl").read_text().splitlines()]
    assert {line["beacon"] for line in lines} == {"7", "8"}


def test_an_hour_replays_in_seconds(place):
    """A real recording of a flat, six receivers, is replayed 100 times faster than life, and rooms are found."""
    truth = json.loads((FLAT / "robot1.truth.json").read_text())
    by_zone = {zone: {"name": zone, "heard_by": []} for zone in truth["zones"]}
    for name, receiver in truth["receivers"].items():
        by_zone[receiver["zone"]]["heard_by"].append(name)
    (place / "zones.yaml").write_text(json.dumps({"version": 1, "zones": by_zone}))
    words = ["replay", f"{FLAT}/robot1.obs.jsonl.gz", "--zones", f"{place}/zones.yaml", "--out", f"{place}/out.jsonl"]
    start = time.process_time()
    assert main(words) == 0
    assert time.process_time() - start < 571 / 100
    found = stays([json.loads(line) for line in (place / "out.jsonl").read_text().splitlines()])
    assert {"livingroom", "east"} <= {zone for zone, *_ in found}


BROKEN = [
    ("evening.jsonl", '{"t": 1, "receiver": "pi-bar"}\n', "evening.jsonl:1: not an observation"),
    ("evening.jsonl", "{'t': 1}\n", "Every line must be JSON like"),
    ("evening.jsonl.gz", "plain text", "rename it to end in .jsonl"),
]


@pytest.mark.parametrize(("name", "text", "message"), BROKEN)
def test_a_broken_recording_is_explained(place, capsys, name, text, message):
    """File, line, and what a line looks like; exit code 2."""
    (place / name).write_text(text)
    words = ["replay", f"{place}/{name}", "--zones", f"{place}/zones.yaml", "--out", f"{place}/out.jsonl"]
    assert main(words) == 2
    assert message in capsys.readouterr().err


def test_a_missing_recording_or_survey_is_explained(place, capsys):
    """What is missing is named, with what to do about it."""
    words = ["--zones", f"{place}/zones.yaml", "--out", f"{place}/out.jsonl"]
    assert main(["replay", f"{place}/nothing.jsonl", *words]) == 2
    assert "nothing.jsonl: No such file" in capsys.readouterr().err
    assert main(["replay", f"{place}/evening.jsonl.gz", "--learned", f"{place}/nothing.yaml", *words]) == 2
    assert "make one with `edgehub calibrate`" in capsys.readouterr().err


WRONG_WALKS = [
    ([{"beacon": "w", "zone": "attic", "t_in": 0, "t_out": 60}], "which the zones file does not have"),
    ([{"beacon": "w", "zone": "bar", "t_in": 60, "t_out": 0}], "before it begins"),
    ([{"beacon": "w", "t_in": 0, "t_out": 60}], "walk 1 (KeyError"),
    ([{"beacon": "nobody", "zone": "bar", "t_in": 0, "t_out": 60}], "no packet of any walk"),
    ({"beacon": "w"}, "a list of walks is needed"),
]


@pytest.mark.parametrize(("walks", "message"), WRONG_WALKS)
def test_wrong_walks_are_explained(place, capsys, walks, message):
    """A label that cannot be used stops the calibration before anything is written."""
    (place / "walks.json").write_text(json.dumps(walks))
    assert calibrate(place) == 2
    assert message in capsys.readouterr().err
    assert not (place / "learned.yaml").exists()


def test_a_walk_without_packets_is_a_warning(place, capsys):
    """One bad label among good ones teaches nothing, and is said so."""
    labels = json.loads((place / "walks.json").read_text())
    labels.append({"beacon": "x", "zone": "bar", "t_in": 0, "t_out": 10})
    (place / "walks.json").write_text(json.dumps(labels))
    assert calibrate(place) == 0
    assert "walk 4 (x, bar, 0 to 10 s) has no packets" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["pi-hall@", "pi-hall@5", "pi-hall@9-5", "@1-2"])
def test_a_wrong_outage_is_refused(place, capsys, text):
    """RECEIVER@T0-T1 is checked before anything is read."""
    with pytest.raises(SystemExit) as stop:
        replay(place, "--down", text)
    assert stop.value.code == 2
    assert "RECEIVER@T0-T1" in capsys.readouterr().err


def test_an_input_is_never_overwritten(place, capsys):
    """--out that is the recording, the zones or the labels, by whatever name, is refused and left as it was."""
    (place / "link.gz").symlink_to(place / "evening.jsonl.gz")
    before = (place / "evening.jsonl.gz").read_bytes()
    words = ["replay", f"{place}/evening.jsonl.gz", "--zones", f"{place}/zones.yaml", "--out"]
    for out in ("evening.jsonl.gz", "link.gz", "zones.yaml"):
        assert main([*words, f"{place}/{out}"]) == 2
        assert "would be lost; name another file" in capsys.readouterr().err
    assert (place / "evening.jsonl.gz").read_bytes() == before
    assert calibrate(place, out="walks.json") == 2
    assert json.loads((place / "walks.json").read_text())


def test_a_replay_that_fails_leaves_the_earlier_output(place, capsys):
    """Half of a file never takes the place of a whole one, and nothing else is left behind."""
    replay(place)
    before, names = (place / "out.jsonl").read_bytes(), sorted(place.iterdir())
    words = ["--zones", f"{place}/zones.yaml", "--out", f"{place}/out.jsonl"]
    packed = (place / "evening.jsonl.gz").read_bytes()
    (place / "evening.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    assert main(["replay", f"{place}/evening.jsonl.gz", *words]) == 2
    assert "cut short or damaged" in capsys.readouterr().err
    assert (place / "out.jsonl").read_bytes() == before
    assert sorted(place.iterdir()) == names


BAD_LINES = [
    ('{"t": 5, "receiver": "pi-bar", "beacon": "7", "rssi": NaN}', "NaN is no number"),
    ('{"t": 5, "receiver": "pi-bar", "beacon": "7", "rssi": -Infinity}', "-Infinity is no number"),
    ('{"t": 1e999, "receiver": "pi-bar", "beacon": "7", "rssi": -70}', "t is Infinity, not a number"),
    (
        '{"t": 5, "receiver": "pi-bar", "beacon": "7", "rssi": -7000}',
        "rssi is -7000, and a packet has from -128 to 127 dBm",
    ),
    ('{"t": 5, "receiver": "pi-bar", "beacon": 7, "rssi": -70}', "beacon is 7, not a text"),
    ('{"t": 5, "receiver": null, "beacon": "7", "rssi": -70}', "receiver is null, not a text"),
    ('{"t": "5", "receiver": "pi-bar", "beacon": "7", "rssi": -70}', 't is "5", not a number'),
    ('{"t": 5, "receiver": "pi-bar", "beacon": "7"}', "it has no rssi"),
    ("[1, 2]", "not an object"),
    ('{"t": 5, "rece', "not JSON"),
]


@pytest.mark.parametrize(("line", "reason"), BAD_LINES)
def test_a_bad_line_costs_that_line_alone(place, capsys, line, reason):
    """It is named by file and line and skipped; the output is that of the recording without it."""
    rows = [json.dumps(row) for row in sightings([("bar", 60), ("hall", 60)])]
    (place / "good.jsonl").write_text("\n".join(rows) + "\n")
    wanted = replay(place, recording="good.jsonl")
    assert capsys.readouterr().err == ""
    (place / "bad.jsonl").write_text("\n".join([*rows[:10], line, *rows[10:]]) + "\n")

    assert replay(place, recording="bad.jsonl") == wanted

    said = capsys.readouterr().err
    assert f"{place}/bad.jsonl:11: not an observation ({reason}" in said
    assert "skipped 1 bad line(s)" in said


def test_lines_in_no_order_are_sorted(place, capsys):
    """The second hour before the first gives the same output, with one warning."""
    rows = list(sightings([("bar", 60), ("hall", 60)]))
    write(place / "good.jsonl", rows)
    write(place / "turned.jsonl", [*rows[120:], *rows[:120]])

    assert replay(place, recording="turned.jsonl") == replay(place, recording="good.jsonl") != []

    said = capsys.readouterr().err
    assert said.count("warning") == 1
    assert "turned.jsonl: past line 0 a line is 119 s earlier than one before it; everything is sorted by time" in said


def test_a_receiver_nobody_knows_cannot_be_down(place, capsys):
    """It is a slip of the pen: the receivers there are are named, and nothing is written."""
    words = ["replay", f"{place}/evening.jsonl.gz", "--zones", f"{place}/zones.yaml", "--out", f"{place}/out.jsonl"]
    assert main([*words, "--down", "nosuch"]) == 2
    assert "no such receiver; there are: pi-bar, pi-hall" in capsys.readouterr().err
    assert not (place / "out.jsonl").exists()


@pytest.mark.parametrize("outage", ["pi-bar@nan-nan", "pi-bar@5-5", "pi-bar@-", "@1-2"])
def test_an_outage_needs_two_times(place, capsys, outage):
    """Anything else is bad usage, with an example."""
    with pytest.raises(SystemExit):
        replay(place, "--down", outage)
    assert "like pi-bar@600-1200" in capsys.readouterr().err


def test_the_output_may_be_a_pipe_or_a_link(place):
    """/dev/stdout is written straight through; a link goes on pointing to its file."""
    replay(place)
    words = ["replay", f"{place}/evening.jsonl.gz", "--zones", f"{place}/zones.yaml", "--out", "/dev/stdout"]
    done = subprocess.run([sys.executable, "-m", "edgehub", *words], capture_output=True, timeout=30, check=True)
    assert done.stdout == (place / "out.jsonl").read_bytes()
    (place / "link.jsonl").symlink_to(place / "real.jsonl")
    replay(place, out="link.jsonl")
    assert (place / "link.jsonl").is_symlink()
    assert (place / "real.jsonl").read_bytes() == done.stdout


def test_a_folder_that_is_not_there_is_named(place, capsys):
    """With the name that was asked for; exit code 2."""
    words = ["replay", f"{place}/evening.jsonl.gz", "--zones", f"{place}/zones.yaml", "--out", f"{place}/no/out.jsonl"]
    assert main(words) == 2
    assert f"'{place}/no/out.jsonl'" in capsys.readouterr().err
