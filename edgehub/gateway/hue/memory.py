"""What a lamp should show by our doing, so that staff's own changes are told from ours."""

from edgehub.core.data import dataclass
from edgehub.gateway.hue.house import LampSeen


@dataclass(slots=True)
class LampMemory:
    """One lamp: what it showed when last looked at, and what we told it since."""

    seen: LampSeen
    expected: LampSeen | None = None
    """What we told it; None when we did not, or somebody else has since."""
    before: LampSeen | None = None
    """What it showed before our last command; no surprise until it is seen to have obeyed."""
    found: LampSeen | None = None
    """What it showed before our first command: how a room without a scene gets it back."""

    def start_anew(self, seen: LampSeen) -> None:
        """After an outage: expect nothing."""
        self.seen, self.expected, self.before = seen, None, None

    def told(self, state: LampSeen | None) -> None:
        """We told it to show this; None is something we do not know, like a scene of an old bridge."""
        self.before, self.expected = self.seen, state

    def keep_found(self) -> None:
        """Before the first command: this is how it was found."""
        self.found = self.found or self.seen

    def changed_by_hand(self, seen: LampSeen) -> bool:
        """Look again; True when somebody else has set the lamp since."""
        self.seen = seen
        if self.expected is None:
            return False
        if self.expected.same_as(seen):
            self.before = None
            return False
        if self.before is not None and self.before.same_as(seen):
            return False
        self.expected = self.before = None
        return True
