"""A writer to be killed: `python writer.py DIRECTORY` writes events and prints the number of each accepted one."""

import asyncio
import itertools
import sys
from pathlib import Path

from edgehub.core.record import OpenVisit
from edgehub.gateway.store import Store
from tests.fakes.event import event


async def main(directory: Path) -> None:
    """Write for ever: with event n goes visit n, in one transaction."""
    async with Store(directory, boot_id="boot") as store:
        for number in itertools.count(1):
            visit = OpenVisit(f"v{number}", "p", None, "bar", number, number, number, "boot")
            if await store.record([event(number)], [visit]):
                print(number, flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
