"""The simulated air: what one end packs, the other end reads, however the stream is cut."""

import json
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehub.core import airwave
from edgehub.core.advert import APPLE, EDDYSTONE, ESTIMOTE_NEARABLE, ESTIMOTE_SERVICE, Advertisement
from edgehub.core.airwave import AirwaveError, Decoder, Hello

IBEACON = bytes.fromhex("0201061aff4c000215b5b182c7eab14988aa99b5c1517008d90001cf64c5")
NEARABLE = bytes.fromhex("02010403030f1817ff5d01011efe427eb6f4bc2f040168a1aafe05c1452553")
FOREIGN = bytes.fromhex("0201061aff590002150112233445566778899aabbccddeeff0000100c3bb")

adverts = st.binary(max_size=255) | st.sampled_from([IBEACON, NEARABLE, FOREIGN])
records = st.lists(
    st.tuples(
        st.floats(allow_nan=False, allow_infinity=False),
        st.integers(-128, 127),
        st.binary(min_size=6, max_size=6),
        adverts,
    ),
    max_size=20,
)


def chunks(stream: bytes, cuts: list[int]) -> list[bytes]:
    """Cut the stream at the given places, wrapped into its length."""
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges)]


@given(records, st.lists(st.integers(min_value=0), max_size=30))
def test_any_cut_of_the_stream_gives_the_same_advertisements(sent, cuts):
    """Chunks are an accident of the socket: the advertisements do not depend on them."""
    decoder = Decoder("pi")
    read = [
        advert
        for chunk in chunks(b"".join(airwave.pack_record(*r) for r in sent), cuts)
        for advert in decoder.feed(chunk)
    ]
    expected = [
        Advertisement("pi", address.hex(":").upper(), rssi, at, airwave.payloads(ad))
        for at, rssi, address, ad in sent
        if airwave.payloads(ad)
    ]
    assert read == expected
    assert decoder.heard == len(sent)


@given(st.lists(st.binary(max_size=600), max_size=8))
def test_garbage_is_refused_in_words_or_read_as_records(stream):
    """Whatever comes over the socket, the decoder never raises anything but AirwaveError and never hoards bytes."""
    decoder = Decoder("pi")
    with suppress(AirwaveError):
        for chunk in stream:
            decoder.feed(chunk)
            assert len(decoder._rest) < 17 + 255


@pytest.mark.parametrize("at", [float("nan"), float("inf"), float("-inf")])
def test_a_record_without_a_time_is_refused(at):
    """A time that is no number would poison every deadline behind it."""
    with pytest.raises(AirwaveError):
        Decoder("pi").feed(airwave.pack_record(at, -60, bytes(6), IBEACON))


def test_only_the_four_structures_are_kept():
    """Another company's bytes in the very shape of an iBeacon are dropped before any parsing."""
    assert airwave.payloads(IBEACON) == ((APPLE, IBEACON[7:]),)
    assert airwave.payloads(NEARABLE) == ((ESTIMOTE_NEARABLE, NEARABLE[11:]),)
    assert airwave.payloads(FOREIGN) == ()
    decoder = Decoder("pi")
    assert decoder.feed(airwave.pack_record(1.0, -60, bytes(6), FOREIGN)) == []
    assert decoder.heard == 1


def test_a_company_is_no_service():
    """0x004C as a service UUID and 0xFE9A as a company are other number spaces."""
    assert airwave.payloads(bytes.fromhex("0516 4c00 0215")) == ()
    assert airwave.payloads(bytes.fromhex("05ff 9afe 0215")) == ()


def test_zero_length_ends_and_an_overrunning_structure_is_unused():
    """Padding after a zero length is not parsed, and half a structure is not half read."""
    eddystone = bytes.fromhex("0516aafe2000")
    assert airwave.payloads(eddystone + b"\x00" + eddystone) == ((EDDYSTONE, b"\x20\x00"),)
    assert airwave.payloads(eddystone[:-1]) == ()
    assert airwave.payloads(b"\x02\x16\xaa") == ()
    assert airwave.payloads(b"\x1f") == ()
    assert airwave.payloads(b"\x03\x16\xaa\xfe") == ((EDDYSTONE, b""),)


@given(st.binary(max_size=255))
def test_splitting_never_raises(ad):
    """Any bytes are a payload; at worst an empty one."""
    assert all(slot in {APPLE, ESTIMOTE_NEARABLE, ESTIMOTE_SERVICE, EDDYSTONE} for slot, _ in airwave.payloads(ad))


@given(
    st.lists(
        st.tuples(st.sampled_from([APPLE, ESTIMOTE_NEARABLE, ESTIMOTE_SERVICE, EDDYSTONE]), st.binary(max_size=27)),
        max_size=4,
    )
)
def test_building_a_payload_and_splitting_it_are_inverse(structures):
    """What the simulated beacon sends is what the gateway reads."""
    assert airwave.payloads(airwave.advertising_data(tuple(structures))) == tuple(structures)


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(min_value=0.001, max_value=1e4),
    st.integers(0, 2**60),
    st.text(min_size=1),
)
def test_the_opening_lines_survive_the_trip(t, speed, wall_us, receiver):
    """Both opening lines are one line of JSON and come back as they went."""
    hello = Hello(t, speed, wall_us, receiver)
    assert airwave.pack_hello(hello).count(b"\n") == 1
    assert airwave.parse_hello(airwave.pack_hello(hello)) == hello
    assert airwave.parse_request(airwave.pack_request(receiver)) == receiver


GOOD = {"edgehub_radio": 1, "t": 0, "speed": 1, "wall_us": 0, "receiver": "pi"}


@pytest.mark.parametrize(
    "change",
    [{"t": "0"}, {"t": float("nan")}, {"speed": 0}, {"speed": -1}, {"wall_us": 1.5}, {"receiver": 7}, {"t": None}],
)
def test_a_bad_opening_line_is_refused(change):
    """A hello with one wrong field starts no clock."""
    with pytest.raises(AirwaveError, match="no simulated radio"):
        airwave.parse_hello(json.dumps(GOOD | change).encode())


def test_another_version_is_named():
    """Whoever mixes versions is told which two."""
    with pytest.raises(AirwaveError, match="version 2, this edgehub speaks 1"):
        airwave.parse_hello(json.dumps(GOOD | {"edgehub_radio": 2}).encode())


@given(st.binary(max_size=200))
def test_garbage_for_an_opening_line_is_refused(line):
    """An HTTP server, a shell, noise: all are refused with AirwaveError, never anything else."""
    for parse in (airwave.parse_hello, airwave.parse_request):
        with pytest.raises(AirwaveError):
            parse(line)


def test_memory_is_bounded_whatever_rotates():
    """Phones change addresses and payloads for ever; the decoder remembers a bounded number of them."""
    decoder = Decoder("pi")
    for i in range(20_000):
        body = airwave.advertising_data(((APPLE, i.to_bytes(4, "big")),))
        decoder.feed(airwave.pack_record(0.0, -60, i.to_bytes(6, "big"), body))
    assert len(decoder._last) <= 8192
    assert len(decoder._payloads) <= 8192
