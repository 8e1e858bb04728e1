"""Workers side by side: every round runs each of them, and only figures of the same round are compared."""

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import NamedTuple, Self

WORKER = str(Path(__file__).with_name("speed_worker.py"))


class Subject(NamedTuple):
    """What a worker measures, how many adverts a round of it takes, and how much of the venue's time passes before."""

    name: str
    badges: int
    adverts: int
    zones: int = 7
    python: str = sys.executable
    warm_s: float = 0.0


class Worker:
    """A process that measures one subject, round after round."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        words = [subject.python, WORKER, subject.name, str(subject.badges), str(subject.zones)]
        words.append(str(subject.warm_s))
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def round(self) -> float:
        """CPU of one round, µs per advert."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(self.subject.adverts, file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        return 1e6 * answer["cpu_s"] / answer["adverts"]


Rounds = Mapping[str, list[float]]
"""Figure → µs per advert, round by round."""


def paired(subjects: Mapping[str, Subject], rounds: int) -> Rounds:
    """Measure all subjects, one after another within each round; a first round warms up and does not count."""
    with ExitStack() as stack:
        workers = {name: stack.enter_context(Worker(subject)) for name, subject in subjects.items()}
        table = [{name: worker.round() for name, worker in workers.items()} for _ in range(rounds + 1)][1:]
    return {name: [line[name] for line in table] for name in subjects}


def ratio(rounds: Rounds, peer: str, ours: str) -> float:
    """How many times as much the peer costs: the median of the rounds' ratios."""
    return median(theirs / own for theirs, own in zip(rounds[peer], rounds[ours], strict=True))
