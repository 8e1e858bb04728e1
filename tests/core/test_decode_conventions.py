"""Each sentence of the conventions holds: lengths, reserved values, what is not told, and whole adverts."""

import pytest

from edgehub.core.advert import APPLE, EDDYSTONE, ESTIMOTE_NEARABLE, ESTIMOTE_SERVICE
from edgehub.core.decode import decode, decode_advert, malformed, structures
from edgehub.core.decode.eddystone import EddystoneEid, EddystoneTlm, EddystoneUid, EddystoneUrl
from edgehub.core.decode.estimote import Connectivity, TelemetryA, TelemetryB, UnknownEstimote
from edgehub.core.decode.ibeacon import IBeacon
from edgehub.core.decode.nearable import EstimoteNearable

IBEACON = bytes.fromhex("0215b9407f30f5f8466eaff925556b57fe6ded4e8931b6")
UID = bytes.fromhex("00e3123456789012346789010000000000010000")
TLM = bytes.fromhex("20000b1813000000146700002ac4")
ETLM = bytes.fromhex("2001112233445566778899aabbcc5a17c4ec")
EID = bytes.fromhex("30e34549445f74657374")
NEARABLE = bytes.fromhex("011efe427eb6f4bc2f040168a1aafe05c14525")
A0, A1, A2 = (bytes([version << 4 | 2]) + bytes(range(1, 9)) + bytes(n) for version, n in ((0, 7), (1, 8), (2, 11)))
B2 = bytes.fromhex("2247a038d5eb03264001d842ed73492566bc2e50")
CONNECTIVITY = bytes.fromhex("00ceaac4fd251b1e35f267cd2ed3cf850b")


def _with(payload: bytes, at: int, *values: int) -> bytes:
    return payload[:at] + bytes(values) + payload[at + len(values) :]


# --- lengths


@pytest.mark.parametrize(
    ("slot", "shortest"),
    [
        (APPLE, IBEACON),
        (ESTIMOTE_NEARABLE, NEARABLE),
        *((ESTIMOTE_SERVICE, frame) for frame in (A0, A1, A2, B2, CONNECTIVITY)),
    ],
)
def test_a_format_with_a_least_length_takes_more_and_not_less(slot, shortest):
    """A packet a byte short is malformed; bytes after the last field are not read."""
    assert decode(slot, shortest) is not None
    assert decode(slot, shortest[:-1]) is None
    assert malformed(slot, shortest[:-1]) is not None
    if shortest is not CONNECTIVITY:
        assert decode(slot, shortest + b"\xff" * 9) == decode(slot, shortest)


@pytest.mark.parametrize("frame", [UID, UID[:18], TLM, ETLM, EID])
def test_an_eddystone_frame_has_exactly_its_length(frame):
    """A byte more or less makes an Eddystone frame malformed."""
    assert decode(EDDYSTONE, frame) is not None
    for other in (frame[:-1], frame + b"\x00"):
        assert decode(EDDYSTONE, other) is None
        assert malformed(EDDYSTONE, other) == "eddystone"


def test_a_url_has_one_to_seventeen_encoded_characters():
    """None at all and eighteen are both refused."""
    lengths = [n for n in range(25) if decode(EDDYSTONE, b"\x10\x00\x02" + b"a" * n)]
    assert lengths == list(range(1, 18))


def test_shorter_than_any_header_is_ignored():
    """No slot makes anything of nothing, nor of a first byte alone."""
    for slot in (APPLE, EDDYSTONE, ESTIMOTE_NEARABLE, ESTIMOTE_SERVICE):
        assert decode(slot, b"") is None
    assert [decode(EDDYSTONE, bytes([first])) for first in range(256)] == [None] * 256
    assert decode(ESTIMOTE_SERVICE, b"\x22") is None
    assert decode(ESTIMOTE_SERVICE, B2[:9]) is None


# --- iBeacon


def test_an_ibeacon_shows_its_numbers_unsigned_and_its_power_signed():
    """Major and minor reach 65535; the power is a signed byte."""
    frame = decode(APPLE, b"\x02\x15" + b"\xab" * 16 + b"\xff\xff\xff\xfe\x80")
    assert frame == IBeacon("abababab-abab-abab-abab-abababababab", 65535, 65534, -128)


@pytest.mark.parametrize("prefix", [b"\x02\x14", b"\x01\x15", b"\x10\x05", b"\x15\x02"])
def test_apples_other_messages_are_nobodys_fault(prefix):
    """They are ignored and not counted as malformed."""
    assert decode(APPLE, prefix + IBEACON[2:]) is None
    assert malformed(APPLE, prefix + IBEACON[2:]) is None


# --- Eddystone


@pytest.mark.parametrize("low", range(1, 16))
@pytest.mark.parametrize("frame", [UID, TLM, EID])
def test_other_traffic_under_feaa_is_ignored(frame, low):
    """A low nibble other than 0 is not Eddystone, and not malformed Eddystone either."""
    other = _with(frame, 0, frame[0] | low)
    assert decode(EDDYSTONE, other) is None
    assert malformed(EDDYSTONE, other) is None


def test_the_reserved_bytes_of_a_uid_are_not_read():
    """Whatever stands there, and when nothing does."""
    assert decode(EDDYSTONE, _with(UID, 18, 0xDE, 0xAD)) == decode(EDDYSTONE, UID) == decode(EDDYSTONE, UID[:18])
    assert isinstance(decode(EDDYSTONE, UID), EddystoneUid)


def test_a_url_expands_its_schemes_and_endings():
    """All four schemes, all fourteen endings, in the order of the specification."""
    urls = [decode(EDDYSTONE, bytes([0x10, 0xF8, scheme, ord("a")])) for scheme in range(4)]
    assert [frame.url for frame in urls] == ["http://www.a", "https://www.a", "http://a", "https://a"]
    endings = [decode(EDDYSTONE, bytes([0x10, 0xF8, 2, ord("a"), ending])).url[8:] for ending in range(14)]
    names = [".com", ".org", ".edu", ".net", ".info", ".biz", ".gov"]
    assert endings == [name + "/" for name in names] + names


def test_a_url_with_a_reserved_scheme_or_character_is_ignored():
    """Schemes from 4 on; characters 0x0E to 0x20 and from 0x7F on."""
    assert not [scheme for scheme in range(4, 256) if decode(EDDYSTONE, bytes([0x10, 0, scheme, ord("a")]))]
    good = {c for c in range(256) if decode(EDDYSTONE, bytes([0x10, 0, 0, ord("a"), c]))}
    assert good == {*range(14), *range(0x21, 0x7F)}
    assert decode(EDDYSTONE, b"\x10\x80\x00!") == EddystoneUrl("http://www.!", -128)


def test_tlm_tells_what_it_has_not_measured():
    """Battery 0 and temperature 0x8000 are null; 0 degrees and -128 are values, and uptime counts tenths."""
    assert decode(EDDYSTONE, _with(TLM, 2, 0, 0, 0x80, 0)) == EddystoneTlm(None, None, 5223, 1094.8)
    assert decode(EDDYSTONE, _with(TLM, 4, 0, 0)).temperature_c == 0
    assert decode(EDDYSTONE, _with(TLM, 4, 0x80, 1)).temperature_c == -127.99609375
    assert decode(EDDYSTONE, TLM[:6] + b"\xff" * 8) == EddystoneTlm(2840, 19.0, 2**32 - 1, (2**32 - 1) / 10)


def test_a_tlm_of_another_version_is_ignored():
    """Versions 0 and 1 only, each of its own length."""
    assert not [v for v in range(2, 256) if decode(EDDYSTONE, _with(TLM, 1, v)) or decode(EDDYSTONE, _with(ETLM, 1, v))]
    assert decode(EDDYSTONE, _with(TLM, 1, 1)) is None
    assert decode(EDDYSTONE, _with(ETLM, 1, 0)) is None


def test_an_eid_keeps_its_power_signed():
    """The power of an EID frame is a signed byte at 0 m."""
    assert decode(EDDYSTONE, _with(EID, 1, 0x14)) == EddystoneEid("4549445f74657374", 20)


# --- Nearable


def test_a_nearable_of_another_frame_type_is_ignored():
    """Only type 1 is known."""
    assert [t for t in range(256) if decode(ESTIMOTE_NEARABLE, _with(NEARABLE, 0, t))] == [1]


def test_a_nearable_reads_its_packed_bits():
    """Temperature below zero, the voltage's ten bits, state and motion bits do not leak into one another."""
    frame = decode(ESTIMOTE_NEARABLE, _with(NEARABLE, 11, 0xFF, 0xFF, 0xFF, 0x80, 0x7F, 0))
    assert isinstance(frame, EstimoteNearable)
    assert (frame.temperature_c, frame.battery_mv, frame.moving, frame.battery_state) == (-1 / 16, 3600, True, "stress")
    assert frame.acceleration_mg == (-2000, 1984.375, 0)
    still = decode(ESTIMOTE_NEARABLE, _with(NEARABLE, 11, 0, 0x08, 0))
    assert (still.temperature_c, still.battery_mv, still.moving, still.battery_state) == (-128, 0, False, "idle")


MOTION = [(0x00, 0), (0x3F, 63), (0x41, 60), (0x7F, 3780), (0x82, 7200), (0xC0, 0), (0xDF, 31 * 86_400)]


@pytest.mark.parametrize(("byte", "seconds"), [*MOTION, (0xE0, 0), (0xE1, 604_800), (0xFF, 31 * 604_800)])
def test_a_nearables_motion_time_turns_to_weeks_at_32(byte, seconds):
    """Days below 32, weeks from 32 on; current stands before previous."""
    frame = decode(ESTIMOTE_NEARABLE, _with(NEARABLE, 17, byte, 0x01))
    assert (frame.motion_current_s, frame.motion_previous_s) == (seconds, 1)


# --- Telemetry


@pytest.mark.parametrize(("byte", "seconds"), [*MOTION, (0xE0, 32 * 86_400), (0xE1, 604_800), (0xFF, 31 * 604_800)])
def test_telemetrys_motion_time_turns_to_weeks_after_32(byte, seconds):
    """Days up to and including 32, weeks above; previous stands before current."""
    frame = decode(ESTIMOTE_SERVICE, _with(A2, 13, byte, 0x01))
    assert (frame.motion_previous_s, frame.motion_current_s) == (seconds, 1)


def test_moving_is_the_state_01_and_no_other():
    """The two state bits 10 and 11 are not movement."""
    states = [decode(ESTIMOTE_SERVICE, _with(A2, 15, 0xFC | state)).moving for state in range(4)]
    assert states == [False, True, False, False]


def test_gpio_starts_with_pin_0():
    """Bit 4 of the state byte is pin 0."""
    assert decode(ESTIMOTE_SERVICE, _with(A2, 15, 0x10)).gpio == (True, False, False, False)
    assert decode(ESTIMOTE_SERVICE, _with(A2, 15, 0x80)).gpio == (False, False, False, True)


def test_telemetry_a_tells_errors_where_its_version_has_them():
    """Not in version 0, in a byte of their own in 1, in the state byte in 2."""
    told = [decode(ESTIMOTE_SERVICE, _with(a, 15, 0x04)) for a in (A0, A1, A2)]
    assert [(frame.firmware_error, frame.clock_error) for frame in told] == [
        (None, None),
        (False, False),
        (True, False),
    ]
    told = [decode(ESTIMOTE_SERVICE, _with(a, 15, 0x08, 0x02)) for a in (A1, A2)]
    assert [(frame.firmware_error, frame.clock_error) for frame in told] == [(False, True), (False, True)]


def test_pressure_is_of_version_2_and_null_when_all_bits_are_set():
    """The number is little-endian in 1/256 Pa; zero is a value."""
    pressures = [decode(ESTIMOTE_SERVICE, frame).pressure_pa for frame in (A0, A1, A2)]
    assert pressures == [None, None, 0]
    assert decode(ESTIMOTE_SERVICE, _with(A2, 16, 0, 0, 0, 1)).pressure_pa == 65536
    assert decode(ESTIMOTE_SERVICE, _with(A2, 16, 255, 255, 255, 255)).pressure_pa is None
    assert decode(ESTIMOTE_SERVICE, _with(A2, 16, 254, 255, 255, 255)).pressure_pa is not None


def test_telemetry_b_tells_battery_and_errors_where_its_version_has_them():
    """Version 0 has error bits where later ones have the battery's percentage."""
    v0, v1 = (decode(ESTIMOTE_SERVICE, _with(_with(B2, 0, first), 19, 0x01)) for first in (0x02, 0x12))
    assert (v0.battery_percent, v0.firmware_error, v0.clock_error) == (None, True, False)
    assert (v1.battery_percent, v1.firmware_error, v1.clock_error) == (1, None, None)


def test_telemetry_b_tells_what_it_has_not_measured():
    """All bits set in voltage, percentage or light are null; the magnetic field is 0, 0, 0 until calibrated."""
    frame = decode(ESTIMOTE_SERVICE, B2[:10] + b"\x00\x00\x00\xff\x00\x00\x00\xfc\xff\xff")
    assert isinstance(frame, TelemetryB)
    assert (frame.light_lux, frame.battery_mv, frame.battery_percent) == (None, None, None)
    assert frame.magnetic_field_norm == (0, 0, 0)
    assert decode(ESTIMOTE_SERVICE, _with(B2, 13, 0xF0)).light_lux == 0
    assert decode(ESTIMOTE_SERVICE, _with(B2, 13, 0xFE)).light_lux == pytest.approx(2**15 * 14 * 0.72)


def test_telemetry_b_reads_its_packed_bits():
    """Uptime, unit, temperature and voltage share bytes 14 to 18 and do not leak into one another."""
    seconds = [decode(ESTIMOTE_SERVICE, _with(B2, 14, 0xFF, unit << 4 | 0x0F)).uptime_s for unit in range(4)]
    assert seconds == [4095, 4095 * 60, 4095 * 3_600, 4095 * 86_400]
    cold = decode(ESTIMOTE_SERVICE, _with(B2, 14, 0, 0xC0, 0xFF, 0x03, 0))
    assert (cold.uptime_s, cold.temperature_c, cold.battery_mv) == (0, -1 / 16, 0)
    low = decode(ESTIMOTE_SERVICE, _with(B2, 14, 0, 0, 0, 0x06, 1))
    assert (low.temperature_c, low.battery_mv) == (-128, 65)


def test_the_other_bits_of_byte_9_are_not_read():
    """Only bits 0 and 1 name the subframe."""
    assert isinstance(decode(ESTIMOTE_SERVICE, _with(A2, 9, 0xFC)), TelemetryA)
    assert isinstance(decode(ESTIMOTE_SERVICE, _with(B2, 9, 0xFD)), TelemetryB)


@pytest.mark.parametrize(
    "frame",
    [
        *(bytes([0x20 | kind]) for kind in range(16) if kind not in {0, 2}),
        *(bytes([version << 4 | 2]) for version in range(3, 16)),
        _with(B2, 9, 2),
        _with(B2, 9, 3),
        B2[:9] + b"\x03",
    ],
)
def test_an_unknown_estimote_frame_is_kept_raw(frame):
    """Other types, versions and subframes are told apart by type and version, with all their bytes."""
    assert decode(ESTIMOTE_SERVICE, frame) == UnknownEstimote(frame[0] & 15, frame[0] >> 4, frame.hex())


def test_connectivity_links_the_short_id_to_the_whole_one():
    """In any version; what follows the id is kept as bytes."""
    frame = decode(ESTIMOTE_SERVICE, b"\x50" + CONNECTIVITY[1:] + b"\x61\x44")
    assert frame == Connectivity("ceaac4fd251b1e35", "ceaac4fd251b1e35f267cd2ed3cf850b", 5, "6144")


# --- whole adverts


def _structure(kind: int, content: bytes) -> bytes:
    return bytes([len(content) + 1, kind]) + content


APPLE_STRUCTURE = _structure(0xFF, b"\x4c\x00" + IBEACON)
EID_STRUCTURE = _structure(0x16, b"\xaa\xfe" + EID)


def test_the_first_structure_of_a_known_format_is_the_answer():
    """Flags, names, other companies and malformed ones before it do not matter."""
    noise = b"\x02\x01\x06" + _structure(0x09, b"badge") + _structure(0xFF, b"\x59\x00" + IBEACON)
    broken = _structure(0x16, b"\xaa\xfe" + EID[:-1]) + _structure(0xFF, b"\x4c") + _structure(0x16, b"") + b"\x01\xff"
    assert isinstance(decode_advert(noise + broken + APPLE_STRUCTURE + EID_STRUCTURE), IBeacon)
    assert isinstance(decode_advert(noise + broken + EID_STRUCTURE + APPLE_STRUCTURE), EddystoneEid)


def test_a_zero_length_ends_the_advert():
    """What stands before counts, what follows does not."""
    assert decode_advert(b"\x02\x01\x06\x00" + APPLE_STRUCTURE) is None
    assert isinstance(decode_advert(EID_STRUCTURE + b"\x00" + APPLE_STRUCTURE), EddystoneEid)


def test_a_structure_that_runs_over_the_end_is_not_used():
    """Not even as far as it goes; what stands before stays good."""
    assert decode_advert(APPLE_STRUCTURE[:-1]) is None
    long = bytes([len(APPLE_STRUCTURE) + 5]) + APPLE_STRUCTURE[1:]
    assert decode_advert(long) is None
    assert isinstance(decode_advert(EID_STRUCTURE + long), EddystoneEid)


def test_only_16_bit_service_data_and_manufacturer_data_matter():
    """The same bytes under another AD type say nothing; a company is not a UUID."""
    others = [decode_advert(_structure(kind, b"\x4c\x00" + IBEACON)) for kind in range(256) if kind != 0xFF]
    assert not any(others)
    assert decode_advert(_structure(0xFF, b"\xaa\xfe" + EID)) is None
    assert decode_advert(_structure(0x21, b"\xaa\xfe" + EID)) is None


def test_structures_come_in_the_order_of_the_packet():
    """With the slot in front, and without company id or UUID."""
    advert = b"\x02\x01\x06" + EID_STRUCTURE + APPLE_STRUCTURE
    assert list(structures(advert)) == [(EDDYSTONE, EID), (APPLE, IBEACON)]
