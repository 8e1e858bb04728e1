"""The clocks of this machine, and the file that says that the wall clock was set."""

import asyncio
from pathlib import Path

import pytest

from edgehub.clock import Clock


@pytest.mark.asyncio
async def test_a_clock_that_is_set_gives_an_anchor(tmp_path: Path) -> None:
    """Unsynchronised until systemd-timesyncd says otherwise; then one anchor, of the same boot."""
    flag = tmp_path / "timesync" / "synchronized"
    clock = Clock("b1", flag)
    assert clock().quality == "unknown"
    flag.parent.mkdir()
    assert clock().quality == "unsynced"
    steps = clock.steps(every_s=0.02)
    first = asyncio.ensure_future(anext(steps))
    await asyncio.sleep(0.1)
    assert not first.done()
    flag.touch()
    anchor = await asyncio.wait_for(first, 5)
    assert (anchor.boot_id, anchor.quality) == ("b1", "synced")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(steps), 0.1)
