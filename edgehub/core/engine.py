"""The engine: events in, effects out. It does nothing itself, and knows the time only from its arguments.

A gateway owns one. Whatever happens (adverts, levels of neighbours, profiles, a reloaded venue, the passing of time)
goes through :meth:`Engine.handle`; whatever must be done comes back as a list of effects, in the order to do them.
"""

from collections.abc import Callable, Sequence
from typing import Any, assert_never

from edgehub.core.advert import Advertisement
from edgehub.core.events import (
    BridgeReported,
    Effect,
    Event,
    GuestsReplaced,
    HealthChanged,
    Heard,
    LinkChanged,
    Moment,
    PeerHeard,
    ProfilesChanged,
    Record,
    ShowWish,
    Ticked,
    VenueChanged,
)
from edgehub.core.following import Fixed, Following, Worn
from edgehub.core.greeter import Greeter
from edgehub.core.guests import Guests
from edgehub.core.lighting import Lighting, LightShown, Outcome
from edgehub.core.presence import Corrected, Entered, Evidence, Left, Model, Moved, Presence, Transition
from edgehub.core.profile import Profile, Profiles
from edgehub.core.reporter import Reporter
from edgehub.core.sightings import Sightings
from edgehub.core.speaker import Speakers, gateway_of
from edgehub.core.telling import Telling
from edgehub.core.venue import Venue
from edgehub.core.visit import Visit
from edgehub.core.wire import events as wire

MOST_MARGIN = 99.0
"""Log-odds beyond this say no more, and a venue of one zone has an infinite margin, which JSON has no word for."""


class Engine:
    """One gateway's decisions.

    Args:
        gateway: our name.
        venue: what the staff wrote.
        model: how zones sound.
        lighting: whose colour a room shows.
        profiles: the guests known so far.
        new_id: gives a fresh visit id.
    """

    def __init__(
        self,
        gateway: str,
        venue: Venue,
        *,
        model: Model,
        lighting: Lighting,
        profiles: Profiles,
        new_id: Callable[[], str],
    ) -> None:
        self.gateway = gateway
        self.guests = Guests(profiles, need_consent=venue.privacy.need_consent)
        self.speakers = Speakers(gateway, venue.zones)
        self.presence = Presence(model)
        self.reporter = Reporter(venue.zones, new_id, self.guests.counts)
        self.greeter = Greeter(lighting, self.guests.colour)
        self.following = Following(self.presence.track)
        self.sightings: Sightings[Worn | Fixed] = Sightings(venue.badges, self.following.of)
        self.telling = Telling(self.following, self.reporter, self.sightings)
        self._venue = venue
        self._spoken: tuple[frozenset[str], frozenset[str]] | None = None
        """The zones we speak for, and those others do."""
        self._enrol()

    def start(self, visits: Sequence[Visit], now: Moment) -> None:
        """Begin, alone until told of others, with the visits that were open when the last process ended."""
        self._silence_the_others(now.decision)
        for visit in visits:
            self.reporter.resume(visit, now)
        self._change_speakers(now, [])  # nothing is open yet but what was reported

    def handle(self, event: Event, now: Moment) -> list[Effect]:
        """Take one event and say what must be done, in order."""
        effects: list[Effect] = []
        match event:
            case Heard(advertisements):
                self._hear(advertisements, now, effects)
            case PeerHeard(gateway, levels):
                self._hear_peer(gateway, levels, now, effects)
            case HealthChanged(gateway, healthy):
                self._set_health(gateway, healthy, now, effects)
            case LinkChanged(connected):
                self._set_link(connected, now, effects)
            case ProfilesChanged(profiles):
                self._take_profiles(profiles, now, effects)
            case GuestsReplaced(profiles):
                before = set(self.guests.wearers.values())
                self.guests.replace(Profiles(profiles))
                self._follow_anew(before, now, effects)
            case BridgeReported(report):
                self.greeter.lighting.take(report, now.real)
            case VenueChanged():
                self._swap(event, now, effects)
            case Ticked():
                pass
            case _:
                assert_never(event)
        self._advance(now, effects)
        return effects

    def next_deadline(self) -> tuple[float | None, float | None]:
        """When to call again at the latest: (decision time, real time); None where nothing is due."""
        deadlines = (self.presence.next_deadline(), self.reporter.visits.next_deadline(), self.telling.next_deadline())
        return min((at for at in deadlines if at is not None), default=None), self.greeter.lighting.next_deadline()

    # --- hearing

    def _hear(self, batch: Sequence[Advertisement], now: Moment, effects: list[Effect]) -> None:
        """Every advertisement goes through here: no call in this loop that is not needed (SPD1 to SPD4)."""
        heard, step = self.following.heard, self.presence.step
        for known, receiver, rssi_dbm, at in self.sightings.read(batch):
            if type(known) is Fixed:
                self.presence.hear_marker(known.marker, receiver, at)
                continue
            if known.heard:
                known.total_dbm += rssi_dbm
                known.heard += 1
            else:
                known.total_dbm, known.heard = rssi_dbm, 1
                heard.append(known)
            track = known.track
            if not track.hear(receiver, rssi_dbm, 1, at) and (transitions := step(track, receiver, rssi_dbm, 1, at)):
                self._apply(transitions, now, effects)

    def _hear_peer(
        self, gateway: str, levels: Sequence[tuple[str, float, int]], now: Moment, effects: list[Effect]
    ) -> None:
        known_as, of, step, at = self.following.known.get, self.following.of, self.presence.step, now.decision
        for badge, level_dbm, n in levels:
            known = known_as(badge) or of(badge)
            if type(known) is Worn:
                track, total_dbm = known.track, level_dbm * n
                if not track.hear(gateway, total_dbm, n, at):
                    self._apply(step(track, gateway, total_dbm, n, at), now, effects)

    # --- deciding

    def _advance(self, now: Moment, effects: list[Effect]) -> None:
        self._apply(self.presence.advance(now.decision), now, effects)
        effects += self.reporter.report(self.reporter.visits.advance(now.decision), now)
        if self.telling.begin(now.decision):
            self._tell(now, effects)
        lighting = self.greeter.lighting
        effects.extend(ShowWish(wish) for wish in lighting.advance(now.real))
        effects.extend(_told_of_light(outcome, now) for outcome in lighting.outcomes())

    def _apply(self, transitions: Sequence[Transition], now: Moment, effects: list[Effect]) -> None:
        visits = self.reporter.visits
        for transition in transitions:
            match transition:
                case Moved(badge=person, zone=zone):
                    self.greeter.move(person, zone, now.real)
                    continue
                case Entered(badge=person, zone=zone, at=at, since=since, evidence=evidence):
                    changes = visits.enter(person, zone, at, since, self._explain(evidence))
                case Left(badge=person, zone=zone, at=at, until=until):
                    changes = visits.leave(person, zone, at, until)
                case Corrected(badge=person, first=first, since=since, until=until):
                    changes = visits.correct(person, first, since, until)
                case _:
                    assert_never(transition)
            effects += self.reporter.report(changes, now)

    def _explain(self, evidence: Evidence) -> dict[str, Any]:
        return {
            "levels": {receiver: round(level) for receiver, level in evidence.levels.items()},
            "probability": round(evidence.probability, 3),
            "runner_up": evidence.runner_up,
            "margin": round(min(evidence.margin, MOST_MARGIN), 2),
            "test": evidence.test,
            "alone": self.speakers.alone,
        }

    # --- telling, once a second

    def _tell(self, now: Moment, effects: list[Effect]) -> None:
        effects += self.telling.levels()
        self._suspect(now, effects)
        effects += self.telling.occupancy(self._venue.zones)
        effects += self.telling.unknown(now)

    def _suspect(self, now: Moment, effects: list[Effect]) -> None:
        """A receiver that misses what its neighbours hear, or its marker, does not speak for its zones."""
        if self.presence.suspects != self.speakers.suspects:
            self.speakers.suspects = self.presence.suspects
            self._change_speakers(now, effects)

    # --- changes

    def _take_profiles(self, profiles: Sequence[Profile], now: Moment, effects: list[Effect]) -> None:
        before = set(self.guests.wearers.values())
        if self.guests.take(profiles):
            self._follow_anew(before, now, effects)

    def _follow_anew(self, before: set[str], now: Moment, effects: list[Effect]) -> None:
        """Guests or the rule on consent changed: forget who may not be followed any more, look again at the others."""
        self._enrol()
        followed = set(self.guests.wearers.values())
        for person in sorted(before - followed):  # erased, opted out, or the badge is somebody else's now
            self._forget(person, now, effects)
        for person in sorted(followed):
            self.greeter.refresh(person, now.real)
            effects += self.reporter.reconsider(person, now)

    def _forget(self, person: str, now: Moment, effects: list[Effect]) -> None:
        self.presence.forget(person)
        effects += self.reporter.report(self.reporter.visits.drop(person, now.decision), now)
        self.greeter.move(person, None, now.real)

    def _enrol(self) -> None:
        markers = {marker.badge: marker.id for marker in self._venue.markers.values()}
        self.following.follow(self.guests.wearers, markers)
        self.sightings.forget(self._venue.badges)

    def _set_health(self, gateway: str, healthy: bool, now: Moment, effects: list[Effect]) -> None:
        self.speakers.set_health(gateway, healthy)
        for receiver in self._receivers():
            if gateway_of(receiver) == gateway:
                self.presence.set_receiver(receiver, healthy, now.decision)
        self._change_speakers(now, effects)

    def _set_link(self, connected: bool, now: Moment, effects: list[Effect]) -> None:
        self.speakers.set_link(connected)
        if not connected:
            self._silence_the_others(now.decision)
        self._change_speakers(now, effects)

    def _silence_the_others(self, at: float) -> None:
        """Without word from a neighbour, that it reports nothing says nothing."""
        for receiver in self._receivers():
            if gateway_of(receiver) != self.gateway:
                self.presence.set_receiver(receiver, False, at)

    def _receivers(self) -> set[str]:
        return {self.gateway, *(receiver for zone in self._venue.zones.values() for receiver in zone.heard_by)}

    def _swap(self, event: VenueChanged, now: Moment, effects: list[Effect]) -> None:
        before = set(self.guests.wearers.values())
        self._venue = event.venue
        self.guests.need_consent = event.venue.privacy.need_consent
        self.guests.refresh()
        self.presence.swap(event.model)
        self.reporter.visits.swap(event.venue.zones)
        self.speakers.swap(event.venue.zones)
        self.greeter.swap(event.lighting, now.real)
        self._change_speakers(now, effects)
        self._follow_anew(before, now, effects)

    def _change_speakers(self, now: Moment, effects: list[Effect]) -> None:
        mine, theirs = self.speakers.mine(), self.speakers.theirs()
        if (mine, theirs) != self._spoken:
            self._spoken = mine, theirs
            effects += self.reporter.take_over(mine, theirs, now)
            self.greeter.take_over(mine, now.real)


def _told_of_light(outcome: Outcome, now: Moment) -> Record:
    zone, colour, person = outcome.zone, outcome.colour, outcome.person
    if isinstance(outcome, LightShown):
        return Record(
            wire.LightShown(zone=zone, colour=colour, scene=outcome.scene, person=person), person, now.decision
        )
    return Record(wire.LightRefused(zone=zone, why=outcome.why, colour=colour, person=person), person, now.decision)
