"""The demo: a whole venue lives for a while, and is judged by its truth."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from edgehub.sim.judge import Latency, Ledger, Summary, entries, settled, visits_at_hub
from edgehub.sim.stage import GATEWAYS, Settings, Stage
from edgehub.sim.statuses import advert_to_request
from edgehub.sim.truth import Stay, accuracy, stays

DRAIN_S = 30.0


class Ending:
    """Somebody wants the demo to end: while people walk the doors close, at any other time all is cut short."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.doors_open = False
        self._task = asyncio.current_task()

    def ask(self) -> None:
        """End the demo; asked twice, at once."""
        if self.doors_open and not self.asked.is_set():
            self.asked.set()
        elif self._task is not None:
            self._task.cancel()


async def run(settings: Settings, say: Callable[[str], None], ending: Ending) -> Summary:
    """Let the venue live until the minutes are over or somebody ends it; returns how it went.

    Raises:
        DemoError: something could not be started, or ended by itself.
    """
    async with Stage(settings, say) as stage:
        say(f"Doors are open: {settings.people} guests. Watch them at {stage.url}")
        say(f"Its other doors are open too; to try them in another terminal:  . {stage.offices.folder / 'try.env'}")
        await stage.while_all_live(_live(stage, ending))
        say("The doors are closed; waiting until the hub has everything …")
        ledger = await settled(settings.directory, GATEWAYS, DRAIN_S)
        summary = judge(stage, ledger, await advert_to_request(stage.wiring))
        say("Stopping everything …")
    return summary


async def _live(stage: Stage, ending: Ending) -> None:
    """Until the minutes are over, measured on the venue's clock, or somebody ends it."""
    minutes = stage.settings.minutes
    left = None if minutes is None else (minutes * 60 - stage.radio.moment) / stage.settings.speed
    ending.doors_open = True
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(ending.asked.wait(), left)
    stage.radio.close_doors()


def judge(stage: Stage, ledger: Ledger, latency: Latency) -> Summary:
    """How it went, by the simulator's truth and the files that gateways and hub left."""
    directory, end = stage.settings.directory, stage.radio.moment
    opened_s = stage.radio.opened_s or 0.0
    truth = stays(stage.truth, end)
    reported = visits_at_hub(directory, stage.guests, stage.clock.wall_us(opened_s), end)
    walked_in = entries(truth, stage.guests, lambda moment: stage.clock.real(opened_s + moment))
    _keep(directory / "judgement.json", truth, reported)
    waits = [wait for wait in stage.witness.waits(walked_in) if wait is not None]
    return Summary(
        guests=stage.settings.people,
        visits=len(reported),
        zone_accuracy=round(accuracy(truth, reported), 4),
        lights_shown=stage.witness.shown(),
        walking_in_to_light_median_s=round(median(waits), 2) if waits else None,
        advert_to_request_ms=latency,
        events=ledger,
        venue_minutes=round(end / 60, 2),
        speed=stage.settings.speed,
        seed=stage.settings.seed,
    )


def _keep(path: Path, truth: Sequence[Stay], reported: Sequence[Stay]) -> None:
    """Leave what was compared beside the logs, for whoever wants to look into it."""
    path.write_text(json.dumps({"columns": Stay._fields, "truth": truth, "reported": reported}))
