"""How long from hearing an advertisement to asking the bridge, for the status."""

from collections import deque
from statistics import quantiles
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
        cuts = quantiles(self._last, n=100, method="inclusive") if n > 1 else [self._last[0]] * 99
        return {"p50": round(cuts[49] * 1e3, 3), "p99": round(cuts[98] * 1e3, 3), "n": n}
