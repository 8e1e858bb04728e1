"""The engine, told as stories: adverts go in, and visits, lights and levels come out."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from math import isfinite

import pytest

from edgehub.core.advert import APPLE, Advertisement
from edgehub.core.engine import Engine
from edgehub.core.events import (
    BridgeReported,
    DropVisit,
    Effect,
    Event,
    GuestsReplaced,
    HealthChanged,
    Heard,
    KeepVisit,
    LinkChanged,
    Moment,
    PeerHeard,
    ProfilesChanged,
    PublishLevels,
    PublishOccupancy,
    Record,
    ShowWish,
    Ticked,
    VenueChanged,
)
from edgehub.core.lighting import Done, Lighting, RoomLamps, RoomsKnown
from edgehub.core.presence import Model
from edgehub.core.profile import BadgeBinding, Profile, Profiles
from edgehub.core.venue import BadgeScheme, Marker, Privacy, Venue, Zone, ZoneLights
from edgehub.core.visit import Visit
from edgehub.core.wire.events import VisitEntered, VisitLeft

UUID = "f7826da6-4fa2-4e98-8024-bc5b71e0893e"
WALL_US = 1_800_000_000_000_000
VENUE = Venue(
    zones={
        "bacon": Zone("bacon", "Bacon table", heard_by=("pi-bacon",), lights=ZoneLights("hall", "Snacks", "Amber")),
        "coffee": Zone("coffee", "Coffee stand", heard_by=("pi-coffee", "pi-bacon")),
    },
    badges=BadgeScheme(UUID, 1),
)
ADA = Profile("p-ada", 1, badges=(BadgeBinding("1042"),), colour="#ff8800", consent=frozenset({"lights", "analytics"}))
SHY = Profile("p-shy", 2, badges=(BadgeBinding("1043"),), colour="#00ff00")


class Day:
    """A gateway's day: what happens, at which second, and all that had to be done."""

    def __init__(self, gateway: str = "pi-bacon", *profiles: Profile) -> None:
        self.now = 1000.0
        self.engine = Engine(
            gateway,
            VENUE,
            model=Model.of(VENUE, None, ("pi-bacon", "pi-coffee")),
            lighting=lighting(),
            profiles=Profiles(profiles or (ADA, SHY)),
            new_id=(f"v{n}" for n in count()).__next__,
        )
        self.done: list[tuple[float, Effect]] = []
        self.gateway = gateway
        self.engine.start([], self.moment)

    @property
    def moment(self) -> Moment:
        return Moment(self.now, self.now + 5.0, WALL_US + round((self.now - 1000.0) * 1e6))

    def happen(self, event: Event) -> list[Effect]:
        effects = self.engine.handle(event, self.moment)
        self.done += [(self.now, effect) for effect in effects]
        for effect in effects:
            if isinstance(effect, ShowWish):  # a bridge that answers at once
                self.happen(BridgeReported(Done(effect.wish, ok=True, sent_at=self.moment.real)))
        return effects

    def hear(self, minor: int, rssi_dbm: int) -> list[Effect]:
        payload = bytes.fromhex("0215" + UUID.replace("-", "") + "0001") + minor.to_bytes(2, "big") + b"\xc5"
        advert = Advertisement(self.gateway, f"aa{minor:010x}", rssi_dbm, self.now, ((APPLE, payload),))
        return self.happen(Heard([advert]))

    def stay(
        self, minor: int, seconds: int, *, own: int | None, peer: int | None = None, other: str = "pi-coffee"
    ) -> None:
        """One advert a second: heard here at ``own`` dBm, and by the neighbour at ``peer`` dBm."""
        for _ in range(seconds):
            self.now += 1.0
            if own is not None:
                self.hear(minor, own)
            if peer is not None:
                self.happen(PeerHeard(other, [(str(minor), float(peer), 1)]))
            self.happen(Ticked())

    def pass_by(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1.0
            self.happen(Ticked())

    def recorded(self, body: type) -> list[Record]:
        return [e for _, e in self.done if isinstance(e, Record) and isinstance(e.body, body)]

    def of(self, kind: type) -> list[Effect]:
        return [effect for _, effect in self.done if isinstance(effect, kind)]

    def connect(self, *healthy: str) -> None:
        self.happen(LinkChanged(connected=True))
        for gateway in healthy:
            self.happen(HealthChanged(gateway, healthy=True))


def lighting() -> Lighting:
    return Lighting({zone.id: zone.lights for zone in VENUE.zones.values() if zone.lights}, {})


@pytest.fixture
def day() -> Iterator[Day]:
    """A day of the gateway at the bacon table."""
    return Day()


def test_a_guest_at_the_table_is_a_visit_and_its_end_is_back_dated(day: Day) -> None:
    """Two minutes of bacon are two minutes of dwell, give or take the decision."""
    day.stay(1042, 120, own=-55)
    day.pass_by(120)
    (entered,), (left,) = day.recorded(VisitEntered), day.recorded(VisitLeft)
    assert (entered.person, entered.body.zone) == ("p-ada", "bacon")
    assert entered.body.evidence["alone"] is True
    assert left.body.visit == entered.body.visit
    assert left.body.dwell_s == pytest.approx(120, abs=6)
    assert left.body.left_at - left.body.entered_at == pytest.approx(left.body.dwell_s * 1e6, abs=2)
    assert left.body.entered_at == pytest.approx(WALL_US + 1_000_000, abs=3_000_000)


def test_a_visit_is_kept_while_open_and_dropped_in_the_same_breath_as_it_is_closed(day: Day) -> None:
    """State and event come out together, so that one transaction can hold both."""
    day.stay(1042, 130, own=-55)
    assert [effect.visit.id for effect in day.of(KeepVisit)] == ["v0"] * len(day.of(KeepVisit))
    assert len(day.of(KeepVisit)) >= 2
    day.pass_by(120)
    ((at, dropped),) = ((at, e) for at, e in day.done if isinstance(e, DropVisit))
    assert [e.body.visit for t, e in day.done if t == at and isinstance(e, Record)] == [dropped.visit.id]


def test_nobody_who_agreed_to_nothing_is_followed(day: Day) -> None:
    """No visit, no light, no level of a badge without consent; only a number of unknown badges."""
    day.stay(1043, 60, own=-50)
    day.stay(7777, 60, own=-50)
    day.pass_by(400)
    assert not day.of(KeepVisit)
    assert not day.of(PublishLevels)
    assert not day.of(ShowWish)
    assert "p-shy" not in repr(day.done)
    assert "1043" not in repr(day.done)


def test_the_lamps_are_asked_for_the_guests_colour_by_the_advert_that_decides(day: Day) -> None:
    """Light does not wait for the next tick, nor for the visit to count."""
    day.happen(BridgeReported(RoomsKnown("hall", {"Snacks": RoomLamps(("5",))})))
    day.pass_by(20)
    for _ in range(5):
        day.now += 1.0
        if any(isinstance(e, ShowWish) and e.wish.colour == "#ff8800" for e in day.hear(1042, -50)):
            return
    pytest.fail("no light within five adverts")


def test_levels_of_enrolled_badges_go_to_the_neighbours_once_a_second(day: Day) -> None:
    """Several packets in a second are one mean level with their number."""
    for _ in range(4):
        day.now += 0.25
        day.hear(1042, -60)
        day.hear(1042, -64)
    day.now += 1.0
    day.happen(Ticked())
    levels = [level for effect in day.of(PublishLevels) for level in effect.levels]
    assert {badge for badge, _, _ in levels} == {"1042"}
    assert sum(n for _, _, n in levels) == 8
    assert sum(mean * n for _, mean, n in levels) / 8 == pytest.approx(-62)


def test_the_first_healthy_gateway_of_a_zone_speaks_and_the_next_takes_over() -> None:
    """The coffee stand is pi-coffee's; when it dies, pi-bacon reports the same stay, back-dated."""
    day = Day("pi-bacon")
    day.connect("pi-coffee")
    day.stay(1042, 60, own=-85, peer=-50)
    assert not day.recorded(VisitEntered)
    day.happen(HealthChanged("pi-coffee", healthy=False))
    (entered,) = day.recorded(VisitEntered)
    assert entered.body.zone == "coffee"
    assert entered.body.evidence["takeover"] is True
    assert entered.body.entered_at == pytest.approx(WALL_US + 1e6, abs=5e6)


def test_a_speaker_who_hands_over_closes_what_it_reported() -> None:
    """No visit stays open for ever because its gateway was replaced."""
    day = Day("pi-bacon")
    day.connect("pi-coffee")
    day.happen(HealthChanged("pi-coffee", healthy=False))
    day.stay(1042, 60, own=-60)
    day.happen(HealthChanged("pi-coffee", healthy=True))
    closed = {record.body.visit for record in day.recorded(VisitLeft)}
    coffee = {record.body.visit for record in day.recorded(VisitEntered) if record.body.zone == "coffee"}
    assert coffee <= closed


def test_consent_withdrawn_ends_the_visit_and_the_light_at_once(day: Day) -> None:
    """An opt-out does not wait for the guest to leave."""
    day.happen(BridgeReported(RoomsKnown("hall", {"Snacks": RoomLamps(("5",))})))
    day.stay(1042, 60, own=-55)
    assert day.recorded(VisitEntered)
    day.happen(ProfilesChanged([Profile("p-ada", 7, badges=(BadgeBinding("1042"),), colour="#ff8800")]))
    (left,) = day.recorded(VisitLeft)
    assert left.body.dwell_s == pytest.approx(60, abs=5)
    before = len(day.done)
    day.stay(1042, 60, own=-55)
    assert not [e for _, e in day.done[before:] if isinstance(e, KeepVisit | PublishLevels)]


def test_an_erased_guest_is_forgotten(day: Day) -> None:
    """A tombstone ends the visit, and the badge is unknown from then on."""
    day.stay(1042, 60, own=-55)
    day.happen(ProfilesChanged([Profile("p-ada", 7, erased=True)]))
    assert len(day.recorded(VisitLeft)) == 1
    assert day.engine.guests.wearers == {}


def test_a_guest_who_registers_at_the_table_is_seen_from_then_on(day: Day) -> None:
    """A profile may come after its badge was heard."""
    day.stay(1044, 20, own=-55)
    day.happen(ProfilesChanged([Profile("p-new", 9, badges=(BadgeBinding("1044"),), consent=frozenset({"offers"}))]))
    day.stay(1044, 20, own=-55)
    (entered,) = day.recorded(VisitEntered)
    assert entered.person == "p-new"


def test_a_visit_open_at_a_crash_is_continued_with_the_same_total() -> None:
    """A restart in the middle of a stay makes no second visit."""
    day = Day()
    engine = Engine(
        "pi-bacon",
        VENUE,
        model=Model.of(VENUE, None, ("pi-bacon",)),
        lighting=lighting(),
        profiles=Profiles([ADA]),
        new_id=lambda: "never",
    )
    engine.start([Visit("old", "p-ada", "bacon", entered_at=400.0, last_seen_at=995.0)], day.moment)
    day.engine = engine
    day.stay(1042, 60, own=-55)
    assert not day.recorded(VisitEntered)
    day.pass_by(120)
    (left,) = day.recorded(VisitLeft)
    assert (left.body.visit, left.body.dwell_s) == ("old", pytest.approx(660, abs=6))


def test_occupancy_is_published_when_it_changes_and_only_for_our_zones(day: Day) -> None:
    """A number per zone, nobody's name."""
    day.connect("pi-coffee")
    day.stay(1042, 60, own=-55)
    day.pass_by(120)
    told = [(effect.zone, effect.count) for effect in day.of(PublishOccupancy) if effect.zone == "bacon"]
    assert told == [("bacon", 0), ("bacon", 1), ("bacon", 0)]


def test_a_reloaded_venue_keeps_open_visits_by_zone_id(day: Day) -> None:
    """Staff may rename the table while people eat."""
    day.stay(1042, 60, own=-55)
    venue = Venue(zones={"bacon": Zone("bacon", "Grill", heard_by=("pi-bacon",))}, badges=VENUE.badges)
    day.happen(VenueChanged(venue, Model.of(venue, None, ("pi-bacon",)), Lighting({}, {})))
    day.stay(1042, 60, own=-55)
    day.pass_by(120)
    (entered,), (left,) = day.recorded(VisitEntered), day.recorded(VisitLeft)
    assert left.body.visit == entered.body.visit
    assert left.body.dwell_s == pytest.approx(120, abs=6)


def test_while_our_radio_is_deaf_nobody_leaves(day: Day) -> None:
    """Deaf is not empty: exits are frozen until we hear again."""
    day.stay(1042, 60, own=-55)
    day.happen(HealthChanged("pi-bacon", healthy=False))
    day.pass_by(300)
    assert not [r for r in day.recorded(VisitLeft) if r.body.dwell_s > 70]
    assert day.engine.reporter.visits.of("p-ada") is not None


def test_nothing_is_due_when_nothing_happens() -> None:
    """An empty venue costs no wake-up and no write."""
    day = Day()
    day.happen(Ticked())
    decision, _ = day.engine.next_deadline()
    assert decision is None


def test_a_guest_of_the_staffs_list_gets_light_until_the_hub_gives_a_name() -> None:
    """No visit under a name the hub does not know; the stay goes on under the one it gives."""
    local = Profile("local-1", 0, badges=ADA.badges, colour=ADA.colour, consent=ADA.consent)
    day = Day("pi-bacon", local)
    day.happen(BridgeReported(RoomsKnown("hall", {"Snacks": RoomLamps(("5",))})))
    day.stay(1042, 30, own=-50)
    assert "#ff8800" in {effect.wish.colour for effect in day.of(ShowWish)}
    assert not day.recorded(VisitEntered)
    day.happen(ProfilesChanged([ADA]))
    day.stay(1042, 30, own=-50)
    assert [record.person for record in day.recorded(VisitEntered)] == ["p-ada"]
    assert "local-1" not in day.engine.greeter.where
    assert day.engine.guests.of("local-1") is None  # made up, and needed no more


def test_what_is_recorded_can_always_be_sent() -> None:
    """A venue of one zone has no runner-up; its evidence is still finite numbers."""
    venue = Venue(zones={"bacon": VENUE.zones["bacon"]}, badges=VENUE.badges)
    day = Day()
    day.happen(VenueChanged(venue, Model.of(venue, None, ("pi-bacon",)), Lighting({}, {})))
    day.stay(1042, 60, own=-55)
    (entered,) = day.recorded(VisitEntered)
    assert isfinite(entered.body.evidence["margin"])


def test_a_radio_that_misses_its_marker_hands_its_zone_over() -> None:
    """A beacon glued to the table tells a deaf radio from an empty room, without anybody saying so."""
    zones = {"bacon": replace(VENUE.zones["bacon"], heard_by=("pi-bacon", "pi-coffee"))}
    venue = replace(VENUE, zones=zones, markers={"tray": Marker("tray", "9001", "bacon")})
    day = Day("pi-bacon")
    day.happen(VenueChanged(venue, Model.of(venue, None, ("pi-bacon", "pi-coffee")), Lighting({}, {})))
    day.connect("pi-coffee")
    day.stay(9001, 60, own=-60)
    assert day.engine.speakers.of("bacon") == "pi-bacon"
    assert not day.of(PublishLevels), "a marker is nobody's badge"
    day.stay(1042, 90, own=None, peer=-70)
    assert day.engine.speakers.of("bacon") == "pi-coffee"
    day.stay(9001, 2, own=-60)
    day.stay(1042, 10, own=-60)
    assert day.engine.speakers.of("bacon") == "pi-bacon"


def test_a_deaf_radio_closes_nothing_that_nobody_else_can_report(day: Day) -> None:
    """The bluetooth daemon restarts in the middle of dinner: the visit goes on, entered once and left once."""
    day.stay(1042, 60, own=-55)
    day.happen(HealthChanged("pi-bacon", healthy=False))
    day.pass_by(10)
    day.happen(HealthChanged("pi-bacon", healthy=True))
    day.stay(1042, 60, own=-55)
    assert not day.recorded(VisitLeft)
    day.pass_by(120)
    assert len(day.recorded(VisitEntered)) == len(day.recorded(VisitLeft)) == 1


def test_a_restart_with_a_deaf_radio_invents_no_dwell() -> None:
    """An hour without power and a slow radio add no hour of bacon."""
    day = Day()
    day.now = 5000.0
    day.engine = Engine(
        "pi-bacon",
        VENUE,
        model=Model.of(VENUE, None, ("pi-bacon",)),
        lighting=lighting(),
        profiles=Profiles([ADA]),
        new_id=lambda: "never",
    )
    day.engine.start([Visit("old", "p-ada", "bacon", entered_at=1000.0, last_seen_at=1300.0)], day.moment)
    day.happen(HealthChanged("pi-bacon", healthy=False))
    day.pass_by(120)
    (left,) = day.recorded(VisitLeft)
    assert left.body.dwell_s == pytest.approx(300)


def test_consent_counts_from_when_it_was_given(day: Day) -> None:
    """A minute with lights only is never told, not even later."""
    lights_only = replace(ADA, consent=frozenset({"lights"}), revision=2)
    day.happen(ProfilesChanged([lights_only]))
    day.stay(1042, 60, own=-55)
    assert not day.recorded(VisitEntered)
    day.happen(ProfilesChanged([replace(ADA, revision=3)]))
    (entered,) = day.recorded(VisitEntered)
    assert entered.body.entered_at == day.moment.wall_us


def test_a_stricter_venue_forgets_who_never_agreed(day: Day) -> None:
    """`need_consent` switched on in a running venue works at once."""
    free = replace(VENUE, privacy=Privacy(need_consent=False))
    model = Model.of(VENUE, None, ("pi-bacon", "pi-coffee"))
    day.happen(VenueChanged(free, model, Lighting({}, {})))
    day.stay(1043, 60, own=-50)
    assert [record.person for record in day.recorded(VisitEntered)] == ["p-shy"]
    day.happen(VenueChanged(VENUE, model, Lighting({}, {})))
    assert [record.person for record in day.recorded(VisitLeft)] == ["p-shy"]
    assert "p-shy" not in day.engine.greeter.where


def test_without_a_hub_the_staffs_list_is_all_there_is() -> None:
    """Who is taken out of it, or whose consent is, is followed no more."""
    local = Profile("local-1", 0, badges=ADA.badges, colour=ADA.colour, consent=ADA.consent)
    day = Day("pi-bacon", local)
    day.stay(1042, 30, own=-50)
    assert day.engine.greeter.where == {"local-1": "bacon"}
    day.happen(GuestsReplaced([replace(local, consent=frozenset())]))
    assert day.engine.greeter.where == {}
    assert day.engine.guests.wearers == {}


def test_a_zone_taken_out_of_the_venue_is_empty(day: Day) -> None:
    """Its retained head count does not stay for ever."""
    day.stay(1042, 60, own=-55)
    venue = Venue(zones={"coffee": VENUE.zones["coffee"]}, badges=VENUE.badges)
    day.happen(VenueChanged(venue, Model.of(venue, None, ("pi-bacon",)), Lighting({}, {})))
    day.pass_by(2)
    assert [e.count for e in day.of(PublishOccupancy) if e.zone == "bacon"][-1] == 0
