"""One subject under measurement, in a process of its own: `speed_worker.py SUBJECT BADGES ZONES [WARM_S]`.

Reads a number of adverts from each line of stdin and answers with {"cpu_s", "adverts"}. The packets are made between the
measured stretches, a thousand at a time: as from a radio, fresh objects that are still warm.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable
from itertools import count as counter
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from speed_stream import RECEIVERS, SCHEME, Air, Packet  # noqa: E402 - the path is set above: the peers' python has no edgehub

BATCH = 64
"""How many adverts the inbox hands over at a time under this load: some 10 ms of 5 000 adverts a second."""

Measure = Callable[[int], float]
"""Takes so many adverts, gives the CPU seconds they cost."""


def edgehub_level(air: Air, zones: int) -> Measure:
    """Address or frame → badge → its level of the current second, as the engine keeps it."""
    del zones
    from edgehub.core.sightings import Sightings

    sightings = Sightings(SCHEME, {badge.key: badge.key for badge in air.badges}.get)
    levels: dict[str, list[float]] = {}

    def take(batch: list[Any]) -> None:
        for badge, _, rssi_dbm, _ in sightings.read(batch):
            level = levels.get(badge)
            if level is None:
                levels[badge] = [rssi_dbm, 1]
            else:
                level[0] += rssi_dbm
                level[1] += 1

    def measure(adverts: int) -> float:
        levels.clear()
        return _timed(take, _batches(air.advertisements(adverts)))

    return measure


def edgehub_whole(air: Air, zones: int) -> Measure:
    """The whole engine: levels, zone probabilities, visits, dwell, lights; two peers' levels once a second."""
    from edgehub.core.events import Heard, Moment, PeerHeard

    engine = _engine(air, zones)
    next_second = 0.0

    def take(event: Any) -> None:
        engine.handle(event, Moment(air.now, air.now, 0))

    def measure(adverts: int) -> float:
        nonlocal next_second
        spent = _timed(take, [Heard(batch) for batch in _batches(air.advertisements(adverts))])
        if air.now >= next_second:
            next_second = air.now + 1.0
            spent += _timed(take, [PeerHeard(name, air.levels(n)) for n, name in enumerate(RECEIVERS) if n])
        return spent

    return measure


def _engine(air: Air, zones: int) -> Any:
    from edgehub.core.engine import Engine
    from edgehub.core.events import HealthChanged, LinkChanged, Moment
    from edgehub.core.lighting import Lighting
    from edgehub.core.presence import Model
    from edgehub.core.profile import BadgeBinding, Profile, Profiles
    from edgehub.core.venue import Venue, Zone

    heard_by = [*((name,) for name in RECEIVERS), *[()] * zones][:zones]
    venue = Venue({f"z{n}": Zone(f"z{n}", f"Zone {n}", heard_by[n]) for n in range(zones)}, badges=SCHEME)
    consent = frozenset({"lights", "analytics"})
    guests = [
        Profile(f"p{b.number}", b.number, (BadgeBinding(b.key),), colour="#ff8800", consent=consent) for b in air.badges
    ]
    engine = Engine(
        RECEIVERS[0],
        venue,
        model=Model.of(venue, None, RECEIVERS),
        lighting=Lighting({}, {}),
        profiles=Profiles(guests),
        new_id=(f"v{n}" for n in counter()).__next__,
    )
    now = Moment(0.0, 0.0, 0)
    engine.start([], now)
    engine.handle(LinkChanged(connected=True), now)
    for name in RECEIVERS:
        engine.handle(HealthChanged(name, healthy=True), now)
    return engine


def habluetooth_raw(air: Air, zones: int) -> Measure:
    """A remote scanner given raw adverts: parsed when changed, merged, kept. No level filter, zone or dwell."""
    del zones
    from habluetooth import BaseHaRemoteScanner, BluetoothManager, set_manager

    class Manager(BluetoothManager):  # type: ignore[misc]  # not installed here
        def _discover_service_info(self, service_info: object) -> None:
            """Nobody listens: what a consumer does is not the scanner's cost."""

    manager = Manager()
    set_manager(manager)
    manager._loop = asyncio.new_event_loop()  # noqa: SLF001 - async_setup would look for real adapters
    scanner = BaseHaRemoteScanner("bench", "bench", None, connectable=False)

    def take(packet: Packet) -> None:
        scanner._async_on_raw_advertisement(  # noqa: SLF001 - what a remote scanner calls for each packet
            packet.address, packet.rssi_dbm, packet.data, {}, packet.at
        )

    return lambda adverts: _timed(take, list(air.packets(adverts)))


def beacontools_parse(air: Air, zones: int) -> Measure:
    """Its parser alone."""
    del zones
    from beacontools import parse_packet

    return lambda adverts: _timed(parse_packet, [packet.data for packet in air.packets(adverts)])


def _batches(adverts: list[Any]) -> list[list[Any]]:
    return [adverts[start : start + BATCH] for start in range(0, len(adverts), BATCH)]


def _timed(take: Callable[[Any], object], things: list[Any]) -> float:
    started = time.process_time()
    for thing in things:
        take(thing)
    return time.process_time() - started


def main() -> None:
    subject, badges, zones, warm_s = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float([*sys.argv, "0"][4])
    air = Air(badges)
    measure = globals()[subject](air, zones)
    while air.now < warm_s:
        measure(1_000)
    gc.collect()
    for line in sys.stdin:
        adverts, spent = int(line), 0.0
        for _ in range(0, adverts, 1_000):
            spent += measure(1_000)
        print(json.dumps({"cpu_s": spent, "adverts": adverts}), flush=True)


if __name__ == "__main__":
    main()
