"""The demo as a user runs it: real processes, real sockets, nothing lost and nothing left behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from edgehub.tools.asyncapi import TOPICS, payload
from tests.fakes.broker import Broker
from tests.fakes.witness import Heard, Witness, topic_of

DEMO = [sys.executable, "-m", "edgehub", "demo"]


def processes_with(word: str) -> list[str]:
    """Command lines of all processes that name this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if word in line and entry.name != str(os.getpid()):
            found.append(line)
    return found


class Demo:
    """`edgehub demo`, started, with what it says."""

    def __init__(self, state: Path, *options: str) -> None:
        self.log = state.parent / "said.txt"
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [*DEMO, "--state", str(state), *options], stdout=subprocess.PIPE, stderr=output, text=True
            )

    def said(self, pattern: str, within_s: float = 40) -> re.Match[str]:
        """Wait until it says this."""
        until = time.monotonic() + within_s
        while time.monotonic() < until and self.process.poll() is None:
            if found := re.search(pattern, self.log.read_text()):
                return found
            time.sleep(0.1)
        pytest.fail(f"it never said {pattern!r} but:\n{self.log.read_text()}")

    def end(self, within_s: float = 45) -> tuple[int, str]:
        """Wait for its end: exit code and standard output. Whatever takes longer is killed, and its children with it."""
        try:
            output, _ = self.process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        return self.process.returncode, output


@dataclass(frozen=True)
class Day:
    """A whole day of the demo at a broker of ours, and every message of it."""

    folder: Path
    code: int
    output: str
    heard: list[Heard]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Forty guests for two and a half minutes of the venue."""
    folder = tmp_path_factory.mktemp("day")
    with Broker(folder) as broker, Witness(broker.port) as witness:
        options = ("--headless", "--minutes", "2.5", "--speed", "10", "--broker", f"127.0.0.1:{broker.port}")
        code, output = Demo(folder / "d", *options).end(60)
    return Day(folder, code, output, witness.heard)


def test_a_headless_day_ends_with_one_line_of_json_and_nothing_lost(day: Day) -> None:
    """The guests are found, lit, and every event is at the hub once."""
    assert day.code == 0, (day.folder / "said.txt").read_text()
    [line] = day.output.splitlines()
    summary = json.loads(line)
    assert summary["guests"] == 40
    assert summary["visits"] >= 30
    assert summary["zone_accuracy"] > 0.75
    assert summary["lights_shown"] >= 10
    assert 0 <= summary["walking_in_to_light_median_s"] <= 3
    assert summary["advert_to_request_ms"]["p50"] < 1000
    events = summary["events"]
    assert events["accepted"] == events["acknowledged"] >= 80
    assert (events["lost"], events["doubled"], events["shed"]) == (0, 0, 0)
    assert processes_with(str(day.folder)) == []


def test_every_message_of_the_day_keeps_to_the_contract(day: Day) -> None:
    """Seven gateways and a hub: topic, schema, QoS and retain flag of each message are as published."""
    validators = {topic.name: Draft202012Validator(payload(topic.name)) for topic in TOPICS}
    seen: Counter[str] = Counter()
    for message in day.heard:
        topic = topic_of(message.topic)
        seen[topic.name] += 1
        validators[topic.name].validate(json.loads(message.payload))
        # A broker hands QoS 1 on as asked for; what was sent with less comes with less.
        assert (message.qos, message.retain) == (topic.qos, topic.retain), message.topic
    assert seen.keys() >= {"status", "events", "ask", "ack", "profiles", "levels", "hubStatus", "occupancy"}
    assert seen["events"] > 20


def test_ctrl_c_ends_the_demo_in_order(tmp_path: Path) -> None:
    """Guests and coloured rooms are on the page within seconds; Ctrl-C sums up and leaves no process behind."""
    demo = Demo(tmp_path / "d", "--people", "15", "--port", "0", "--speed", "3")
    url = demo.said(r"Watch them at http://localhost:(\d+)/")
    until = time.monotonic() + 20
    board: dict = {}
    while time.monotonic() < until:
        with urllib.request.urlopen(f"http://127.0.0.1:{url[1]}/api/board", timeout=5) as answer:
            board = json.load(answer)
        lit = [zone for zone in board["zones"] if zone["light"]["state"] == "people"]
        if lit and any(guest["zone"] for guest in board["people"]):
            break
        time.sleep(0.3)
    else:
        pytest.fail(f"nobody to be seen: {board}")
    assert all(zone["box"] for zone in board["zones"])
    assert {gateway["state"] for gateway in board["gateways"]} == {"online"}
    demo.process.send_signal(signal.SIGINT)
    code, output = demo.end()
    assert code == 0
    assert "0 lost, 0 doubled" in output
    assert processes_with(str(tmp_path)) == []


@pytest.mark.long
def test_a_gateway_that_dies_ends_the_demo_with_its_last_words(tmp_path: Path) -> None:
    """The demo names the process that died and shows the end of its log; the others are stopped."""
    demo = Demo(tmp_path / "d", "--people", "5", "--port", "0")
    demo.said("Doors are open")
    [command] = [line for line in processes_with(str(tmp_path)) if "pi-bacon/config" in line]
    pid = next(
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode() == command
    )
    os.kill(pid, signal.SIGKILL)
    code, _ = demo.end()
    assert code == 1
    assert "pi-bacon ended by itself" in (tmp_path / "said.txt").read_text()
    assert processes_with(str(tmp_path)) == []


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_crowd_of_four_hundred(tmp_path: Path) -> None:
    """Four hundred guests, twice as fast as life: nothing lost."""
    code, output = Demo(tmp_path / "d", "--people", "400", "--headless", "--minutes", "2", "--speed", "2").end(200)
    assert code == 0, output
    assert json.loads(output)["events"]["lost"] == 0


def test_mistakes_are_said_before_anything_starts(tmp_path: Path) -> None:
    """Wrong options and a broker that is not there end at once, with what to write instead."""
    done = subprocess.run([*DEMO, "--headless"], capture_output=True, text=True, check=False)
    assert (done.returncode, "--minutes" in done.stderr) == (2, True)
    done = subprocess.run([*DEMO, "--broker", "nowhere"], capture_output=True, text=True, check=False)
    assert (done.returncode, "127.0.0.1:1883" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--port", "99999"], "'99999' is not a port, from 0 to 65535"),
        (["--people", "many"], "'many' is not a whole number from 1 to 5000"),
        (["--speed", "nan"], "'nan' is not a number from 0.1 to 100"),
        (["--minutes", "0"], "'0' is not a number of minutes, more than 0"),
        (["--state", "/dev/null"], "--state /dev/null cannot be used (File exists)"),
        (["--state", "/proc/nosuch"], "--state /proc/nosuch cannot be used (No such file or directory)"),
    ],
)
def test_what_cannot_be_is_said_before_anything_starts(options: list[str], why: str) -> None:
    """One clear sentence and exit code 2."""
    done = subprocess.run([*DEMO, *options], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_said_before_anything_starts() -> None:
    """No doors open beside somebody else's page."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([*DEMO, "--port", str(port)], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        f"edgehub demo: port {port} is in use; leave out --port, or name another\n",
    )
