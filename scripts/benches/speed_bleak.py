"""SPD3: what our work costs beside bleak's own, on the real bleak against a fake BlueZ in a process of its own."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

from speed_rounds import Subject, Worker
from table import Row

ROOT = Path(__file__).parents[2]
RATE, SECONDS = 2_000, 5
KEPT = 200
"""So few that they are warm, as what bleak has just made is."""
BATCH = 8
"""A callback a time reaches the inbox; the engine takes what has gathered."""


def beside_bleak(rounds: int) -> list[Row]:
    """SPD3."""
    with Worker(Subject("edgehub_whole", 400, 40_000)) as engine:
        engine.round()
        table = [(*_round(), engine.round()) for _ in range(rounds)]
    bleak_us, callback_us, engine_us = (median(column) for column in zip(*table, strict=True))
    callback = median(100 * callback / bleak for bleak, callback, _ in table)
    everything = median(100 * (callback + engine) / bleak for bleak, callback, engine in table)
    peer = f"bleak 3.1.0 to an empty callback: {bleak_us:.1f} µs"
    return [
        Row(
            "SPD3",
            f"callback up to the inbox, {callback_us:.2f} µs, of bleak's CPU",
            callback,
            "%",
            "≤ 10 % (aim 5 %)",
            peer,
            ok=callback <= 10,
        ),
        Row(
            "SPD3",
            f"all our work, {callback_us + engine_us:.2f} µs, of bleak's CPU",
            everything,
            "%",
            "≤ 25 % (aim 15 %)",
            peer,
            ok=everything <= 25,
        ),
    ]


def _round() -> tuple[float, float]:
    """CPU per advert in µs: bleak's with an empty callback, and our callback's on what bleak handed over."""
    done = subprocess.run([sys.executable, __file__], check=True, cwd=ROOT, capture_output=True, text=True)
    answer = json.loads(done.stdout)
    return answer["bleak_us"], answer["callback_us"]


# --- in a process of its own


async def _measure() -> dict[str, float]:
    kept: list[tuple[Any, Any]] = []
    bleak_us = await _listen(kept)
    return {"bleak_us": bleak_us, "callback_us": _callback_us(kept)}


async def _listen(kept: list[tuple[Any, Any]]) -> float:
    """What bleak costs for each advert of a flood, µs."""
    from edgehub.gateway.radio_bleak import Scanner

    heard = 0

    def hear(device: Any, data: Any) -> None:
        nonlocal heard
        heard += 1
        if len(kept) < KEPT:
            kept.append((device, data))

    scanner = Scanner("hci0", SimpleNamespace(hear=hear))  # type: ignore[arg-type]
    async with scanner:
        before, started = heard, time.process_time()
        await asyncio.sleep(SECONDS)
        spent = time.process_time() - started
        return 1e6 * spent / (heard - before)  # of those it handed over, whatever the fake managed to send


def _callback_us(kept: list[tuple[Any, Any]]) -> float:
    from edgehub.gateway.inbox import Inbox
    from edgehub.gateway.radio_bleak import Ear
    from edgehub.gateway.radio_state import Listener, Patience

    inbox = Inbox()
    ear = Ear("pi-bench", Listener(inbox.hear, lambda _: None, Patience()))
    rounds, spent = 50, 0.0
    for _ in range(rounds):
        for start in range(0, len(kept), BATCH):
            batch = kept[start : start + BATCH]
            started = time.process_time()
            for device, data in batch:
                ear.hear(device, data)
            spent += time.process_time() - started
            inbox.take()
    return 1e6 * spent / (rounds * len(kept))


def _main() -> None:
    sys.path.insert(0, str(ROOT))
    words = [sys.executable, str(Path(__file__).with_name("speed_bluez.py")), str(RATE), str(SECONDS + 3)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as bluez:
        assert bluez.stdin is not None
        assert bluez.stdout is not None
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = json.loads(bluez.stdout.readline())["address"]
        print(json.dumps(asyncio.run(_measure())))
        bluez.terminate()


if __name__ == "__main__":
    _main()
