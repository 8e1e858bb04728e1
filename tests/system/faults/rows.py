"""The faults, each with its controls and its counts: for the everyday suite, and for `scripts/bench faults --long`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.system.faults.card import failing_card, full_disk
from tests.system.faults.clocks import stepped
from tests.system.faults.clones import rolled_back
from tests.system.faults.hubloss import hub_losses
from tests.system.faults.isolation import isolation
from tests.system.faults.kills import broker_amnesia, delete_on_puback, no_dedupe, random_kills
from tests.system.faults.network import half_open
from tests.system.faults.outage import bounded_storage, long_outage
from tests.system.faults.planted import planted
from tests.system.faults.powercut import power_cuts
from tests.system.faults.privacy import consent_and_retention, erasure, personal_data
from tests.system.faults.puback import puback_is_not_delivery
from tests.system.faults.rot import rotten
from tests.system.faults.silence import told_to_stop
from tests.system.faults.stranger import malformed, replays
from tests.system.faults.unset import no_rtc
from tests.system.faults.verdict import Finding


@dataclass(frozen=True)
class Fault:
    """One fault of the design's table.

    ``inject`` takes a folder of its own and how often; its findings include those of the negative controls.
    """

    id: str
    inject: Callable[[Path, int], Sequence[Finding]]
    everyday: int
    long: int


FAULTS = {
    fault.id: fault
    for fault in (
        Fault("R1", lambda at, n: [random_kills(at, n), delete_on_puback(at), no_dedupe(at)], 60, 1000),
        Fault("R2", lambda at, n: [broker_amnesia(at, n)], 5, 50),
        Fault("R3", lambda at, _: puback_is_not_delivery(at), 1, 1),
        Fault("R4", power_cuts, 500, 10_000),
        Fault("R6", rolled_back, 1, 10),
        Fault("R7", half_open, 1, 1),
        Fault("R8", long_outage, 17_280, 864_000),
        Fault("R9", bounded_storage, 1_500, 20_000),
        Fault("R10", full_disk, 1, 1),
        Fault("R11", failing_card, 1, 1),
        Fault("R12", rotten, 100, 1000),
        Fault("R13", hub_losses, 1, 20),
        Fault("R14", told_to_stop, 5, 100),
        Fault("T1", stepped, 1, 20),
        Fault("T2", no_rtc, 20, 600),
        Fault("P1", lambda at, _: personal_data(at), 1, 1),
        Fault("P2", erasure, 1, 10),
        Fault("P3", lambda at, _: consent_and_retention(at), 1, 1),
        Fault("S1", isolation, 2, 12),
        Fault("S2", replays, 1_000, 10_000),
        Fault("S3", malformed, 10_000, 1_000_000),
        Fault("S4", planted, 1, 1),
    )
}
