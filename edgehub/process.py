"""A daemon as a process: stops on SIGTERM and SIGINT, in order, and soon whatever hangs."""

import asyncio
import faulthandler
import gc
import os
import signal
import sys
import threading
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger("edgehub.process")

STOP_WITHIN_S = 4.5
"""An orderly stop takes less. After this the process ends where it stands: what was accepted is on the disk."""
TURN_S = 0.0001
"""After this a thread gives way to one that waits; a bridge's thread needs a handful of turns to ask for a colour (SPD5),
and would wait for each up to Python's own 5 ms."""


class CannotStart(Exception):  # noqa: N818 - it says what happened
    """Something around the daemon keeps it from starting; the text says what, for whoever can mend it."""


def run(main: Coroutine[Any, Any, None]) -> int:
    """Run a daemon until it ends or is told to stop; the exit code. SIGABRT prints where every thread stands."""
    faulthandler.enable()
    failures: tuple[Exception, ...] = ()
    try:
        asyncio.run(_until_stopped(main))
    except* Exception as group:  # noqa: BLE001  # whatever it was, it is logged and the exit code says so
        failures = group.exceptions
    for error in failures:  # whoever supervises us starts us again; the log says why
        if isinstance(error, CannotStart):
            log.error("process.cannot_start", why=str(error))
        else:
            log.error("process.failed", error=repr(error), exc_info=error)
    return 1 if failures else 0


def settle() -> None:
    """Make pauses short, once everything is up.

    What has been made by now mostly stays, and a full collection of garbage would walk all of it again and again: some
    30 ms on a fast machine, in which no packet is read and no lamp is told (SPD5, SPD6).
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(TURN_S)


async def _until_stopped(main: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(main, name="main")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, task)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise


def _stop(task: asyncio.Task[None]) -> None:
    if not task.cancelling():
        log.info("process.stopping")
        threading.Thread(target=_cut_short, name="stop in time", daemon=True).start()
    task.cancel()


def _cut_short() -> None:
    """Something hangs where no cancellation reaches: end, with the stacks in the log."""
    threading.Event().wait(STOP_WITHIN_S)
    faulthandler.dump_traceback(sys.stderr)
    os._exit(1)
