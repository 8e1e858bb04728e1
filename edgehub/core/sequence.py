"""Which sequence numbers have arrived: a watermark, and sparse ranges above it.

The memory it takes grows with the gaps, not with the events: a hub remembers a gateway in a few numbers.
"""

from bisect import bisect_right
from collections.abc import Iterable


class Received:
    """A set of sequence numbers from 1 on, kept as everything up to a watermark and ranges above it."""

    __slots__ = ("_ranges", "watermark")

    def __init__(self, watermark: int = 0, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self.watermark = watermark
        """All numbers up to this one have arrived."""
        self._ranges = [(low, high) for low, high in ranges]

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """What has arrived above the watermark: inclusive, in order, apart from one another."""
        return tuple(self._ranges)

    def __contains__(self, seq: int) -> bool:
        if seq <= self.watermark:
            return True
        at = bisect_right(self._ranges, (seq, seq))
        return self._within(at - 1, seq) or self._within(at, seq)

    def _within(self, at: int, seq: int) -> bool:
        return 0 <= at < len(self._ranges) and self._ranges[at][0] <= seq <= self._ranges[at][1]

    def add(self, seq: int) -> bool:
        """Take a number. False when it had arrived before."""
        if seq == self.watermark + 1 and not self._ranges:
            self.watermark = seq  # as a rule they come in order
            return True
        if seq in self:
            return False
        self.add_range(seq, seq)
        return True

    def add_range(self, low: int, high: int) -> None:
        """Take all numbers from ``low`` to ``high``."""
        touching = [pair for pair in self._ranges if pair[0] <= high + 1 and low <= pair[1] + 1]
        apart = [pair for pair in self._ranges if not (pair[0] <= high + 1 and low <= pair[1] + 1)]
        low = min([low, *(pair[0] for pair in touching)])
        high = max([high, *(pair[1] for pair in touching)])
        self._ranges = sorted([*apart, (low, high)])
        while self._ranges and self._ranges[0][0] <= self.watermark + 1:
            self.watermark = max(self.watermark, self._ranges.pop(0)[1])

    def copy(self) -> "Received":
        """An independent copy."""
        return Received(self.watermark, self._ranges)
