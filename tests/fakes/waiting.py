"""Waiting for what several parties bring about together."""

import asyncio
from collections.abc import Callable
from typing import Any


async def until(fact: Callable[[], Any], within_s: float = 8.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(within_s):
        while not fact():  # noqa: ASYNC110  # facts of several parties, none of which has an event to wait for
            await asyncio.sleep(0.02)
