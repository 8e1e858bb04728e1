"""The wire: what is written is read back, and whatever else comes is a WireError and nothing worse."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehub.core.profile import BadgeBinding, Profile
from edgehub.core.wire import (
    Ack,
    Anchor,
    Ask,
    At,
    Envelope,
    Epoch,
    HubStatus,
    Identity,
    Mark,
    PeerLevels,
    Poison,
    ProfilesPage,
    SiteTopics,
    Status,
    WireError,
    pages,
    read_batch,
    read_body,
    shed_class,
    succeed,
)
from edgehub.core.wire.envelope import MAX_BATCH, MAX_ENVELOPE, MAX_EVENTS, batch, draft, partition_of, place
from edgehub.core.wire.events import CATALOGUE, SHEDDING_ORDER, VisitLeft, body_dict
from edgehub.core.wire.messages import Level, Levels
from edgehub.core.wire.shapes import Many, shape_of
from edgehub.core.wire.topics import a_name

EPOCH = Epoch(3, "0123456789abcdef")
AT = At("boot", 5_000_000, 1_795_000_000_000_000, "synced")
GUEST = Profile(
    "p1", 7, (BadgeBinding("1042", 5, None),), "Kim", "#ff8800", ("abba",), frozenset({"lights"}), frozenset({"fans"})
)
MESSAGES = [
    Status("online", "s1", EPOCH, {"radio": {"state": "ok"}, "backlog": 3}),
    Status("offline", "s1"),
    HubStatus("online", "g1"),
    Ack(EPOCH, 0, 40, ((42, 45), (50, 50)), "g1"),
    Ask(12, (Mark(EPOCH, 0, 40),)),
    PeerLevels(12.5, "ok", (("1042", -61.5, 3),)),
    Anchor(AT),
    ProfilesPage(0, 9, False, (GUEST, Profile("p2", 9, erased=True))),
]


def stored(seq: int, body: dict[str, Any] | None = None, event_type: str = "zone.occupancy") -> bytes:
    """An event as the outbox keeps it."""
    return place(draft(event_type, shed_class(event_type), AT, body or {"zone": "bar", "count": seq}), identity(seq))


def identity(seq: int) -> Identity:
    return Identity(EPOCH, 0, seq)


def changed(**fields: Any) -> bytes:
    """A batch of one event with these fields put in place of its own."""
    [event] = json.loads(batch([stored(1)], "pi"))
    return json.dumps([event | fields]).encode()


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_is_read_back_as_it_was_written(message: Any) -> None:
    """Every message survives the wire."""
    assert type(message).read(message.to_json()) == message


def test_a_batch_is_read_back_in_order() -> None:
    """Events of a batch keep their order, their identity and the name of the gateway that sends them."""
    events = read_batch(batch([stored(seq) for seq in (1, 2, 3)], "pi-bar"))
    assert [event.identity for event in events] == [identity(1), identity(2), identity(3)]
    assert all(isinstance(event, Envelope) and event.gateway == "pi-bar" for event in events)
    assert [event.body["count"] for event in events if isinstance(event, Envelope)] == [1, 2, 3]


def test_the_largest_batch_fits_a_message() -> None:
    """Fifty events are read, fifty-one are not."""
    assert len(read_batch(batch([stored(seq) for seq in range(1, MAX_EVENTS + 1)], "pi"))) == MAX_EVENTS
    with pytest.raises(WireError):
        read_batch(batch([stored(seq) for seq in range(1, MAX_EVENTS + 2)], "pi"))


@pytest.mark.parametrize(
    "fields",
    [
        {"v": 2},
        {"v": True},
        {"at": {}},
        {"at": AT.to_json() | {"wall_us": 1.5}},
        {"body": []},
        {"type": ""},
        {"type": 7},
        {"body": {"text": "x" * MAX_ENVELOPE}},
        {"body": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}}},
    ],
    ids=str,
)
def test_an_event_that_cannot_be_read_is_poison_with_an_identity(fields: dict[str, Any]) -> None:
    """A later version, a wrong field, one too large or too deep: set aside, and its sequence still known."""
    [event] = read_batch(changed(**fields))
    assert isinstance(event, Poison)
    assert event.identity == identity(1)


def test_one_bad_event_does_not_spoil_its_batch() -> None:
    """The neighbours of a poison event are read."""
    events = json.loads(batch([stored(1), stored(2), stored(3)], "pi"))
    events[1]["v"] = 99
    assert [type(event) for event in read_batch(json.dumps(events).encode())] == [Envelope, Poison, Envelope]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"[1]",
        b"[",
        b"[{}]",
        b"\xff",
        b"[NaN]",
        b"[" * 100_000,
        b"[" * 30_000 + b"]" * 30_000,
        b"[" + b"9" * 5_000 + b"]",
        b" " * (MAX_BATCH + 1),
        batch([stored(1)], "pi") + b"x",
        b'[{"epoch":{"start":1,"start":2,"nonce":"0123456789abcdef"},"partition":0,"seq":1}]',
        changed(seq=0),
        changed(seq=2**53),
        changed(seq="1"),
        changed(epoch={"start": 1, "nonce": "XYZ"}),
    ],
    ids=lambda data: repr(data[:40]),
)
def test_a_batch_without_identities_is_refused(data: bytes) -> None:
    """Whatever is no batch is a WireError."""
    with pytest.raises(WireError):
        read_batch(data)


def test_unknown_fields_are_ignored() -> None:
    """A version may grow without breaking those who know less."""
    assert isinstance(read_batch(changed(colour="blue", more={"x": [1, 2]}))[0], Envelope)
    grown = json.dumps(json.loads(MESSAGES[3].to_json()) | {"mood": "good"}).encode()
    assert Ack.read(grown) == MESSAGES[3]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", str(2**53), str(-(2**64))])
def test_numbers_beyond_the_contract_are_refused(number: str) -> None:
    """JavaScript reads these messages too."""
    with pytest.raises(WireError):
        PeerLevels.read(b'{"t":%s,"radio":"ok","levels":[]}' % number.encode())


def test_half_a_surrogate_pair_is_refused() -> None:
    """Text that cannot be written to a database is no text."""
    with pytest.raises(WireError):
        HubStatus.read(b'{"state":"\\ud800","generation":"g"}')


@given(st.binary(max_size=400))
def test_no_bytes_make_a_reader_fail_otherwise(data: bytes) -> None:
    """Random bytes are a message or a WireError."""
    for read in (read_batch, *(type(message).read for message in MESSAGES)):
        with contextlib.suppress(WireError):
            read(data)


@given(st.data())
def test_no_mutation_makes_a_reader_fail_otherwise(data: st.DataObject) -> None:
    """Messages with bytes replaced, removed or put in are messages or WireErrors."""
    sources = [(type(message).read, message.to_json()) for message in MESSAGES]
    read, payload = data.draw(st.sampled_from([*sources, (read_batch, batch([stored(1), stored(2)], "pi"))]))
    mutated = bytearray(payload)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutated)))
        piece = data.draw(
            st.one_of(st.binary(max_size=3), st.sampled_from([b"null", b"[]", b"{}", b'"', b"1e9", b"-1"]))
        )
        mutated[at : at + data.draw(st.integers(0, 4))] = piece
    with contextlib.suppress(WireError):
        read(bytes(mutated))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from(sorted(CATALOGUE)),
    st.dictionaries(st.sampled_from(["visit", "person", "zone", "count", "ranges", "entered_at", "evidence"]), JSON),
)
def test_no_body_makes_the_catalogue_fail_otherwise(event_type: str, raw: dict[str, Any]) -> None:
    """A body of any content is typed or a WireError."""
    with contextlib.suppress(WireError):
        read_body(event_type, raw)


def test_bodies_are_read_as_they_were_written() -> None:
    """A body survives, and an unknown type has no body but is no error."""
    left = VisitLeft(visit="v", person="p", zone="z", entered_at=1, left_at=2, dwell_s=1.0)
    assert read_body("visit.left", body_dict(left)) == left
    assert read_body("party.started", {"loud": True}) is None


def test_every_event_has_a_class_that_says_when_it_is_shed() -> None:
    """The classes are those of the shedding order; an unknown type goes first."""
    assert {shed_class(event_type) for event_type in CATALOGUE} <= set(SHEDDING_ORDER)
    assert shed_class("store.shed") == SHEDDING_ORDER[-1]
    assert shed_class("party.started") == SHEDDING_ORDER[0]


def test_an_event_too_large_is_refused_where_it_is_made() -> None:
    """What no hub could read is never written down."""
    with pytest.raises(WireError):
        stored(1, {"text": "x" * MAX_ENVELOPE})
    with pytest.raises(WireError):
        stored(1, {"level": float("nan")})


def test_pages_fit_a_message_and_carry_every_profile_once() -> None:
    """Two thousand guests come in pages below the limit, in order of revision, linked by their revisions."""
    guests = [Profile(f"p{n}", n, (BadgeBinding(str(n), 1),), "N" * 60, "#ff8800") for n in range(2000, 0, -1)]
    made = pages(guests, since=0)
    assert all(len(page.to_json()) <= 64 * 1024 for page in made)
    assert [one.revision for page in made for one in page.profiles] == list(range(1, 2001))
    assert [page.more for page in made] == [True] * (len(made) - 1) + [False]
    assert [page.since for page in made] == [0, *(page.upto for page in made[:-1])]


def test_a_page_without_news_says_so() -> None:
    """A gateway that asks always gets an answer."""
    assert pages([], since=5) == [ProfilesPage(5, 5, False, ())]


def test_a_tombstone_carries_nothing_but_its_id() -> None:
    """Nothing of an erased guest travels."""
    page = ProfilesPage(0, 9, False, (Profile("p2", 9, (BadgeBinding("7"),), "Jo", "#ff8800", erased=True),))
    assert b"Jo" not in page.to_json()
    assert b"ff8800" not in page.to_json()


def test_the_death_of_an_earlier_life_is_ignored() -> None:
    """When a gateway takes over its session, the old will may come after the new birth."""
    birth = Status("online", "new", EPOCH, {"radio": {"state": "ok"}})
    assert succeed(birth, Status("offline", "old")) is birth
    assert succeed(birth, Status("offline", "new")).state == "offline"
    assert succeed(None, Status("offline", "old")).state == "offline"
    assert succeed(Status("offline", "old"), birth) is birth


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "a#", "$sys", "x\n", "x" * 65])
def test_names_that_open_other_topics_are_refused(name: str) -> None:
    """A wildcard or a slash in a name never reaches a topic."""
    with pytest.raises(WireError):
        a_name(name)


def test_topics_are_told_apart() -> None:
    """A topic gives the gateway and the rest; another site's is refused."""
    site = SiteTopics("expo")
    assert site.read(site.gateway("pi-bar").events(0)) == ("pi-bar", "up/events/0")
    assert site.read(site.hub_status) == ("hub", "status")
    with pytest.raises(WireError):
        site.read(SiteTopics("expo2").hub_status)


@given(st.text(), st.integers(1, 16))
def test_a_person_stays_in_one_partition(person: str, partitions: int) -> None:
    """Workers can own partitions: a person's events are all in one, impersonal ones in the first."""
    assert partition_of(person, partitions) == partition_of(person, partitions) < partitions
    assert partition_of(None, partitions) == 0


LEVEL_PARTS = [
    st.one_of(st.text(max_size=3), st.just("k" * 128), st.just("k" * 129), st.none(), st.integers(0, 9)),
    st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-9, 9), st.booleans(), st.text(max_size=1)),
    st.one_of(st.integers(-1, 3), st.sampled_from([2**53 - 1, 2**53]), st.booleans(), st.floats(0, 3)),
]
USUAL = st.tuples(st.text(min_size=1, max_size=9), st.floats(-99, -30), st.integers(1, 50)).map(list)
LEVEL_ROWS = st.one_of(
    USUAL, st.tuples(*LEVEL_PARTS).map(list), st.lists(st.integers(), max_size=4), st.text(max_size=3)
)


@given(
    st.one_of(st.lists(USUAL), st.lists(LEVEL_ROWS, max_size=4), st.dictionaries(st.text(max_size=3), USUAL), st.none())
)
def test_levels_read_in_one_pass_are_what_any_array_is(value: Any) -> None:
    """The quick way gives what the general one gives: the same levels of the same types, or the same complaint."""

    def outcome(shape: Many) -> str:
        try:
            return repr(shape.read(value, "levels"))
        except WireError as error:
            return f"refused: {error}"

    assert outcome(Levels(shape_of(Level), 3)) == outcome(Many(shape_of(Level), 3))
