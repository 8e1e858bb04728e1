"""Every advert of an enrolled badge is a sighting of it, whatever it carries; all else is counted and dropped."""

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from edgehub.core.advert import APPLE, EDDYSTONE, ESTIMOTE_NEARABLE, ESTIMOTE_SERVICE, Advertisement
from edgehub.core.badge import badge_keys, canonical_badge
from edgehub.core.decode.estimote import TelemetryA
from edgehub.core.decode.ibeacon import IBeacon
from edgehub.core.sightings import Sightings
from edgehub.core.venue import BadgeScheme

UUID = "f7826da6-4fa2-4e98-8024-bc5b71e0893e"
SCHEME = BadgeScheme(UUID, 1)
STICKER = "1efe427eb6f4bc2f"


def ibeacon(minor, major=1, uuid=UUID):
    """An iBeacon's structure."""
    numbers = major.to_bytes(2, "big") + minor.to_bytes(2, "big")
    return APPLE, b"\x02\x15" + bytes.fromhex(uuid.replace("-", "")) + numbers + b"\xc5"


def uid(instance):
    """An Eddystone UID's structure."""
    return EDDYSTONE, b"\x00\xee" + bytes(10) + instance.to_bytes(6, "big")


def telemetry(short_id, sensor=0, first=0x22):
    """A Telemetry A's structure."""
    return ESTIMOTE_SERVICE, bytes([first]) + short_id.to_bytes(8, "big") + bytes([0, sensor]) + bytes(9)


def tlm(count=0):
    """A TLM's structure."""
    return EDDYSTONE, b"\x20\x00" + bytes(4) + count.to_bytes(4, "big") + bytes(4)


NEARABLE = ESTIMOTE_NEARABLE, bytes.fromhex("011efe427eb6f4bc2f040168a1aafe05c1452553")
URL = EDDYSTONE, b"\x10\x00\x02a"
EID = EDDYSTONE, b"\x30" + bytes(9)
APPLE_NEARBY = APPLE, b"\x10\x05\x01\x02\x03\x04\x05"
STRANGE_FE9A = ESTIMOTE_SERVICE, b"\x21" + bytes(12)


class Ear:
    """A Sightings, told one advert after another."""

    def __init__(self, known, **limits):
        self.known = known
        self.sightings = Sightings(SCHEME, self._named, **limits)
        self._at = itertools.count()

    def hears(self, address, *payloads, at=None):
        """The badge one advert is a sighting of, or None."""
        return next((badge for badge, *_ in self.read(address, *payloads, at=at)), None)

    def read(self, address, *payloads, at=None):
        """All sightings of one advert."""
        at = next(self._at) if at is None else at
        return self.sightings.read([Advertisement("pi", address, -60, float(at), payloads)])

    def enrols(self, known, scheme=SCHEME):
        """Other badges count from now on."""
        self.known = known
        self.sightings.forget(scheme)

    def _named(self, badge):
        return badge if self.known is None or badge in self.known else None


def test_a_sighting_says_who_heard_whom_how_loud_and_when():
    """In the order heard, once an advert."""
    sightings = Sightings(SCHEME, {"7": "7", "8": "8"}.get)
    batch = [
        Advertisement("pi-1", "A", -61, 1.0, (ibeacon(7),)),
        Advertisement("pi-2", "B", -62, 1.5, (ibeacon(8),)),
        Advertisement("pi-1", "C", -63, 1.6, (APPLE_NEARBY,)),
        Advertisement("pi-1", "A", -64, 1.7, (ibeacon(7),)),
    ]
    assert sightings.read(batch) == [("7", "pi-1", -61, 1.0), ("8", "pi-2", -62, 1.5), ("7", "pi-1", -64, 1.7)]
    assert (sightings.heard, sightings.unknown, sightings.malformed) == (4, 0, {})
    assert sightings.read([]) == []


def test_a_badge_that_is_not_enrolled_is_only_counted():
    """Every advert of it counts, also the same one again."""
    ear = Ear({"7"})
    assert [ear.hears("A", ibeacon(8)) for _ in range(3)] == [None] * 3
    assert ear.sightings.unknown == 3
    assert ear.hears("P", APPLE_NEARBY) is None
    assert (ear.sightings.unknown, ear.sightings.heard) == (3, 4)


def test_without_a_list_every_badge_counts():
    """And phones still do not."""
    ear = Ear(None)
    assert ear.hears("A", ibeacon(8)) == "8"
    assert ear.hears("B", uid(1)) == "eddystone:00000000000000000000/000000000001"
    assert ear.hears("P", APPLE_NEARBY) is None
    assert ear.hears("Q", EID) is None


def test_every_format_from_one_address_counts_to_its_badge():
    """The enrolled identity names the address; TLM, URL, EID, unknown frames and identities nobody enrolled follow it."""
    ear = Ear({"7"})
    formats = [ibeacon(7), uid(5), telemetry(9), telemetry(9, sensor=1), tlm(1), URL, EID, STRANGE_FE9A, APPLE_NEARBY]
    assert [ear.hears("A", payload) for payload in formats * 3] == ["7"] * 27
    assert ear.sightings.unknown == 0


def test_frames_before_the_first_identity_name_nobody():
    """A TLM from an address not yet named is not guessed about."""
    ear = Ear({"7"})
    assert ear.hears("A", tlm(1)) is None
    assert ear.hears("A", ibeacon(7)) == "7"
    assert ear.hears("A", tlm(2)) == "7"


def test_merged_structures_are_one_sighting_of_the_enrolled_one():
    """BlueZ hands several structures in one callback, in any order."""
    ear = Ear({"7"})
    for address, payloads in enumerate(itertools.permutations([uid(5), ibeacon(7), tlm(1), telemetry(3)])):
        for count in range(3):
            changed = [tlm(count) if payload == tlm(1) else payload for payload in payloads]
            assert [badge for badge, *_ in ear.read(str(address), *changed)] == ["7"]


def test_a_stranger_that_turns_out_to_be_enrolled_is_named():
    """First its second identity alone is heard, then a frame with both."""
    ear = Ear({"7"})
    assert ear.hears("A", uid(5)) is None
    assert ear.hears("A", uid(5), ibeacon(7)) == "7"
    assert ear.hears("A", uid(5)) == "7"


def test_an_address_used_again_by_another_badge_is_noticed():
    """An enrolled one at once, an unknown one of the same format at once."""
    ear = Ear({"7", "8"})
    assert [ear.hears("A", ibeacon(minor)) for minor in (7, 8, 7, 9, 9, 8)] == ["7", "8", "7", None, None, "8"]
    assert ear.sightings.unknown == 2
    assert ear.hears("A", ibeacon(9)) is None
    assert ear.hears("A", tlm(1)) is None, "the badge that had the address does not get the stranger's frames"


def test_a_sticker_and_its_ibeacon_are_one_badge():
    """The Nearable id, and the iBeacon D0D3FA86-CA76-45EC-9BD9-6AF4 + id, have the same key, from any address."""
    twin = ibeacon(48175, 46836, "d0d3fa86-ca76-45ec-9bd9-6af41efe427e")
    assert badge_keys(SCHEME, *twin) == badge_keys(SCHEME, *NEARABLE) == (f"nearable:{STICKER}",)
    ear = Ear({f"nearable:{STICKER}"})
    assert [ear.hears(address, frame) for address in "AB" for frame in (NEARABLE, twin)] == [f"nearable:{STICKER}"] * 4


def test_a_beacon_is_the_same_in_telemetry_and_connectivity():
    """Its short id is the first half of its identifier, in every version and subframe."""
    short = int("ceaac4fd251b1e35", 16)
    connectivity = ESTIMOTE_SERVICE, bytes.fromhex("00ceaac4fd251b1e35f267cd2ed3cf850b614440")
    keys = {badge_keys(SCHEME, *frame) for frame in (connectivity, telemetry(short), telemetry(short, first=0x12))}
    assert keys == {("estimote:ceaac4fd251b1e35",)}


def test_a_malformed_advert_is_counted_by_kind_each_time():
    """Also when the same bytes come again; other people's traffic is not malformed."""
    ear = Ear({"7"})
    slot, payload = ibeacon(7)
    for _ in range(3):
        assert ear.hears("A", (slot, payload[:-2])) is None
    ear.hears("B", (EDDYSTONE, b"\x20\x09"))
    ear.hears("B", (ESTIMOTE_SERVICE, b""))
    ear.hears("B", (ESTIMOTE_NEARABLE, b"\x01"))
    ear.hears("C", (EDDYSTONE, b"\x41\x1b"))
    ear.hears("C", APPLE_NEARBY)
    assert ear.sightings.malformed == {"ibeacon": 3, "eddystone": 1, "estimote": 1, "nearable": 1}


def test_a_malformed_frame_of_a_known_badge_is_still_a_sighting():
    """The radio heard it; what it could not say does not matter."""
    ear = Ear({"7"})
    ear.hears("A", ibeacon(7))
    assert ear.hears("A", (EDDYSTONE, b"\x20\x00")) == "7"
    assert ear.sightings.malformed == {"eddystone": 1}


def test_enrolling_takes_effect_at_once():
    """For a badge already heard, in both directions; and with a new scheme."""
    ear = Ear(set())
    assert ear.hears("A", ibeacon(7)) is None
    ear.enrols({"7"})
    assert ear.hears("A", ibeacon(7)) == "7"
    ear.enrols({"1-7"}, BadgeScheme(UUID))
    assert ear.hears("A", ibeacon(7)) == "1-7"
    ear.enrols({"8"}, BadgeScheme(UUID))
    assert ear.hears("A", ibeacon(7)) is None
    assert ear.hears("A", tlm(1)) is None


def test_the_table_of_addresses_is_bounded_by_count():
    """Phones that change their address all the time do not grow it, nor push out a badge that keeps talking."""
    ear = Ear({"7"}, max_addresses=100)
    for number in range(1_000):
        ear.hears(f"P{number}", APPLE_NEARBY)
        assert ear.hears("A", ibeacon(7)) == "7"
        assert sum(1 for _ in ear.sightings._senders()) <= 100
    assert ear.hears("A", tlm(1)) == "7"


def test_the_table_of_addresses_is_bounded_by_age():
    """An address silent for the age given names nobody any more; one that talks is kept."""
    ear = Ear({"7", "8"}, max_age_s=100)
    for at in range(0, 300, 10):
        ear.hears("A", ibeacon(7), at=at)
        if at == 0:
            ear.hears("B", ibeacon(8), at=at)
    assert ear.hears("A", tlm(1), at=300) == "7"
    assert ear.hears("B", tlm(1), at=300) is None


def test_sensors_are_decoded_when_asked_for():
    """The last frame of every address of a badge."""
    ear = Ear({"7", "estimote:0000000000000009"})
    ear.hears("A", telemetry(9, sensor=1))
    ear.hears("A", telemetry(9, sensor=2))
    ear.hears("B", ibeacon(7))
    (frame,) = ear.sightings.frames("estimote:0000000000000009")
    assert isinstance(frame, TelemetryA)
    assert frame.acceleration_mg[0] > 30
    assert ear.sightings.frames("7") == [IBeacon(UUID, 1, 7, -59)]
    assert ear.sightings.frames("8") == []


@given(st.integers(0, 2**32), st.integers(2, 40))
def test_the_cache_changes_nothing(seed, most):
    """Single-format badges on addresses that are used again get the same answers as without any memory."""
    rng = random.Random(seed)
    known = {"1", "2", "3", "eddystone:00000000000000000000/000000000004"}
    ear = Ear(known, max_addresses=most)
    for _ in range(60):
        frame = rng.choice([ibeacon(rng.randrange(1, 6)), ibeacon(1, major=2)])
        (key,) = badge_keys(SCHEME, *frame)
        assert ear.hears(rng.choice("ABCDEFGH"), frame) == (key if key in known else None)


# --- badge keys


def test_an_ibeacon_is_numbered_as_the_venue_says():
    """UUID and major: the minor. UUID alone: major-minor. Any other: the whole key. Case of the UUID does not matter."""
    own, other_major, other = ibeacon(7), ibeacon(7, 2), ibeacon(7, 1, "0" * 32)
    whole = [f"ibeacon:{UUID}/1/7", f"ibeacon:{UUID}/2/7", "ibeacon:00000000-0000-0000-0000-000000000000/1/7"]
    assert [badge_keys(SCHEME, *frame)[0] for frame in (own, other_major, other)] == ["7", *whole[1:]]
    upper = BadgeScheme(UUID.upper())
    assert [badge_keys(upper, *frame)[0] for frame in (own, other_major, other)] == ["1-7", "2-7", whole[2]]
    assert [badge_keys(BadgeScheme(), *frame)[0] for frame in (own, other_major, other)] == whole


def test_what_names_nobody_has_no_key():
    """TLM, URL, EID, unknown and malformed frames, other people's traffic, other slots."""
    for slot, payload in (tlm(), URL, EID, STRANGE_FE9A, APPLE_NEARBY, (0x59, ibeacon(1)[1]), (APPLE, b"\x02\x15")):
        assert badge_keys(SCHEME, slot, payload) == ()


def test_what_staff_write_becomes_the_key_that_packets_have():
    """However it is written: blanks, case, zeros in front, the whole identifier of a beacon."""
    major_minor = BadgeScheme(UUID)
    written = [
        ("1042", SCHEME, "1042"),
        (" 01042 ", SCHEME, "1042"),
        ("1-1042", SCHEME, "1042"),
        ("2/1042", SCHEME, f"ibeacon:{UUID}/2/1042"),
        ("7-1042", major_minor, "7-1042"),
        (f"ibeacon:{UUID.upper()}/1/7", SCHEME, "7"),
        (f"iBeacon:{UUID.replace('-', '')}/3/7", major_minor, "3-7"),
        (f"ibeacon:{UUID}/3/7", BadgeScheme(), f"ibeacon:{UUID}/3/7"),
        ("ibeacon:D0D3FA86-CA76-45EC-9BD9-6AF41EFE427E/46836/48175", SCHEME, f"nearable:{STICKER}"),
        (f"nearable:{STICKER.upper()}", SCHEME, f"nearable:{STICKER}"),
        ("estimote:ceaac4fd251b1e35f267cd2ed3cf850b", SCHEME, "estimote:ceaac4fd251b1e35"),
        ("eddystone:" + "AB" * 10 + "/" + "01" * 6, SCHEME, "eddystone:" + "ab" * 10 + "/" + "01" * 6),
    ]
    assert [canonical_badge(text, scheme) for text, scheme, _ in written] == [key for *_, key in written]


def test_what_names_no_badge_of_this_venue_is_refused():
    """Numbers out of range, a bare number where the venue has none, MAC addresses, anything else."""
    for text in (
        "",
        "x",
        "-1",
        "65536",
        "1-65536",
        "1042a",
        "AA:BB:CC:DD:EE:FF",
        "nearable:12",
        "ibeacon:1/2/3",
        "1e3",
    ):
        assert canonical_badge(text, SCHEME) is None
    assert canonical_badge("1042", BadgeScheme(UUID)) is None
    assert canonical_badge("1042", BadgeScheme()) is None
    assert canonical_badge("1-1042", BadgeScheme()) is None


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.sampled_from([SCHEME, BadgeScheme(UUID), BadgeScheme()]))
def test_a_key_is_its_own_canonical_form(major, minor, scheme):
    """What a packet is called is what the staff may write."""
    for frame in (ibeacon(minor, major), uid(minor), telemetry(major), NEARABLE):
        (key,) = badge_keys(scheme, *frame)
        assert canonical_badge(key, scheme) == key
