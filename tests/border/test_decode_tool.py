"""`edgehub decode` as a process: in a pipe, and for a person."""

import json
import subprocess
import sys

from tests.core.packets import FIXTURES, agrees

EDGEHUB = [sys.executable, "-m", "edgehub", "decode"]
PACKETS = [{key: fixture[key] for key in ("kind", "company_id", "service_uuid", "hex")} for fixture in FIXTURES]


def decode(*words, stdin=""):
    """Run the command to its end."""
    return subprocess.run([*EDGEHUB, *words], input=stdin, capture_output=True, text=True, timeout=30, check=False)


def test_one_line_in_is_one_line_out(tmp_path):
    """All fixtures, from stdin and from a file; the exit code is 0."""
    lines = "\n".join(json.dumps(packet) for packet in PACKETS) + "\n"
    (tmp_path / "packets.jsonl").write_text(lines)
    for done in (decode("--jsonl", stdin=lines), decode("--jsonl", str(tmp_path / "packets.jsonl"))):
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert all(agrees(got, fixture["expect"]) for got, fixture in zip(answers, FIXTURES, strict=True))
        assert (done.returncode, done.stderr) == (0, "")


def test_a_broken_line_is_null_and_the_next_one_is_read():
    """Bad JSON, bad hex, a wrong kind: each a null in its place, a message with the line's number, exit code 1."""
    good = json.dumps(PACKETS[0])
    broken = ['{"kind"', '{"kind": "advert", "hex": "0g"}', "7", '{"kind": "x", "hex": ""}', "", "\udcff"]
    stdin = "\n".join([good, *broken, good]).encode("utf-8", "surrogateescape")
    done = subprocess.run([*EDGEHUB, "--jsonl"], input=stdin, capture_output=True, timeout=30, check=False)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers == [answers[0], *[None] * len(broken), answers[0]]
    assert answers[0]["format"] == "ibeacon"
    messages = done.stderr.decode().splitlines()
    assert [message.split(": ")[0] for message in messages] == [f"stdin:{line}" for line in range(2, 8)]
    assert done.returncode == 1


def test_a_company_is_not_a_uuid():
    """The numbers of one space under the kind of the other are ignored."""
    packets = [
        {"kind": "manufacturer", "company_id": 0xFEAA, "service_uuid": None, "hex": "30e34549445f74657374"},
        {"kind": "service", "company_id": None, "service_uuid": "004c", "hex": PACKETS[0]["hex"]},
        {"kind": "service", "company_id": None, "service_uuid": "FEAA", "hex": "30e34549445f74657374"},
    ]
    done = decode("--jsonl", stdin="\n".join(map(json.dumps, packets)))
    assert [json.loads(line) is not None for line in done.stdout.splitlines()] == [False, False, True]


def test_an_answer_comes_before_the_next_question():
    """A program may write one line and wait for its answer."""
    with subprocess.Popen([*EDGEHUB, "--jsonl"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        for packet, fixture in zip(PACKETS[:3], FIXTURES[:3], strict=True):
            process.stdin.write(json.dumps(packet) + "\n")
            process.stdin.flush()
            assert agrees(json.loads(process.stdout.readline()), fixture["expect"])
        process.stdin.close()
        assert process.wait(timeout=10) == 0


def test_a_person_reads_a_packet_however_it_was_copied():
    """A whole advert, with blanks or colons, a named structure, or a structure with its company id in front."""
    data = "0215b9407f30f5f8466eaff925556b57fe6ded4e8931b6"
    advert = "0201061aff4c00" + data
    spaced = " ".join(advert[i : i + 2] for i in range(0, len(advert), 2))
    ways = [[advert], [spaced], spaced.split(), [spaced.replace(" ", ":").upper()], ["--company", "0x4c", data]]
    for words in [*ways, ["--company", "76", data], ["4c00" + data]]:
        done = decode(*words)
        assert "b9407f30-f5f8-466e-aff9-25556b57fe6d" in done.stdout
        assert "60750" in done.stdout
        assert done.returncode == 0
    assert "-4.5" in decode("--service", "feaa", "20000bb8fb800000000100000001").stdout


def test_a_person_is_told_when_nothing_is_in_it():
    """Other traffic, a broken frame, no hex, no words at all: each with its own sentence and exit code."""
    nothing, broken = decode("0201060303aafe"), decode("--service", "feaa", "2000")
    assert (nothing.returncode, broken.returncode) == (1, 1)
    assert "Nothing known" in nothing.stdout
    assert "eddystone" in broken.stdout
    assert "not hexadecimal" in decode("xyz").stderr
    assert [decode(*words).returncode for words in (["xyz"], [], ["--jsonl", "/no/such/file"])] == [2, 2, 2]


def test_a_company_has_a_number():
    """Anything else is bad usage, said in words."""
    for wrong in ("apple", "-1", "65536"):
        done = decode(f"--company={wrong}", "00")
        assert done.returncode == 2
        assert f"'{wrong}' is not the id of a company, like 0x004c" in done.stderr
