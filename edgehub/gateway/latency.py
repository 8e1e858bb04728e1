"""How long from hearing an advertisement to asking the bridge, for the status."""

from collections import deque
from collections.abc import Iterable
from typing import Any

KEPT = 1000
"""The last so many requests speak for now."""


class Latencies:
    """The last latencies, in s."""

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=KEPT)

    def add(self, latency_s: float) -> None:
        """Take one more."""
        self._last.append(latency_s)

    def summary_ms(self) -> dict[str, Any]:
        """Median and 99th percentile in ms, and of how many; None of nothing."""
        n = len(self._last)
        if n == 0:
            return {"p50": None, "p99": None, "n": 0}
        p50, p99 = (round(percentile(self._last, percent) * 1e3, 3) for percent in (50, 99))
        return {"p50": p50, "p99": p99, "n": n}


def percentile(values: Iterable[float], percent: int) -> float:
    """The inclusive percentile, between two values their mean by distance. ValueError where there are no values.

    As ``statistics.quantiles`` has it, which costs a gateway 0.9 MiB: it loads exact fractions and decimals (SPD8).
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("there are no values")
    at, part = divmod((len(ordered) - 1) * percent, 100)
    following = ordered[min(at + 1, len(ordered) - 1)]
    return (ordered[at] * (100 - part) + following * part) / 100
