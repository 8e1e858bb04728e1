"""Packets for tests: the fixtures, how to compare with them, and mutations of them."""

import json
import random
from pathlib import Path
from typing import Any

from edgehub.core.advert import APPLE, EDDYSTONE, ESTIMOTE_NEARABLE, ESTIMOTE_SERVICE
from edgehub.core.decode import Frame, decode, decode_advert, to_dict

FIXTURES: list[dict[str, Any]] = [
    json.loads(line) for line in (Path(__file__).parents[1] / "data" / "packets.jsonl").read_text().splitlines()
]
SLOTS = (APPLE, EDDYSTONE, ESTIMOTE_NEARABLE, ESTIMOTE_SERVICE)

TOLERANCES = {"_c": 0.001, "_mg": 0.05, "_mv": 0.6, "_s": 0.01, "_pa": 0.002, "_lux": 0.01, "_norm": 0.0005}


def answer(fixture: dict[str, Any]) -> dict[str, Any] | None:
    """What edgehub makes of a fixture, as JSON would carry it."""
    frame = decode_fixture(fixture)
    return None if frame is None else json.loads(json.dumps(to_dict(frame)))


def decode_fixture(fixture: dict[str, Any]) -> Frame | None:
    """Decode a fixture by its kind."""
    data = bytes.fromhex(fixture["hex"])
    return decode_advert(data) if fixture["kind"] == "advert" else decode(slot_of(fixture), data)


def slot_of(fixture: dict[str, Any]) -> int:
    """The slot of a fixture that is one structure."""
    return fixture["company_id"] if fixture["kind"] == "manufacturer" else int(fixture["service_uuid"], 16)


def agrees(got: Any, want: Any, tolerance: float = 0.0) -> bool:
    """Whether an answer is what is expected: a key left out reads as null, numbers may differ by their unit's tolerance."""
    match want:
        case None | bool() | str():
            return got is want or (isinstance(want, str) and got == want)
        case dict():
            return isinstance(got, dict) and all(agrees(got.get(k), v, _tolerance(k)) for k, v in want.items())
        case list():
            return len(got) == len(want) and all(agrees(g, w, tolerance) for g, w in zip(got, want, strict=True))
    return not isinstance(got, bool) and abs(got - want) <= tolerance


def _tolerance(key: str) -> float:
    return next((tolerance for unit, tolerance in TOLERANCES.items() if key.endswith(unit)), 0.0)


class Mutations:
    """An endless row of packets that once were good: bits turned, bytes cut, doubled, added, joined to others."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._seeds = [bytes.fromhex(fixture["hex"]) for fixture in FIXTURES]
        self._seeds += [seed[4:] for seed in self._seeds if len(seed) > 20]

    def next(self) -> tuple[int, bytes]:
        """One slot and one payload for it."""
        rng = self._rng
        data = bytearray(rng.choice(self._seeds))
        for _ in range(rng.randrange(4)):
            self._mutate(data)
        return rng.choice(SLOTS), bytes(data)

    def _mutate(self, data: bytearray) -> None:
        rng = self._rng
        at = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 1 if at < len(data):
                data[at] = rng.choice((0, 1, 2, 0x10, 0x15, 0x20, 0x7F, 0x80, 0xFF))
            case 2:
                del data[at:]
            case 3:
                data[at:at] = rng.randbytes(rng.randrange(1, 5))
            case 4:
                data += rng.choice(self._seeds)
            case _:
                del data[at : at + rng.randrange(1, 4)]
