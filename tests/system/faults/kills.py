"""R1, R2: processes are killed at random moments; what was accepted is at the hub exactly once."""

import random
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

from tests.fakes.broker import Broker
from tests.system.faults.rig import DRAIN_S, Part, Rig
from tests.system.faults.verdict import Finding, Verdict

BETWEEN_S = (0.05, 0.6)
"""A process takes 0.4 s to start: some are killed while they do. Every second kill waits until events flow again."""
LEAST_LOAD = 2
"""Events accepted per fault; with fewer the judge saw nothing."""
HUB_STARTS_S = 5.0
"""What a hub that was just started has not taken by then is lost; on a busy machine its start alone takes two."""
MOST_TRIES = 20
"""Kills after which a control that shows nothing has failed to fail."""
PASSES = f"LOST 0, DUP 0, CORRUPT 0, live again, drained ≤ {DRAIN_S:.0f} s"


def torment(rig: Rig, faults: int, chance: random.Random, victims: Callable[[Rig], list[Part | Broker]]) -> None:
    """Kill one of these, again and again, and start it again at once."""
    began = monotonic()
    for number in range(faults):
        if number % 2:
            rig.wait_for_events()
        sleep(chance.uniform(*BETWEEN_S))
        rig.strike(chance.choice(victims(rig)), chance)
        if number % 100 == 99:
            print(f"{number + 1} kills in {monotonic() - began:.0f} s: {rig.verdict()}", file=sys.stderr, flush=True)


def _finding(row: str, name: str, faults: int, verdict: Verdict, drained_s: float) -> Finding:
    ok = verdict.clean and verdict.accepted >= LEAST_LOAD * faults
    return Finding(row, name, faults, f"{verdict}; drained in {drained_s:.1f} s", PASSES, ok)


def everybody(rig: Rig) -> list[Part | Broker]:
    """Whom R1 kills."""
    return [rig.gateway, rig.hub, rig.broker]


def random_kills(directory: Path, faults: int, seed: int = 1) -> Finding:
    """R1: gateway, hub and broker are killed at random."""
    with Rig(directory / "kills") as rig:
        rig.start()
        torment(rig, faults, random.Random(seed), everybody)
        return _finding("R1", "kill -9 of gateway, hub or broker", faults, *rig.settle())


def broker_amnesia(directory: Path, faults: int, seed: int = 2) -> Finding:
    """R2: the broker is killed, and whatever it knew is gone: sessions, queues, retained messages."""
    with Rig(directory / "amnesia") as rig:
        rig.start()
        torment(rig, faults, random.Random(seed), lambda rig: [rig.broker])
        return _finding("R2", "broker killed, its state deleted", faults, *rig.settle())


def delete_on_puback(directory: Path, seed: int = 3) -> Finding:
    """The control of R1 to R3: a gateway that takes the broker's word for delivery must lose events."""
    name = "control: rows deleted on PUBACK"
    with Rig(directory / "puback", gateway_as="delete-on-puback") as rig:
        rig.start()
        chance = random.Random(seed)
        faults = _until_seen(
            lambda: bool(rig.settle(within_s=HUB_STARTS_S)[0].lost), rig, chance, [rig.hub, rig.broker]
        )
        verdict, _ = rig.settle(within_s=3.0)
        return Finding("R1-", name, faults, str(verdict), "LOST ≥ 1", verdict.lost > 0)


def no_dedupe(directory: Path, seed: int = 4) -> Finding:
    """The control for DUP: a hub that takes whatever comes as new must apply an event twice."""
    name = "control: hub without dedupe"
    with Rig(directory / "dedupe", hub_as="no-dedupe") as rig:
        rig.start()
        rig.record.drop_key()
        faults = _until_seen(lambda: bool(rig.verdict().dup), rig, random.Random(seed), [rig.gateway, rig.broker])
        verdict = rig.verdict()
        return Finding("R1-", name, faults, str(verdict), "DUP ≥ 1", verdict.dup > 0)


def _until_seen(seen: Callable[[], bool], rig: Rig, chance: random.Random, victims: list[Part | Broker]) -> int:
    """Kill until it shows, or often enough; how often that was."""
    for number in range(1, MOST_TRIES + 1):
        sleep(chance.uniform(*BETWEEN_S))
        rig.strike(chance.choice(victims), chance)
        rig.wait_for_events()
        if seen():
            return number
    return MOST_TRIES
