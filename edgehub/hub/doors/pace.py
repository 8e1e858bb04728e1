"""How much one key may bring: a bucket that fills with time and is emptied by what comes."""

from collections import OrderedDict

MOST_KNOWN = 20_000
"""Holders remembered; the one quiet for longest is forgotten, and finds its bucket full again."""


class Pace:
    """A limit for each holder. Time is an argument, monotonic, s.

    Args:
        per_s: what one holder may bring for good.
        burst: what it may bring at once after a rest.
    """

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, holder: str, amount: float, now: float) -> float:
        """Take from the bucket and return 0; or, when there is too little in it, return when to come again.

        Nothing is taken then. More than the whole bucket is let through when the bucket is full: it is owed.
        """
        left, last = self._left.pop(holder, (self._burst, now))
        left = min(self._burst, left + (now - last) * self._per_s)
        short = min(amount, self._burst) - left
        self._left[holder] = (left if short > 0 else left - amount, now)
        if len(self._left) > MOST_KNOWN:
            self._left.popitem(last=False)
        return max(0.0, short / self._per_s)
