"""R3: a PUBACK is never taken for delivery: brokers that acknowledge and do not deliver."""

import json
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.system.faults.kills import torment
from tests.system.faults.line import HUB, STATUS, Line
from tests.system.faults.rig import Rig, until
from tests.system.faults.verdict import Finding

TOLD_WITHIN_S = 10.0
SILENCE_S = 13.0
"""MQTT 3.1.1 has no reasons: ten seconds of silence are the only sign (wire.md), and it takes a moment to be told."""
PASSES = "rows deleted without the hub's ack: 0; LOST 0; reason told ≤ 10 s"


@dataclass(frozen=True)
class _Case:
    name: str
    run: Callable[[Path], tuple[bool, str]]


def puback_is_not_delivery(directory: Path) -> list[Finding]:
    """R3: a queue of one, an ACL that denies, nobody who listens, and a listener without reason codes."""
    with ThreadPoolExecutor(len(CASES)) as pool:
        results = list(pool.map(lambda case: case.run(directory / case.name.replace(" ", "-")), CASES))
    return [
        Finding("R3", f"PUBACK is no delivery: {case.name}", 1, value, PASSES, ok)
        for case, (ok, value) in zip(CASES, results, strict=True)
    ]


def _queue_of_one(directory: Path) -> tuple[bool, str]:
    lines = ("max_queued_messages 1", "max_inflight_messages 1")
    with Rig(directory, guests=20, broker_lines=lines) as rig:
        rig.start()
        for _ in range(2):
            rig.hub.freeze()
            rig.wait_for_events(20)
            rig.hub.thaw()
            torment(rig, 1, random.Random(5), lambda rig: [rig.hub])
        verdict, _ = rig.settle()
        return verdict.clean, str(verdict)


def _denied(directory: Path, protocol: str, words: str, within_s: float) -> tuple[bool, str]:
    acl = directory.with_suffix(".acl")
    acl.parent.mkdir(parents=True, exist_ok=True)
    topics = ("+/+/status", "+/zones/+", "+/+/down/#", "+/+/up/ask", "+/+/peers/levels")
    acl.write_text("".join(f"topic readwrite edgehub/v1/{topic}\n" for topic in topics))
    with Rig(directory, guests=20, broker_lines=[f"acl_file {acl}"], protocol=protocol) as rig:
        rig.start()
        with Line(rig.broker.port, STATUS) as line:
            return _kept(rig, line.wait_for_why(words, within_s))


def _nobody_listens(directory: Path) -> tuple[bool, str]:
    with Rig(directory, guests=20) as rig:
        rig.start()
        with Line(rig.broker.port, STATUS, HUB) as line:
            rig.hub.kill()
            until(lambda: b"offline" in b"".join(line.heard[HUB]), "the hub's will is read out")
            line.say(HUB, json.dumps({"state": "online", "generation": "f" * 16}).encode(), retain=True)
            return _kept(rig, line.wait_for_why("no hub", TOLD_WITHIN_S))


def _kept(rig: Rig, told_s: float | None) -> tuple[bool, str]:
    """Everything accepted still waits, and the reason was told."""
    time.sleep(1.0)  # what was sent last has its PUBACK by now, or never
    rig.gateway.kill()
    rig.accepted.look()
    applied, _ = rig.record.applied()
    deleted = max(0, len(rig.accepted.identities()) - rig.accepted.waiting() - len(applied))
    told = "never told why" if told_s is None else f"told why after {told_s:.1f} s"
    return deleted == 0 and told_s is not None, f"{deleted} of {len(rig.accepted.hashes)} rows deleted, {told}"


def _without_reasons(directory: Path) -> tuple[bool, str]:
    return _denied(directory, "3.1.1", "acknowledged nothing", SILENCE_S)


CASES: Sequence[_Case] = (
    _Case("queue of one", _queue_of_one),
    _Case("ACL denies", lambda directory: _denied(directory, "5", "not authorised", TOLD_WITHIN_S)),
    _Case("nobody listens", _nobody_listens),
    _Case("ACL denies, MQTT 3.1.1", _without_reasons),
)
