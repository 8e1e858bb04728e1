"""The hub's picture of the venue."""

import pytest

from edgehub.core.profile import Profile
from edgehub.core.venue import Venue, Zone
from edgehub.core.wire.events import LightShown
from edgehub.hub.board import GREETED_US, Board
from edgehub.hub.ledger import Ledger, Stay
from edgehub.hub.roster import Person, Roster

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
