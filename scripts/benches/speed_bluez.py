"""The stream on a fake BlueZ, in bursts: `speed_bluez.py RATE SECONDS` prints its bus address, and stays until stdin closes.

Bursts are what a busy Pi sees, and the kindest case for bleak: it reads many packets with each wake-up.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from speed_stream import Air  # noqa: E402 - the path is set above

from edgehub.core.advert import COMPANY_SLOTS, SERVICE_SLOTS  # noqa: E402
from tests.fakes.bluez import FakeBluez, private_bus  # noqa: E402

BURST_S = 0.05


async def serve(rate: float, seconds: float) -> None:
    with private_bus() as address:
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = address
        async with FakeBluez(address) as bluez:
            print(json.dumps({"address": address}), flush=True)
            while not bluez.scanning():  # noqa: ASYNC110 - whoever comes first
                await asyncio.sleep(0.02)
            await _flood(bluez, rate, seconds)
            await asyncio.to_thread(sys.stdin.read)


async def _flood(bluez: FakeBluez, rate: float, seconds: float) -> None:
    air, loop = Air(400), asyncio.get_running_loop()
    start = loop.time()
    for burst in range(int(seconds / BURST_S)):
        for advert in air.advertisements(int(rate * BURST_S)):
            manufacturer = {slot: payload for slot, payload in advert.payloads if slot in COMPANY_SLOTS}
            service = {slot: payload for slot, payload in advert.payloads if slot in SERVICE_SLOTS}
            bluez.hear(advert.address, advert.rssi_dbm, manufacturer, service)
        await bluez.drain()
        await asyncio.sleep(max(0.0, start + burst * BURST_S - loop.time()))


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]), float(sys.argv[2])))
