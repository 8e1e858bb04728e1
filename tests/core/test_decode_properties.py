"""Whatever the bytes, decoding does not raise; whatever the fields, they come back as they were sent."""

import json
import struct
from dataclasses import astuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehub.core.advert import APPLE, EDDYSTONE, ESTIMOTE_NEARABLE, ESTIMOTE_SERVICE
from edgehub.core.badge import badge_keys
from edgehub.core.decode import decode, decode_advert, malformed, structures, to_dict
from edgehub.core.venue import BadgeScheme
from tests.core.packets import SLOTS, Mutations

IDENTITY_FORMATS = {
    "ibeacon",
    "eddystone-uid",
    "estimote-nearable",
    "estimote-telemetry-a",
    "estimote-telemetry-b",
    "estimote-connectivity",
}

bytes_ = st.binary(max_size=40)
u8, s8 = st.integers(0, 255), st.integers(-128, 127)
u16, u32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF)


def _holds(slot, payload):
    """A payload decodes or does not, without raising, and the identity asked for on the hot path says the same."""
    frame = decode(slot, payload)
    keys = badge_keys(BadgeScheme(), slot, payload)
    if frame is None:
        assert keys == ()
        assert malformed(slot, payload) in {None, "ibeacon", "eddystone", "nearable", "estimote"}
        return
    json.dumps(to_dict(frame))
    assert malformed(slot, payload) is None
    assert bool(keys) == (frame.format in IDENTITY_FORMATS)


@given(st.sampled_from([*SLOTS, 0, 0x59]), bytes_)
def test_decoding_never_raises(slot, payload):
    """Any bytes under any slot."""
    _holds(slot, payload)


@given(st.binary(max_size=80))
def test_a_whole_advert_never_raises(advert):
    """Any bytes, over-running structures included; a structure found lies within the advert."""
    decode_advert(advert)
    assert all(slot in SLOTS and payload in advert for slot, payload in structures(advert))


@given(st.lists(st.tuples(st.sampled_from([0x01, 0x09, 0x16, 0xFF]), bytes_), max_size=5), st.integers(0, 60))
def test_an_advert_cut_short_keeps_what_stands_before(parts, cut):
    """The structures of a cut advert are the first ones of the whole."""
    advert = b"".join(bytes([len(content) + 1, kind]) + content for kind, content in parts)
    whole, short = list(structures(advert)), list(structures(advert[:cut]))
    assert short == whole[: len(short)]


def _mutate(count, seed):
    mutations = Mutations(seed)
    found = 0
    for _ in range(count):
        slot, payload = mutations.next()
        _holds(slot, payload)
        found += decode_advert(payload) is not None
    return found


def test_mutated_packets_never_raise():
    """200 000 packets that once were good, each as a structure and as a whole advert; some still are good."""
    assert _mutate(200_000, seed=1) > 1_000


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_million_mutated_packets_never_raise():
    """1 000 000 more."""
    assert _mutate(1_000_000, seed=2) > 10_000


# --- there and back


@given(st.uuids(), u16, u16, s8, bytes_)
def test_an_ibeacon_comes_back(uuid: UUID, major, minor, power, rest):
    """Every UUID, major, minor and power."""
    payload = b"\x02\x15" + uuid.bytes + struct.pack(">HHb", major, minor, power) + rest
    assert astuple(decode(APPLE, payload)) == (str(uuid), major, minor, power)


@given(st.binary(min_size=10, max_size=10), st.binary(min_size=6, max_size=6), s8, st.sampled_from([b"", b"\x01\x02"]))
def test_a_uid_comes_back(namespace, instance, power, reserved):
    """Every namespace, instance and power."""
    frame = decode(EDDYSTONE, struct.pack(">Bb", 0, power) + namespace + instance + reserved)
    assert astuple(frame) == (namespace.hex(), instance.hex(), power)


@given(st.integers(1, 0xFFFF), st.integers(-0x7FFF, 0x7FFF), u32, u32)
def test_tlm_comes_back(battery, temperature, adverts, tenths):
    """Every reading that is one."""
    frame = decode(EDDYSTONE, struct.pack(">BBHhII", 0x20, 0, battery, temperature, adverts, tenths))
    assert astuple(frame) == (battery, temperature / 256, adverts, tenths / 10)


@given(st.binary(min_size=12, max_size=12), st.binary(min_size=2, max_size=2), st.binary(min_size=2, max_size=2))
def test_etlm_comes_back(data, salt, mic):
    """As opaque bytes."""
    assert astuple(decode(EDDYSTONE, b"\x20\x01" + data + salt + mic)) == (data.hex(), salt.hex(), mic.hex())


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=17), s8)
def test_a_plain_url_comes_back(text, power):
    """Every printable character."""
    assert astuple(decode(EDDYSTONE, struct.pack(">BbB", 0x10, power, 3) + text.encode())) == ("https://" + text, power)


@given(
    who=st.binary(min_size=8, max_size=8),
    temperature=st.integers(-2048, 2047),
    voltage=st.integers(0, 1023),
    moving=st.booleans(),
    stress=st.booleans(),
    axes=st.tuples(s8, s8, s8),
)
def test_a_nearable_comes_back(*, who, temperature, voltage, moving, stress, axes):
    """Every temperature, voltage, state and acceleration."""
    packed = temperature & 0xFFF | voltage << 12 | moving << 22 | stress << 23
    payload = b"\x01" + who + b"\x04\x81" + packed.to_bytes(3, "little") + struct.pack("bbb", *axes) + b"\x05\x06"
    frame = decode(ESTIMOTE_NEARABLE, payload)
    assert (frame.nearable_id, frame.temperature_c, frame.moving) == (who.hex(), temperature / 16, moving)
    assert frame.battery_mv == pytest.approx(voltage * 3600 / 1023)
    assert frame.battery_state == ("stress" if stress else "idle")
    assert frame.acceleration_mg == tuple(axis * 15.625 for axis in axes)


@given(
    who=st.binary(min_size=8, max_size=8),
    version=st.sampled_from([1, 2]),
    axes=st.tuples(s8, s8, s8),
    light=st.integers(0, 0xFE),
    minutes=st.integers(0, 0xFFF),
    temperature=st.integers(-2048, 2047),
    battery=st.integers(0, 0x3FFE),
    percent=st.integers(0, 0xFE),
)
def test_telemetry_b_comes_back(*, who, version, axes, light, minutes, temperature, battery, percent):
    """Every reading that is one."""
    packed = minutes | 1 << 12 | (temperature & 0xFFF) << 14 | battery << 26
    payload = bytes([version << 4 | 2]) + who + b"\x01" + struct.pack("bbbB", *axes, light)
    frame = decode(ESTIMOTE_SERVICE, payload + packed.to_bytes(5, "little") + bytes([percent]))
    assert (frame.short_id, frame.protocol_version, frame.uptime_s) == (who.hex(), version, minutes * 60)
    assert (frame.temperature_c, frame.battery_mv, frame.battery_percent) == (temperature / 16, battery, percent)
    assert frame.magnetic_field_norm == tuple(axis / 128 for axis in axes)
    assert frame.light_lux == pytest.approx(2 ** (light >> 4) * (light & 15) * 0.72)
