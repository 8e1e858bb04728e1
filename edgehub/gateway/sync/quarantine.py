"""Messages that cannot be read: counted, and the last of them named."""

from collections import Counter, deque

MOST_REASONS = 100
"""Told apart; whoever sends rubbish must not fill our memory with its descriptions."""
LONGEST_REASON = 80


class Quarantine:
    """What was heard and not understood."""

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()
        """How many could not be read, by reason."""
        self.last: deque[tuple[str, str]] = deque(maxlen=100)
        """Topic and reason of the last."""

    def add(self, topic: str, why: str) -> None:
        """A message on this topic could not be read."""
        self.reasons[why[:LONGEST_REASON] if len(self.reasons) < MOST_REASONS else "other"] += 1
        self.last.append((topic, why))

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.reasons.values())
