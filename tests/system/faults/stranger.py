"""S2, S3: a stranger at the broker who repeats, forges and garbles what gateways and hub say to each other."""

import json
import random
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgehub.core.wire import Ask, Epoch, HubStatus, Mark, PeerLevels, ProfilesPage, Status, WireError
from tests.system.faults.evidence import CONFLICTS, QUARANTINED
from tests.system.faults.line import ACK, BASE, EVENTS, Line
from tests.system.faults.rig import GATEWAY, Rig, until
from tests.system.faults.verdict import Finding

AT_ONCE = 400
"""Fewer than a broker queues for a client that is slow: what it drops proves nothing."""
EVERYTHING = f"{BASE}/#"
NONCE = re.compile(rb'"nonce":"[0-9a-f]{16}"')
Chance = random.Random


def replays(directory: Path, times: int) -> list[Finding]:
    """S2, and its control: a hub that takes whatever comes as new."""
    honest, told = _replayed(directory / "replays", times, None)
    control, spoilt = _replayed(directory / "control", 200, "no-dedupe")
    return [
        Finding("S2", "messages replayed, contents forged", times, told, "effects 0, forgeries noted", honest),
        Finding("S2-", "control: hub without dedupe", 200, spoilt, "effects ≥ 1", not control),
    ]


def _replayed(directory: Path, times: int, hub_as: str | None) -> tuple[bool, str]:
    chance = random.Random(2)
    with Rig(directory, guests=20, hub_as=hub_as) as rig:
        rig.start()
        with Line(rig.broker.port, EVENTS, ACK) as line:
            rig.wait_for_events(30)
            rig.settle()
            if hub_as is not None:
                rig.record.drop_key()
            heard = list(line.heard[EVENTS])
            for done in range(0, times, AT_ONCE):
                batch = [chance.choice(heard) for _ in range(min(AT_ONCE, times - done))]
                line.say_all(EVENTS, [one if chance.random() < 0.7 else _forged(one) for one in batch])
                _fence(line)
        verdict, _ = rig.settle(within_s=20)
        conflicts = rig.record.count(CONFLICTS)
    forged = verdict.dup + verdict.corrupt
    return verdict.clean and conflicts > 0, f"effects {forged}, {conflicts} forgeries noted; {verdict}"


def _forged(batch: bytes) -> bytes:
    """The same events, about somebody else."""
    events = json.loads(batch)
    for event in events:
        event["body"] = {**event["body"], "person": "mallory", "count": 1_000}
    return json.dumps(events).encode()


def _fence(line: Line) -> None:
    """Wait until the hub has read everything said before: ask it about an epoch nobody has heard of."""
    epoch = Epoch(1, secrets.token_hex(8))
    line.say(f"{BASE}/{GATEWAY}/up/ask", Ask(0, (Mark(epoch, 0, 0),)).to_json())
    until(lambda: any(epoch.nonce.encode() in ack for ack in line.heard[ACK]), "the hub answers")
    line.heard[ACK].clear()


def malformed(directory: Path, times: int) -> list[Finding]:
    """S3: what both ends hear is cut, garbled, too large, too deep or no JSON at all."""
    chance = random.Random(3)
    with Rig(directory, guests=20) as rig:
        rig.start()
        with Line(rig.broker.port, EVERYTHING) as line:
            rig.wait_for_events(30)
            rig.settle()
            heard = {topic: payloads[-1] for topic, payloads in line.heard.items() if payloads and payloads[-1]}
            samples = {topic: payload for topic, payload in heard.items() if not topic.endswith("down/command")}
            for done in range(0, times, AT_ONCE):
                for _ in range(min(AT_ONCE, times - done)):
                    topic = chance.choice(list(samples))
                    line.send(topic, _garbled(topic, samples[topic], chance))
                _fence(line)
                line.heard.clear()
                if done % 100_000 < AT_ONCE:
                    print(f"{done} malformed messages", file=sys.stderr, flush=True)
        crashes = sum(not part.alive or part.starts > 1 for part in (rig.gateway, rig.hub))
        verdict, took_s = rig.settle()
        poison = rig.record.count(QUARANTINED)
    value = f"crashes {crashes}, {poison} set aside at the hub, fresh events arrive in {took_s:.1f} s; {verdict}"
    passes = "crashes 0, set aside and acknowledged, no head-of-line block"
    return [
        Finding(
            "S3", "malformed messages both ways", times, value, passes, not crashes and verdict.clean and poison > 0
        )
    ]


def _garbled(topic: str, sample: bytes, chance: Chance) -> bytes:
    """Something that no end may take for a message: what is still one after the damage, is damaged further."""
    payload = NONCE.sub(b'"nonce":"' + secrets.token_hex(8).encode() + b'"', sample)  # of an epoch that nobody has
    while True:
        payload = chance.choice(DAMAGE)(payload, chance)
        if not _is_believed(topic, payload):
            return payload


def _is_believed(topic: str, payload: bytes) -> bool:
    """True for what would be obeyed, and rightly: the ACL, not the reader, keeps strangers from saying it."""
    read = next((read for end, read in BELIEVED.items() if topic.endswith(end)), None)
    try:
        return read is not None and bool(read(payload))
    except WireError:
        return False


BELIEVED: Mapping[str, Callable[[bytes], Any]] = {
    "hub/status": HubStatus.read,
    "/status": Status.read,
    "down/profiles": ProfilesPage.read,
    "peers/levels": PeerLevels.read,
    "up/ask": Ask.read,
}


def _flip(payload: bytes, chance: Chance) -> bytes:
    at = chance.randrange(len(payload) or 1)
    return payload[:at] + bytes((chance.randrange(256),)) + payload[at + 1 :]


def _cut(payload: bytes, chance: Chance) -> bytes:
    return payload[: chance.randrange(len(payload) or 1)]


def _repeat(payload: bytes, chance: Chance) -> bytes:
    at = chance.randrange(len(payload) or 1)
    return payload[:at] + payload[at : at + 20] * 3 + payload[at:]


def _number(payload: bytes, chance: Chance) -> bytes:
    odd = chance.choice((b"18446744073709551616", b"NaN", b"-Infinity", b"1e999", b"-1", b"true", b"9" * 5000))
    return re.sub(rb"(?<=:)\d+", odd, payload, count=chance.randint(1, 3))


def _twice(payload: bytes, chance: Chance) -> bytes:
    return payload.replace(b"{", b'{"v":1,"v":1,', 1)


def _deep(payload: bytes, chance: Chance) -> bytes:
    return payload.replace(b":{", b":" + b"[" * 1000 + b"]" * 1000 + b',"x":{', 1)


def _huge(payload: bytes, chance: Chance) -> bytes:
    return payload + b" " * 256 * 1024 if chance.random() < 0.02 else payload[:-1]


def _not_text(payload: bytes, chance: Chance) -> bytes:
    return payload.replace(b'"', b'"\xff\xfe\xed\xa0\x80', 1)


DAMAGE = (_flip, _cut, _repeat, _number, _twice, _deep, _huge, _not_text)
