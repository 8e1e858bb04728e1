"""The faults of the everyday suite, in everyday numbers; `scripts/bench faults --long` injects the same in full."""

from pathlib import Path

import pytest

from tests.system.faults.rows import FAULTS

pytestmark = pytest.mark.timeout(600)


def survives(fault_id: str, directory: Path) -> None:
    """Every row of a fault holds, its controls fail; what could not be injected here is skipped, with the reason."""
    fault = FAULTS[fault_id]
    findings = fault.inject(directory, fault.everyday)
    for finding in findings:
        print(f"{finding.id:4} {finding.name}: {finding.value}")
    failed = [finding for finding in findings if finding.ok is False]
    assert not failed, "\n".join(f"{one.id} {one.name}: {one.value}; it must be {one.passes}" for one in failed)
    skipped = [finding.value for finding in findings if finding.ok is None]
    if skipped:
        pytest.skip("; ".join(skipped))


def test_nothing_is_lost_or_doubled_whatever_is_killed(tmp_path: Path) -> None:
    """Gateway, hub and broker are killed sixty times; a judge who sees PUBACK-deletion lose finds every event once."""
    survives("R1", tmp_path)


def test_a_broker_may_forget_everything(tmp_path: Path) -> None:
    """Five times the broker is killed and its state is gone; nothing is lost or doubled."""
    survives("R2", tmp_path)


def test_a_puback_is_never_taken_for_delivery(tmp_path: Path) -> None:
    """A queue of one, an ACL that denies, nobody listening, MQTT 3.1.1: nothing is deleted, and the reason is told."""
    survives("R3", tmp_path)


def test_a_power_cut_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    """The writes of a real gateway, cut at 500 moments: all it ever sent is there; with synchronous=NORMAL it is not."""
    survives("R4", tmp_path)


def test_an_older_card_swallows_no_event(tmp_path: Path) -> None:
    """A restored outbox, and two gateways from one card: no new event is taken for an old one, and the hub is told."""
    survives("R6", tmp_path)


def test_a_rotten_card_stops_nothing_and_alters_no_event(tmp_path: Path) -> None:
    """A hundred cards with flipped bits, cut files, zeroed pages: all start, and what is sound is delivered as it was."""
    survives("R12", tmp_path)


def test_a_hub_that_forgot_is_told_again(tmp_path: Path) -> None:
    """Killed between commit and acknowledgement, or put back to an older copy: nothing is lost or doubled."""
    survives("R13", tmp_path)


def test_a_gateway_stops_within_five_seconds_while_everything_hangs(tmp_path: Path) -> None:
    """Bridge, broker, hub, radio or message bus take what they are told and answer nothing."""
    survives("R14", tmp_path)


def test_secrets_stay_in_their_own_files(tmp_path: Path) -> None:
    """Password, PIN, Hue key and private key: in no log at DEBUG, argument, environment, message or other file."""
    survives("S4", tmp_path)


def test_a_dead_connection_is_noticed_and_loses_nothing(tmp_path: Path) -> None:
    """A frozen broker, and a network whose other end is gone: given up within 31 s, delivering 5 s after it is back."""
    survives("R7", tmp_path)


def test_what_is_said_again_or_forged_has_no_effect(tmp_path: Path) -> None:
    """A thousand replays, some with other contents: nothing is applied twice, nothing altered, forgeries are noted."""
    survives("S2", tmp_path)


def test_malformed_messages_crash_nobody_and_block_nothing(tmp_path: Path) -> None:
    """Ten thousand garbled messages to gateway and hub: both go on, the hub sets them aside, fresh events arrive."""
    survives("S3", tmp_path)


def test_a_long_outage_drains_fast_and_holds_up_nothing_new(tmp_path: Path) -> None:
    """A fiftieth of a day's events wait; while they drain, the visits of now are at the hub within five seconds."""
    survives("R8", tmp_path)


def test_a_quota_that_is_far_too_small_is_shed_in_order_and_reported(tmp_path: Path) -> None:
    """What is given up goes in the stated order and is named to the hub, whose watermark passes over it."""
    survives("R9", tmp_path)


def test_a_disk_filled_by_others_stops_nothing(tmp_path: Path) -> None:
    """The gateway goes on, and all is normal ten seconds after the neighbour gave the disk back."""
    survives("R10", tmp_path)


def test_a_failing_card_is_told_of_and_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    """Read-only, or each sync an error: the status says so within five seconds, and what was accepted arrives."""
    survives("R11", tmp_path)


def test_a_stepped_wall_clock_changes_no_dwell_and_deletes_nothing(tmp_path: Path) -> None:
    """By seconds, hours and ten years, and a restart in that year: nothing is lost, nothing retained is deleted."""
    survives("T1", tmp_path)


def test_a_machine_without_a_clock_is_dated_right_afterwards(tmp_path: Path) -> None:
    """It starts years ago; its events are flagged until the clock is set, and then right to a second, stays too."""
    survives("T2", tmp_path)


def test_names_addresses_badges_and_macs_stay_off_the_wire_and_out_of_logs(tmp_path: Path) -> None:
    """All topics, retained messages and logs at DEBUG: no hit but in the profile pages of who agreed."""
    survives("P1", tmp_path)


def test_of_who_is_forgotten_no_byte_is_left_anywhere(tmp_path: Path) -> None:
    """With every gateway online, and with one that comes back later; hubs and gateways that only delete are found out."""
    survives("P2", tmp_path)


def test_who_says_no_is_followed_by_nobody_and_nobody_is_kept_too_long(tmp_path: Path) -> None:
    """Opt-out through three doors reaches every gateway within 5 s; no row without consent, none overdue."""
    survives("P3", tmp_path)
