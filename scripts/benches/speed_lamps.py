"""A Hue bridge emulator in a process of its own: `speed_lamps.py DELAY_S` prints its host, its id and a key."""

import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from edgehub.sim.bridge import BridgeEmulator


async def serve(delay_s: float) -> None:
    async with BridgeEmulator(
        {"Lounge": ["Lounge 1"]}, scenes={"Warm": ("Lounge", "#ffb46b")}, delay_s=delay_s
    ) as bridge:
        print(json.dumps({"host": bridge.host, "id": bridge.bridge_id, "key": bridge.add_user()}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
