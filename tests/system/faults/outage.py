"""R8, R9: a day without a hub. It is kept while there is room, given up in order when there is not, and drains fast."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgehub.core.wire.events import SHEDDING_ORDER
from edgehub.gateway.store import DEFAULT_QUOTA_BYTES
from tests.fakes.backlog import fill
from tests.system.faults.evidence import APPLIED_COUNT, Accepted, Identity
from tests.system.faults.line import ACK, Line
from tests.system.faults.rig import DRAIN_S, Rig, until
from tests.system.faults.verdict import Finding, judge

LEAST_PER_S = 500
LIVE_WITHIN_S = 5.0
SMALL_QUOTA = 2**19
"""Far less than a twentieth of what R9 writes down takes."""


@contextmanager
def after_outage(directory: Path, rows: int, quota_bytes: int, hub_as: str | None = None) -> Iterator[Rig]:
    """A rig that knows its guests, with a journal full of what nobody has heard yet; nothing of it runs."""
    with Rig(directory, guests=10, hub_as=hub_as) as rig:
        rig.start()
        rig.settle()
        for part in (rig.gateway, rig.hub, rig.crowd):
            part.kill()
        fill(rig.state, rows, quota_bytes)
        rig.accepted.look()
        yield rig


def long_outage(directory: Path, rows: int) -> list[Finding]:
    """R8: so many events wait; then the hub comes back, and guests keep coming."""
    with after_outage(directory, rows, DEFAULT_QUOTA_BYTES) as rig:
        kept_bytes = sum(file.stat().st_size for file in rig.state.glob("journal.db*"))
        due = rig.accepted.identities()
        before = rig.record.count(APPLIED_COUNT)
        rig.start_crowd()
        rig.start_hub()
        rig.gateway.start()
        until(lambda: rig.record.count(APPLIED_COUNT) > before, "the first event arrives")
        began = time.monotonic()
        slowest_s, live = _watch_live(rig, before + rows)
        per_s = rows / (time.monotonic() - began)
        verdict, _ = rig.settle(DRAIN_S)
        verdict = judge(rig.accepted, rig.record, due)
    drained = (
        f"{kept_bytes / 2**20:.1f} MiB of {DEFAULT_QUOTA_BYTES / 2**20:.0f}, drained at {per_s:.0f} events/s; {verdict}"
    )
    passes = f"disk ≤ quota, drain ≥ {LEAST_PER_S} events/s, LOST 0"
    ok = verdict.clean and per_s >= LEAST_PER_S and kept_bytes <= DEFAULT_QUOTA_BYTES
    return [
        Finding("R8", "long outage, then the hub comes back; rows:", rows, drained, passes, ok),
        Finding(
            "R8",
            "live visits during that drain",
            live,
            f"slowest at the hub after {slowest_s:.1f} s",
            f"≤ {LIVE_WITHIN_S:.0f} s",
            live > 0 and slowest_s <= LIVE_WITHIN_S,
        ),
    ]


def _watch_live(rig: Rig, drained: int) -> tuple[float, int]:
    """Until the backlog is at the hub: how long the slowest visit of today took to get there, s, and how many did."""
    waiting: dict[Identity, float] = {}
    slowest_s, arrived = 0.0, 0
    known = set(rig.accepted.hashes)
    while rig.record.count(APPLIED_COUNT) < drained:
        rig.accepted.look()
        now, new = time.monotonic(), rig.accepted.hashes.keys() - known
        known |= new
        waiting |= {one: now for one in new if rig.accepted.classes[one] == "visit"}
        for one in [one for one in waiting if rig.record.has(one)]:
            slowest_s, arrived = max(slowest_s, now - waiting.pop(one)), arrived + 1
        time.sleep(0.05)
    return max([slowest_s, *(time.monotonic() - since for since in waiting.values())]), arrived + len(waiting)


def bounded_storage(directory: Path, rows: int) -> list[Finding]:
    """R9, and its control: a hub that waits for ever for what was given up."""
    good, told = _shed(directory / "shed", rows, None)
    control, stalled = _shed(directory / "control", min(rows, 2_500), "no-shed")
    passes = "shed in the stated order, LOST 0 after what was reported, watermark at the end"
    return [
        Finding("R9", "quota far too small; rows:", rows, told, passes, good),
        Finding("R9-", "control: reports of what was shed are ignored", 1, stalled, "watermark stalls", not control),
    ]


def _shed(directory: Path, rows: int, hub_as: str | None) -> tuple[bool, str]:
    with after_outage(directory, rows, SMALL_QUOTA, hub_as) as rig:
        wrong, vital = misordered(rig.accepted), vital_missing(rig.accepted, rows)
        size = (rig.state / "journal.db").stat().st_size
        outage = max((one for one in rig.accepted.highest), key=lambda one: rig.accepted.highest[one])
        rig.start_crowd()
        rig.start_hub()
        with Line(rig.broker.port, ACK) as line:
            rig.gateway.start()
            verdict, _ = rig.settle(20.0)
            until_s = time.monotonic() + (2.0 if hub_as else 20.0)
            while not (closed := _watermark(line, *outage) == rig.accepted.highest[outage]):
                if time.monotonic() > until_s:
                    break
                time.sleep(0.1)
    ok = verdict.clean and closed and size <= SMALL_QUOTA and (wrong, vital) == (0, 0) and verdict.shed > 0
    mark = "watermark at the end" if closed else "watermark stalls"
    return ok if hub_as is None else closed, f"{wrong} out of order, {vital} vital ones shed; {verdict}; {mark}"


def _watermark(line: Line, nonce: str, partition: int) -> int:
    acks = [json.loads(payload) for payload in line.heard[ACK]]
    marks = [ack["watermark"] for ack in acks if (ack["epoch"]["nonce"], ack["partition"]) == (nonce, partition)]
    return max(marks, default=0)


def misordered(accepted: Accepted) -> int:
    """Reports of a class given up while something of an earlier class, older than the report, was kept."""
    rank = {name: number for number, name in enumerate(SHEDDING_ORDER)}
    oldest: dict[int, int] = {}
    for row_id, event_class, _, _ in accepted.rows():
        if event_class == "state":
            continue  # the newest of each is kept, whatever else goes
        oldest.setdefault(rank[event_class], row_id)
    reports = [(row_id, body["shed_class"]) for row_id, _, kind, body in accepted.rows() if kind == "store.shed"]
    return sum(
        any(oldest.get(earlier, row_id) < row_id for earlier in range(rank[shed_class]))
        for row_id, shed_class in reports
    )


def vital_missing(accepted: Accepted, rows: int) -> int:
    """Events that are never to be given up, and are not there."""
    written = -(-rows // 501)  # one of 501 in `tests.fakes.backlog`
    return max(0, written - sum(kind == "erasure.receipt" for _, _, kind, _ in accepted.rows()))
