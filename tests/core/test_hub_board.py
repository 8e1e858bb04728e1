"""The hub's picture of the venue."""

import pytest

from edgehub.core.profile import Profile
from edgehub.core.venue import Privacy, Venue, Zone
from edgehub.core.wire import Epoch, Status
from edgehub.core.wire.events import LightShown
from edgehub.hub.board import GREETED_US, Board
from edgehub.hub.ledger import Ledger, Stay
from edgehub.hub.people import Person
from edgehub.hub.roster import Roster

NOW_US = 1_800_000_000_000_000
ADA = Profile("ada", 1, first_name="Ada", colour="#ff8800", consent=frozenset({"lights", "offers"}))


class Wall:
    """A clock that stands where it is put."""

    now_us = NOW_US

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def wall() -> Wall:
    return Wall()


def board(wall: Wall, *stays: Stay) -> Board:
    venue = Venue({"bar": Zone("bar", "Bar"), "party": Zone("party", "Party")})
    return Board("test", venue, Ledger(stays), Roster([Person("1042", ADA)]), wall_us=wall)


def places(picture: Board) -> list[tuple[str, int]]:
    return [(person["zone"], person["since_s"]) for person in picture.snapshot()["people"]]


def stay(zone: str, entered_us: int, left_us: int | None = None) -> Stay:
    return Stay("pi", f"v-{zone}", "ada", zone, entered_us, left_us or entered_us, left_us, 1, 1)


def test_a_guest_is_drawn_where_their_colour_came_on(wall: Wall) -> None:
    """The dot does not wait for the visit, which is known some seconds later."""
    picture = board(wall)
    assert places(picture) == []
    picture.take_lights([LightShown(zone="bar", colour="#ff8800", person="ada")], NOW_US)
    wall.now_us += 2_000_000
    assert places(picture) == [("bar", 2)]
    assert {zone["id"]: zone["count"] for zone in picture.snapshot()["zones"]} == {"bar": 1, "party": 0}


def test_a_light_without_a_visit_is_soon_forgotten(wall: Wall) -> None:
    """Somebody who only passed by is not kept in the room."""
    picture = board(wall)
    picture.take_lights([LightShown(zone="bar", colour="#ff8800", person="ada")], NOW_US)
    wall.now_us += GREETED_US
    assert places(picture) == []


def test_a_visit_entered_since_counts_more_than_the_light(wall: Wall) -> None:
    """The steady answer wins as soon as it is newer."""
    picture = board(wall, stay("party", NOW_US + 3_000_000))
    picture.take_lights([LightShown(zone="bar", colour="#ff8800", person="ada")], NOW_US)
    wall.now_us += 5_000_000
    assert places(picture) == [("party", 2)]


@pytest.mark.parametrize(
    ("screens_show", "consent", "label"),
    [
        ("first names", {"screen", "offers"}, "Ada"),
        ("first names", {"offers"}, None),
        ("colours", {"screen", "offers"}, None),
    ],
)
def test_a_name_is_shown_only_where_venue_and_guest_agree(
    wall: Wall, screens_show: str, consent: set[str], label: str | None
) -> None:
    """A venue that shows colours shows no name, of nobody, anywhere in the picture."""
    venue = Venue({"bar": Zone("bar", "Bar")}, privacy=Privacy(screens_show=screens_show))
    guests = Roster([Person("1042", Profile("ada", 1, first_name="Ada", consent=frozenset(consent)))])
    snapshot = Board(
        "test", venue, Ledger([stay("bar", NOW_US - 60_000_000, NOW_US - 1)]), guests, wall_us=wall
    ).snapshot()
    assert [one["label"] for one in [*snapshot["people"], *snapshot["leaders"]["bar"]]] == [label, label]
    assert ("Ada" in str(snapshot)) == (label is not None)


def test_nobody_is_counted_where_every_gateway_is_gone(wall: Wall) -> None:
    """A count stays while one that hears the zone may correct it, or was never heard of."""
    venue = Venue({"bar": Zone("bar", "Bar", heard_by=("pi-bar", "pi-two/hci1")), "hall": Zone("hall", "Hall")})
    picture = Board("test", venue, Ledger(), Roster(), wall_us=wall)
    for zone in venue.zones:
        picture.take_count(zone, 7)
    shown = []
    for gateway, state in [("pi-bar", "offline"), ("pi-two", "online"), ("pi-two", "offline"), ("pi-bar", "online")]:
        picture.take_status(gateway, Status(state, gateway, Epoch(1, "f" * 16)))
        shown.append([zone["count"] for zone in picture.snapshot()["zones"]])
    assert shown == [[7, 7], [7, 7], [0, 7], [7, 7]]


def test_who_has_gone_stays_among_the_leaders(wall: Wall) -> None:
    """By what the store says; of who is here the board knows better."""
    picture = board(wall, stay("bar", NOW_US - 30_000_000, NOW_US))
    picture.take_leaders({"bar": [("bob", 20.0), ("ada", 10.0)], "party": [("bob", 5.0)]})
    leaders = picture.snapshot()["leaders"]
    assert [(one["id"], one["dwell_s"]) for one in leaders["bar"]] == [("ada", 30), ("bob", 20)]
    assert [one["id"] for one in leaders["party"]] == ["bob"]
