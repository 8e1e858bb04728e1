"""A recording of a simulated survey walk, in the files that `edgehub calibrate` reads."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgehub.sim.badges import Badge
from edgehub.sim.venue import Building
from edgehub.sim.walkers import survey
from edgehub.sim.world import Reception, Sender, Truth, Walker, World

SURVEYOR = 1000
WALK_S = 180.0


def record_survey(building: Building, directory: Path, *, seed: int) -> tuple[Path, Path]:
    """Walk every zone for three minutes with a typical badge; returns the recording (JSON Lines) and the walks (JSON)."""
    rng = random.Random(f"survey-{seed}")
    truth: list[Truth] = []
    walker = Walker(survey(building, WALK_S, rng), SURVEYOR, truth.append)
    badge = Badge.make("ibeacon", SURVEYOR, rng, spread_db=0)
    world = World(building, [Sender(badge, walker, building.entrance)], truth, seed=seed)
    heard, end = _listen(world, walker)
    recording, walks = directory / "survey.jsonl", directory / "walks.json"
    recording.write_text("".join(json.dumps(line) + "\n" for line in _lines(heard)))
    walks.write_text(json.dumps(list(_walks(truth, end)), indent=1) + "\n")
    return recording, walks


def _listen(world: World, walker: Walker) -> tuple[list[Reception], float]:
    heard: list[Reception] = []
    now = 0.0
    while walker.move(now) is not None:
        heard.extend(world.advance(now))
        now += 1.0
    return heard, now


def _lines(heard: list[Reception]) -> Iterator[dict[str, Any]]:
    for reception in heard:
        yield {
            "t": round(reception.at, 3),
            "receiver": reception.receiver,
            "beacon": str(SURVEYOR),
            "rssi": reception.rssi_dbm,
        }


def _walks(truth: list[Truth], end: float) -> Iterator[dict[str, Any]]:
    ends = [moment.at for moment in truth[1:]] + [end]
    for moment, t_out in zip(truth, ends, strict=True):
        yield {
            "beacon": str(SURVEYOR),
            "zone": moment.zone,
            "t_in": round(moment.at, 3),
            "t_out": round(t_out, 3),
        }
