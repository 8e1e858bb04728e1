"""SPD1, SPD2 and SPD11: CPU per advert, against peers and against ourselves in a larger venue."""

from statistics import median

from speed_peers import python
from speed_rounds import Rounds, Subject, paired, ratio
from table import Row

US = "µs/advert"
WARM_S = 20.0
"""Until everybody has come in and is believed where he is: stays are told 12 s late. In a round a crowd of 10,000 lives
through 0.7 s, one of 400 through 18, so that without it the arrivals of one would be set against the stays of the other."""


def against_peers(rounds: int) -> list[Row]:
    """SPD1 and SPD2, at 400 and at 2 000 badges."""
    rows: list[Row] = []
    for badges in (400, 2_000):
        found = paired(_subjects(badges, python()), rounds)
        rows += _spd1(found, badges) + _spd2(found, badges)
    return rows


def _subjects(badges: int, peers: str) -> dict[str, Subject]:
    return {
        "level": Subject("edgehub_level", badges, 40_000),
        "whole": Subject("edgehub_whole", badges, 40_000),
        "habluetooth": Subject("habluetooth_raw", badges, 40_000, python=peers),
        "beacontools": Subject("beacontools_parse", badges, 4_000, python=peers),
    }


def _spd1(found: Rounds, badges: int) -> list[Row]:
    times = ratio(found, "beacontools", "whole")
    peer = f"beacontools 2.1.0 parse: {median(found['beacontools']):.0f} µs"
    name = f"whole path, CPU per advert, {badges} badges"
    return [Row("SPD1", name, median(found["whole"]), US, "≥ 50x beacontools (aim 150x)", peer, times, ok=times >= 50)]


def _spd2(found: Rounds, badges: int) -> list[Row]:
    peer = f"habluetooth 7.1.2 raw: {median(found['habluetooth']):.2f} µs"
    rows = []
    for ours, name, floor, aim in (("level", "advert → level", 1.2, 2), ("whole", "whole path", 0.5, 1)):
        times = ratio(found, "habluetooth", ours)
        title = f"{name}, CPU per advert, {badges} badges"
        asked = f"≥ {floor}x habluetooth (aim {aim}x)"
        rows.append(Row("SPD2", title, median(found[ours]), US, asked, peer, times, ok=times >= floor))
    return rows


def growth(rounds: int) -> list[Row]:
    """SPD11: the same work per advert in a larger crowd, and in a larger house."""
    crowds = {str(n): Subject("edgehub_whole", n, 40_000, warm_s=WARM_S) for n in (400, 2_000, 10_000)}
    houses = {str(n): Subject("edgehub_whole", 400, 40_000, zones=n, warm_s=WARM_S) for n in (4, 16, 64)}
    return _growth(crowds, "badges", rounds) + _growth(houses, "zones", rounds)


def _growth(subjects: dict[str, Subject], of: str, rounds: int) -> list[Row]:
    found = paired(subjects, rounds)
    first, *others = subjects
    rows = []
    for name in others:
        times = ratio(found, name, first)
        peer = f"{first} {of}: {median(found[first]):.2f} µs"
        title = f"whole path, {first} → {name} {of}"
        rows.append(Row("SPD11", title, median(found[name]), US, "≤ 1.5x (aim 1.2x)", peer, times, ok=times <= 1.5))
    return rows
