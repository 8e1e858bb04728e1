"""Whose colour a room shows: stories on a timeline, and what holds whatever happens."""

from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgehub.core.budget import Budget, group_budget, light_budget
from edgehub.core.lighting import (
    BridgeLost,
    LampsChanged,
    Lighting,
    LightRefused,
    LightShown,
    RoomLamps,
    RoomsKnown,
)
from edgehub.core.room import MANUAL_S
from edgehub.core.sharing import MOMENT_S
from edgehub.core.venue import ZoneLights
from tests.fakes.lamps import Command, FakeBridge, Happening, World

PARTY = ZoneLights("hall", "Lounge", "Warm lounge")
BACON = ZoneLights("hall", "Snacks", "Amber")
RED, GREEN, BLUE, PINK = "#ff0000", "#00ff00", "#0000ff", "#ff00ff"


def arrive(at: float, person: str, colour: str, zone: str = "party") -> Happening:
    return at, lambda lighting, now: lighting.arrive(zone, person, colour, now)


def leave(at: float, person: str, zone: str = "party") -> Happening:
    return at, lambda lighting, now: lighting.leave(zone, person, now)


def known(at: float, lamps: int = 4) -> Happening:
    rooms = {"Lounge": RoomLamps(tuple(f"L{n}" for n in range(lamps))), "Snacks": RoomLamps(("S0", "S1"))}
    return at, lambda lighting, now: lighting.take(RoomsKnown("hall", rooms), now)


def lost(at: float) -> Happening:
    return at, lambda lighting, now: lighting.take(BridgeLost("hall", "it has no power"), now)


def by_hand(at: float, *lamps: str) -> Happening:
    return at, lambda lighting, now: lighting.take(LampsChanged("hall", frozenset(lamps)), now)


def world(lamps: int = 4, *, share: int = 1, zones: dict[str, ZoneLights] | None = None, **bridge: object) -> World:
    lighting = Lighting(zones or {"party": PARTY, "bacon": BACON}, {"hall": share})
    rooms = {"Lounge": tuple(f"L{n}" for n in range(lamps)), "Snacks": ("S0", "S1")}
    fake = FakeBridge("hall", rooms=rooms, **bridge)  # type: ignore[arg-type]
    known(0, lamps)[1](lighting, 0.0)
    return World(lighting, fake)


def lounge(seen: World) -> list[str | None]:
    lamps = seen.bridges["hall"].lamps
    return [lamps[lamp] for lamp in sorted(lamps) if lamp.startswith("L")]


def test_first_guest_gets_every_lamp_at_once() -> None:
    """The command for the first lamp leaves in the same advance; the others follow as answers come."""
    seen = world()
    seen.run([arrive(10, "kim", RED)], 12)
    commands = seen.bridges["hall"].commands
    assert commands[0].sent_at == 10
    assert commands[3].sent_at < 10.2
    assert lounge(seen) == [RED] * 4


def test_second_guest_gets_half_and_the_first_keeps_half() -> None:
    """Two guests share four lamps two and two, without waiting for anybody's moment."""
    seen = world()
    seen.run([arrive(10, "kim", RED), arrive(11, "bo", BLUE)], 14)
    assert sorted(lounge(seen), key=str) == [BLUE, BLUE, RED, RED]
    assert seen.first_lights()["bo"] < 11.1


def test_in_a_room_with_one_lamp_a_newcomer_waits_for_the_moment_to_end() -> None:
    """The first is seen for 3 s from the confirmation on, then the second for 3 s, even if the first has left."""
    seen = world(1)
    seen.run([arrive(10, "kim", RED), arrive(11, "bo", BLUE), leave(11.5, "kim")], 20)
    lights = seen.first_lights()
    assert lights["bo"] - lights["kim"] == pytest.approx(MOMENT_S + 0.03, abs=0.01)


def test_more_guests_than_lamps_take_turns() -> None:
    """Everybody is seen, and everybody is seen again: shared as long as they are there."""
    seen = world(2)
    guests = {f"guest{n}": f"#{n:02x}ff00" for n in range(6)}
    seen.run([arrive(10, person, colour) for person, colour in guests.items()], 80)
    shown = [command.wish.people[0] for command in seen.bridges["hall"].commands]
    assert all(shown.count(person) >= 3 for person in guests)
    assert max(seen.first_lights().values()) < 10 + 3 * (MOMENT_S + 0.1)


def test_empty_room_goes_back_to_its_scene_with_one_command() -> None:
    """When the last guest has left and the moment is over, the idle scene is recalled once."""
    seen = world()
    seen.run([arrive(10, "kim", RED), leave(30, "kim")], 60)
    scenes = [command for command in seen.bridges["hall"].commands if command.wish.kind == "idle"]
    assert [(command.sent_at, command.wish.lamp, command.wish.scene) for command in scenes] == [
        (30, None, "Warm lounge")
    ]
    assert [each for _, each in seen.outcomes][-1] == LightShown("party", None, "Warm lounge", None, 30.03)


def test_flicker_of_presence_is_no_flicker_of_light() -> None:
    """A guest who seems to leave for a moment costs no command."""
    seen = world(1)
    seen.run([arrive(10, "kim", RED), leave(10.5, "kim"), arrive(11, "kim", RED)], 20)
    assert len(seen.bridges["hall"].commands) == 1


def test_with_several_gateways_no_group_command_is_ever_sent() -> None:
    """Nobody knows what the others send in the same second, so the scene is told lamp by lamp."""
    seen = world(share=3)
    seen.run([arrive(10, "kim", RED), leave(30, "kim")], 60)
    assert {command.wish.lamp for command in seen.bridges["hall"].commands if command.wish.kind == "idle"} == {
        "L0",
        "L1",
        "L2",
        "L3",
    }


def test_a_new_colour_replaces_the_old() -> None:
    """The newest wish of a guest wins."""
    seen = world()
    seen.run([arrive(10, "kim", RED), arrive(10.01, "kim", GREEN), arrive(10.02, "kim", PINK)], 20)
    assert lounge(seen) == [PINK] * 4


def test_a_lamp_never_changes_faster_than_3_hz() -> None:
    """Twenty changes of mind a second are three commands, the last of them the newest wish."""
    seen = world(1, latency_s=lambda _: 0.001)
    seen.run([arrive(10 + n / 20, "kim", f"#{n:02x}0000") for n in range(1, 41)], 20)
    times = [command.reached_at for command in seen.bridges["hall"].commands]
    assert 6 <= len(times) <= 8
    assert all(later - earlier >= 1 / 3 for earlier, later in pairwise(times))
    assert lounge(seen) == ["#280000"]


def test_a_wish_held_up_for_10_s_is_dropped_for_a_new_one() -> None:
    """When the bridge takes 15 s for an answer, what is sent afterwards is what is right then, and is a wish of then."""
    seen = world(1, latency_s=lambda _: 15.0)
    seen.run([arrive(10, "kim", RED), arrive(11, "bo", BLUE, "bacon"), arrive(12, "eve", PINK, "bacon")], 100)
    assert all(command.sent_at - command.wish.wished_at < 10 for command in seen.bridges["hall"].commands)
    assert {colour for lamp, colour in seen.bridges["hall"].lamps.items() if lamp.startswith("S")} == {BLUE, PINK}


def test_a_lamp_that_comes_back_is_the_only_one_told_again() -> None:
    """News of one lamp is no reason to tell the others what they show already."""
    seen = world(4)
    seen.run([known(0, 3), arrive(10, "kim", RED), known(20, 4)], 30)
    assert [command.wish.lamp for command in seen.bridges["hall"].commands if command.sent_at >= 20] == ["L3"]


def test_newcomers_have_a_place_in_the_budget() -> None:
    """While a big room is still being filled, a guest of another room is lit at once."""
    seen = world(30, latency_s=lambda _: 0.001)
    seen.run([arrive(10, "kim", RED), arrive(10.1, "bo", BLUE, "bacon")], 20)
    assert seen.first_lights()["bo"] < 10.11


def test_manual_change_is_respected_until_the_room_empties() -> None:
    """Staff's light stays while guests come and go; with the last one gone the room is idle, then ours again."""
    seen = world()
    seen.run(
        [
            arrive(10, "kim", RED),
            by_hand(20, "L1"),
            arrive(25, "bo", BLUE),
            leave(40, "kim"),
            leave(50, "bo"),
            arrive(60, "eve", GREEN),
        ],
        70,
    )
    commands = seen.bridges["hall"].commands
    assert not [command for command in commands if 20 <= command.sent_at < 50]
    assert [command.wish.scene for command in commands if 50 <= command.sent_at < 60] == ["Warm lounge"]
    assert lounge(seen) == [GREEN] * 4


def test_manual_change_holds_half_an_hour_at_most() -> None:
    """A guest who stays gets the colour back after 30 minutes."""
    seen = world()
    seen.run([arrive(10, "kim", RED), by_hand(20, "L1")], 20 + MANUAL_S + 5)
    again = [command.sent_at for command in seen.bridges["hall"].commands if command.sent_at > 20]
    assert again[0] == 20 + MANUAL_S


def test_manual_change_in_an_empty_room_outlives_the_next_arrivals() -> None:
    """Set by hand before anybody came, it holds until those who came have left."""
    seen = world()
    seen.run([by_hand(5, "L0"), arrive(10, "kim", RED), leave(20, "kim")], 40)
    assert [command.wish.kind for command in seen.bridges["hall"].commands] == ["idle"]
    assert seen.bridges["hall"].commands[0].sent_at == 20


def test_what_happened_while_the_bridge_was_gone_is_not_replayed() -> None:
    """After an outage the room shows who is there now; those who left meanwhile are never sent."""
    seen = world()
    seen.run([lost(5), arrive(10, "kim", RED), leave(40, "kim"), arrive(50, "bo", BLUE), known(100)], 120)
    assert {command.wish.people for command in seen.bridges["hall"].commands} == {("bo",)}
    assert lounge(seen) == [BLUE] * 4


def test_a_guest_who_could_not_be_shown_is_reported_once() -> None:
    """After 10 s without a bridge there is one refusal with a reason, and a light once it is back."""
    seen = world()
    seen.run([lost(5), arrive(10, "kim", RED), known(100)], 120)
    assert [(at, each.person) for at, each in seen.outcomes if isinstance(each, LightRefused)] == [(20, "kim")]
    assert "no power" in next(each.why for _, each in seen.outcomes if isinstance(each, LightRefused))
    assert seen.first_lights()["kim"] == pytest.approx(100.03)


def test_a_broken_lamp_is_tried_once_a_second_and_mends() -> None:
    """Failures cost one command a second, not a storm, and end with the right colour."""
    seen = world(1, fails=lambda now: now < 20)
    seen.run([arrive(10, "kim", RED)], 30)
    assert 9 <= len(seen.bridges["hall"].commands) <= 12
    assert lounge(seen) == [RED]
    assert seen.lighting.look("party").state == "people"


def test_taking_over_a_room_undoes_what_was_there_before() -> None:
    """A gateway that starts to speak for an empty room recalls its scene after 5 s; with a guest it does not."""
    seen = world()
    seen.run([(1, lambda lighting, now: lighting.speak_for({"party", "bacon"}, now)), arrive(3, "kim", RED)], 20)
    idle = [command.wish.room for command in seen.bridges["hall"].commands if command.wish.kind == "idle"]
    assert idle == ["Snacks"]


def test_a_room_handed_over_is_left_alone() -> None:
    """Once another gateway speaks for a zone, nothing of ours reaches its lamps, not even its scene."""
    seen = world()
    seen.run([arrive(1, "kim", RED), (5, lambda lighting, now: lighting.speak_for({"bacon"}, now))], 5.5)
    before = len(seen.bridges["hall"].commands)
    seen.run([leave(6, "kim"), arrive(7, "bo", BLUE)], 30)
    assert len([c for c in seen.bridges["hall"].commands[before:] if c.wish.room == "Lounge"]) == 0


def test_what_another_gateway_does_in_its_room_is_no_manual_change() -> None:
    """A room we handed over stays untouched for ever, however its lamps change."""
    seen = world()
    seen.run([arrive(1, "kim", RED), (5, lambda lighting, now: lighting.speak_for({"bacon"}, now))], 15)
    before = len([c for c in seen.bridges["hall"].commands if c.wish.room == "Lounge"])
    seen.run([by_hand(20, "L0", "L1")], 20 + MANUAL_S + 60)
    assert len([c for c in seen.bridges["hall"].commands if c.wish.room == "Lounge"]) == before


def test_a_reload_that_changes_nothing_sends_nothing() -> None:
    """Rooms that stay keep their guests and lamps, and the budget runs on."""
    seen = world()
    seen.run([arrive(10, "kim", RED)], 15)
    seen.lighting = Lighting({"party": PARTY}, {"hall": 1}, before=seen.lighting)
    seen.run([arrive(15, "kim", RED)], 30)
    assert len(seen.bridges["hall"].commands) == 4
    assert seen.lighting.look("party").colour == RED


def test_room_the_bridge_does_not_have_is_a_state() -> None:
    """The page says so, nothing is sent, and the guest is reported as refused."""
    zones = {"party": ZoneLights("hall", "Lounje")}
    seen = World(Lighting(zones, {}), FakeBridge("hall"))
    seen.run([known(0), arrive(1, "kim", RED)], 30)
    assert "Lounje" in seen.lighting.look("party").why
    assert [each.person for _, each in seen.outcomes if isinstance(each, LightRefused)] == ["kim"]


def test_budget_is_divided_among_gateways() -> None:
    """Shares add up to at most ten lights and one scene a second, for any number of gateways."""
    for share in range(1, 40):
        lights, groups = light_budget(share), group_budget(share)
        assert share * lights._limit / lights._window_s <= 10
        assert share * groups._limit / groups._window_s <= 1


def test_budget_waits_a_window_after_the_answer() -> None:
    """Of two places, each is free again one second after its command was answered, and not before that is known."""
    budget = Budget(2)
    budget.take()
    budget.answered(5.0)
    budget.take()
    assert budget.free_at() == 6.0
    budget.take()
    assert budget.free_at() is None
    budget.answered(5.5)
    budget.answered(5.7)
    assert budget.free_at() == 6.5


# Whatever happens

PEOPLE = [f"guest{n}" for n in range(12)]
COLOUR_OF = {person: f"#{n * 20:02x}80ff" for n, person in enumerate(PEOPLE)}
MOVES = st.lists(
    st.tuples(
        st.floats(1, 60),
        st.sampled_from(PEOPLE),
        st.sampled_from(["party", "bacon", "leave"]),
    ),
    max_size=120,
)
LATENCIES = st.lists(st.floats(0.001, 0.9), min_size=1, max_size=20)


def moves(events: Iterable[tuple[float, str, str]]) -> list[Happening]:
    """People in one place at a time, as presence reports them."""
    where: dict[str, str] = {}
    happenings: list[Happening] = []
    for at, person, zone in sorted(events):
        if person in where:
            happenings.append(leave(at, person, where.pop(person)))
        if zone != "leave":
            where[person] = zone
            happenings.append(arrive(at, person, COLOUR_OF[person], zone))
    return happenings


def cycling(values: list[float]) -> Callable[[object], float]:
    turns = iter(range(10**9))
    return lambda _: values[next(turns) % len(values)]


def most_in_a_window(times: list[float], window_s: float = 1.0) -> int:
    times = sorted(times)
    return max((sum(start <= at < start + window_s for at in times) for start in times), default=0)


def held(commands: list[Command], lamp: str) -> list[float]:
    return [command.reached_at for command in commands if command.wish.lamp in (lamp, None)]


@settings(max_examples=60, deadline=None)
@given(MOVES, LATENCIES, st.integers(1, 12), st.integers(1, 4))
def test_limits_hold_in_every_window(
    events: list[tuple[float, str, str]], latencies: list[float], share: int, lamps: int
) -> None:
    """As the bridge sees it: 10 lights and 1 scene in any second (divided), 3 changes of a lamp, 1 in flight, none stale."""
    seen = world(lamps, share=share, latency_s=cycling(latencies))
    seen.run(moves(events), 75)
    commands = seen.bridges["hall"].commands
    lights = [command.reached_at for command in commands if command.wish.lamp is not None]
    assert most_in_a_window(lights) <= max(1, 10 // share)
    assert most_in_a_window([command.reached_at for command in commands if command.wish.lamp is None]) <= 1
    assert all(most_in_a_window(held(commands, lamp)) <= 3 for lamp in ("L0", "L1", "S0"))
    assert all(before.answered_at <= after.sent_at for before, after in pairwise(commands))
    assert all(command.sent_at - command.wish.wished_at <= 10 for command in commands)


@settings(max_examples=60, deadline=None)
@given(MOVES, LATENCIES, st.integers(1, 4))
def test_in_the_end_the_lamps_show_who_is_there(
    events: list[tuple[float, str, str]], latencies: list[float], lamps: int
) -> None:
    """When nothing more happens every lamp shows somebody present, or nobody's colour in an empty room."""
    seen = world(lamps, latency_s=cycling(latencies))
    seen.run(moves(events), 110)
    for zone, prefix in (("party", "L"), ("bacon", "S")):
        present = {person for person, at in _whereabouts(events).items() if at == zone}
        colours = {COLOUR_OF[person] for person in present} or {None}
        shown = {colour for lamp, colour in seen.bridges["hall"].lamps.items() if lamp.startswith(prefix)}
        assert shown <= colours
        assert bool(shown) or not present


def _whereabouts(events: list[tuple[float, str, str]]) -> dict[str, str]:
    return {person: zone for _, person, zone in sorted(events)}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(1, 30), min_size=1, max_size=10), st.integers(1, 4))
def test_everybody_who_stays_gets_a_moment(arrivals: list[float], lamps: int) -> None:
    """Each is lit within the moments of those before them, and then keeps a lamp for 3 s."""
    seen = world(lamps)
    people = {f"guest{n}": f"#{n * 20:02x}80ff" for n in range(len(arrivals))}
    seen.run([arrive(at, *guest) for at, guest in zip(sorted(arrivals), people.items(), strict=True)], 100)
    assert seen.first_lights().keys() == people.keys()
    for person, at in zip(people, sorted(arrivals), strict=True):
        first = seen.first_lights()[person]
        # All before may be newcomers too: at most one moment each, shared by the lamps, and the budget's second.
        assert first <= at + (len(people) / lamps + 1) * (MOMENT_S + 1.2)
        assert _lit_for(seen, people[person], first) >= MOMENT_S - 0.04


def _lit_for(seen: World, colour: str, first: float) -> float:
    """How long at least one lamp showed a colour from its first light on."""
    showing: dict[str, str | None] = {}
    for command in seen.bridges["hall"].commands:
        for lamp in (command.wish.lamp,) if command.wish.lamp else ():
            showing[lamp] = command.wish.colour
        if command.answered_at > first and colour not in showing.values():
            return command.sent_at - first
    return float("inf")


@settings(max_examples=40, deadline=None)
@given(MOVES, st.lists(st.floats(0, 75), max_size=60))
def test_extra_ticks_change_nothing(events: list[tuple[float, str, str]], ticks: list[float]) -> None:
    """Asking more often than needed sends the same commands at the same times."""
    plain, ticked = world(2), world(2)
    plain.run(moves(events), 75)
    ticked.run(moves(events), 75, extra_ticks=ticks)
    told = [[(c.sent_at, c.wish) for c in each.bridges["hall"].commands] for each in (plain, ticked)]
    assert told[0] == told[1]


@pytest.mark.parametrize("wished_at", [1.1, 0.1, 2.3, 1 / 3, 1e9 + 0.1])
def test_a_deadline_that_came_is_dealt_with(wished_at: float) -> None:
    """Whatever way 10 s round: after a deadline the next one lies ahead, so nobody asks for ever."""
    lighting = Lighting({"bar": ZoneLights("hall", "Lounge")}, {})
    lighting.take(RoomsKnown("hall", {"Lounge": RoomLamps(("1", "2"))}), wished_at)
    lighting.arrive("bar", "ada", "#ff8800", wished_at)
    now = wished_at
    for _ in range(50):
        lighting.advance(now)
        due = lighting.next_deadline()
        assert due is None or due > now
        now = now + 0.7 if due is None else due
