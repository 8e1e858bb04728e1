"""The judge: LOST, DUP and CORRUPT out of what was accepted and applied, and the row that says so.

LOST = accepted - applied - reported as shed     DUP = applied more than once
CORRUPT = applied with another content           LIVE = what was accepted after the last fault arrived too
"""

from dataclasses import dataclass

from tests.system.faults.evidence import Accepted, HubRecord, Identity


@dataclass(frozen=True)
class Verdict:
    """What became of the events of a gateway."""

    accepted: int
    lost: int
    dup: int
    corrupt: int
    shed: int

    @property
    def clean(self) -> bool:
        """True when events were accepted, and each arrived once, as it was."""
        return self.accepted > 0 and (self.lost, self.dup, self.corrupt) == (0, 0, 0)

    def __str__(self) -> str:
        shed = f", {self.shed} shed and reported" if self.shed else ""
        return f"LOST {self.lost}, DUP {self.dup}, CORRUPT {self.corrupt} of {self.accepted} accepted{shed}"


def judge(accepted: Accepted, hub: HubRecord, due: set[Identity] | None = None) -> Verdict:
    """Judge what was accepted, or only what of it is ``due``."""
    due = accepted.identities() if due is None else due
    times, hashes = hub.applied()
    shed = hub.shed() & due
    return Verdict(
        accepted=len(due),
        lost=len([one for one in due if not times[one] and one not in shed]),
        dup=sum(count - 1 for count in times.values()),
        corrupt=len([one for one, sent in accepted.hashes.items() if hashes.get(one, sent) != sent]),
        shed=len(shed),
    )


@dataclass(frozen=True)
class Finding:
    """One row of the judge's table."""

    id: str
    """Of the design's table of faults; a negative control ends with "-"."""
    name: str
    count: int
    """Faults injected."""
    value: str
    passes: str
    """What it must be."""
    ok: bool | None
    """None: this fault could not be injected here; ``value`` says why."""

    @classmethod
    def skipped(cls, row: str, name: str, why: str) -> "Finding":
        """A fault that cannot be injected here is neither passed nor failed."""
        return cls(row, name, 0, f"skipped: {why}", "", None)
