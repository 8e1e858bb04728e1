"""Gateway, hub and broker as processes, killed at random under load: what was accepted is at the hub exactly once."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes.broker import Broker
from tests.fakes.gateway import SITE

ROOT = Path(__file__).parents[2]
DRAIN_S = 30.0
BETWEEN_FAULTS_S = 1.0
FAULTS = 9
LONG_FAULTS = 200


class Process:
    """A process that is killed and started again."""

    def __init__(self, *command: str) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        self._process = subprocess.Popen([sys.executable, *self._command], cwd=ROOT, stdout=subprocess.DEVNULL)

    def send(self, number: signal.Signals) -> None:
        """Signal it."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """`kill -9`, after half a second in which others still believe it is there."""
        if self._process is not None:
            self.send(signal.SIGSTOP)
            time.sleep(0.5)
            self._process.kill()
            self._process.wait()
            self._process = None

    def end(self, within_s: float) -> bool:
        """Ask it to end. False when it did not."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(within_s) == 0
        except subprocess.TimeoutExpired:
            return False


class Venue:
    """One gateway, one hub, one broker, and the ledger of what was accepted."""

    def __init__(self, directory: Path, *flags: str) -> None:
        self.broker = Broker(directory)
        self.database = directory / "hub.db"
        self.ledger = directory / "ledger"
        port = str(self.broker.port)
        self.gateway = Process("-m", "tests.fakes.gateway", str(directory / "gateway"), port, str(self.ledger), *flags)
        self.hub = Process("-m", "edgehub", "hub", "--site", SITE, "--port", port, "--db", str(self.database))

    def start(self) -> None:
        """Start everything."""
        for part in (self.broker, self.hub, self.gateway):
            part.start()

    def stop(self) -> None:
        """Kill whatever is left."""
        for part in (self.gateway, self.hub, self.broker):
            part.kill()

    def torment(self, faults: int, seed: int) -> None:
        """Kill something, again and again, and start it again at once."""
        chance = random.Random(seed)
        parts = [self.gateway, self.hub, self.broker]
        for number in range(faults):
            self.wait_for_load()
            time.sleep(chance.uniform(0.0, 1.0) * BETWEEN_FAULTS_S)
            part = parts[number % 3]
            part.kill()
            part.start()
        self.wait_for_load()

    def wait_for_load(self) -> None:
        """Wait until the gateway accepts events; on a busy machine a process takes a while to start."""
        before, deadline = len(self.accepted()), time.monotonic() + 20.0
        while len(self.accepted()) < before + 50:
            assert time.monotonic() < deadline, "the gateway accepts nothing"
            time.sleep(0.05)

    def accepted(self) -> list[int]:
        """What the gateway promised; the last line may be cut, and is then no promise."""
        lines = self.ledger.read_text().split("\n")[:-1] if self.ledger.exists() else []
        return [int(line) for line in lines]

    def applied(self) -> Counter[int]:
        """What the hub has, and how often."""
        with closing(sqlite3.connect(self.database)) as connection:
            rows = connection.execute("select json_extract(body, '$.count') from events").fetchall()
        return Counter(row[0] for row in rows)


@pytest.fixture
def venue(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Venue]:
    flags = getattr(request, "param", ())
    made = Venue(tmp_path, *flags)
    made.start()
    yield made
    made.stop()


def judge(venue: Venue) -> tuple[int, int, int]:
    """How many events were accepted, lost and doubled."""
    accepted, applied = venue.accepted(), venue.applied()
    lost = [number for number in accepted if number not in applied]
    doubled = [number for number, times in applied.items() if times > 1]
    return len(accepted), len(lost), len(doubled)


def test_nothing_is_lost_or_doubled_whatever_is_killed(venue: Venue) -> None:
    """Gateway, hub and broker are each killed three times; every accepted event is at the hub exactly once."""
    venue.torment(FAULTS, seed=7)
    assert venue.gateway.end(DRAIN_S), "the gateway did not get rid of its events"
    accepted, lost, doubled = judge(venue)
    assert accepted > 50 * FAULTS
    assert (lost, doubled) == (0, 0)


@pytest.mark.parametrize("venue", [("--forget-on-puback",)], indirect=True)
def test_a_gateway_that_trusts_the_broker_loses_events(venue: Venue) -> None:
    """The negative control: under fewer faults, forgetting on PUBACK loses events, and the judge sees it."""
    venue.torment(5, seed=7)
    venue.gateway.end(DRAIN_S)
    accepted, lost, _ = judge(venue)
    assert accepted > 250
    assert lost > 0


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_nothing_is_lost_or_doubled_over_many_kills(venue: Venue) -> None:
    """The same over 200 kills."""
    venue.torment(LONG_FAULTS, seed=11)
    assert venue.gateway.end(60.0)
    accepted, lost, doubled = judge(venue)
    print(f"{LONG_FAULTS} kills: {accepted} accepted, {lost} lost, {doubled} doubled")
    assert (lost, doubled) == (0, 0)
