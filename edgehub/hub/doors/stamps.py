"""The door of sponsors' stamps: a stamp and a guest → a `stamp` fact, when it counts."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

import structlog

from edgehub.config.stamps import StampPlace, StampSettings
from edgehub.core.wire import Stamp
from edgehub.hub.data_layer import DataLayer
from edgehub.hub.doors.front import Answer, Asked, Door, Turned
from edgehub.hub.doors.guests import Guests
from edgehub.hub.doors.shapes import Unfit
from edgehub.hub.doors.stamping import Album, Confirmed, Forged, Held, Known, Pressed, TooSoon, Verdict, judge
from edgehub.hub.doors.timing import corrected, read_time
from edgehub.hub.fact import PERSON, Fact, Identifier, Take
from edgehub.hub.store import StoreError
from edgehub.hub.traces import Traces
from edgehub.web.backoff import Backoff

log = structlog.get_logger("edgehub.hub")

SOURCE = "stamps"
HELD = "stamp_held"
"""What is tracked for a stamp that does not count yet: only what counts is called a stamp."""
REVIEW_EVERY_S = 10.0
HELD_FOR_US = 24 * 3600 * 1_000_000
FORGOTTEN = "This guest asked to be forgotten."
MOST_HELD = 10_000


@dataclass(frozen=True, slots=True)
class Press:
    """A stamp, pressed by somebody at some time."""

    key: str
    stamp: StampPlace
    ids: tuple[Identifier, ...]
    at_us: int
    told_us: int | None
    received_us: int


class Stamps:
    """Judges stamps, and judges those it held again.

    Args:
        settings: of stamps.yaml.
        layer: what a source calls a guest.
        take: keeps facts.
        guests: what is known of them.
        confirmed: is told of a stamp that counts, after the commit: the gateways greet it.
        wall_us: the wall clock, µs since 1970.
    """

    def __init__(
        self,
        settings: StampSettings,
        layer: Callable[[], DataLayer],
        take: Take,
        guests: Guests,
        *,
        confirmed: Callable[[Stamp], Awaitable[None]],
        wall_us: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._album = Album(settings.stamps)
        self._layer = layer
        self._take = take
        self._guests = guests
        self._confirmed = confirmed
        self._wall_us = wall_us
        self._held: dict[str, Press] = {}
        self._turn = asyncio.Lock()
        """Of two stamps at once the second must see the first: pace and one a booth."""
        self._forgeries = Backoff()

    def doors(self) -> Mapping[str, Door]:
        """Path → what is behind it."""
        return {"/v1/stamps": self._answer}

    async def run(self) -> None:
        """Judge what is held again and again. Never returns."""
        while True:
            try:
                await self.review()
            except StoreError as error:
                log.warning("stamps.waiting", why=str(error))
            await asyncio.sleep(REVIEW_EVERY_S)

    def resume(self, held: Iterable[Fact]) -> None:
        """Go on with what a process before held: the facts that tell of it."""
        for fact in held:
            stamp = self._settings.stamps.get(str(fact.values.get("stamp")))
            if stamp is not None:
                self._hold(
                    Press(fact.key.removeprefix("held/"), stamp, fact.ids, fact.at_us, fact.told_us, fact.received_us)
                )

    async def review(self) -> int:
        """Confirm what can be confirmed now; how many."""
        now_us, count = self._wall_us(), 0
        for key, press in list(self._held.items()):
            async with self._turn:
                verdict = await self._judge(press)
                if isinstance(verdict, Confirmed):
                    await self._confirm(press)
                    count += 1
            if not isinstance(verdict, Held) or now_us - press.received_us > HELD_FOR_US:
                del self._held[key]
        return count

    async def _answer(self, asked: Asked) -> Answer:
        body, holder = asked.body, asked.holder
        if (wait_s := self._forgeries.wait_s(holder.id, self._wall_us() / 1e6)) > 0:
            raise Turned(429, "Too many of these were no stamps.", retry_s=wait_s)
        at = _moment(asked)
        pressed = self._pressed(body, asked.received_us)
        if isinstance(pressed, Forged):
            self._forgeries.wrong(holder.id, self._wall_us() / 1e6)
            log.warning("stamp.forged", why=pressed.why, by=holder.id)
            raise Turned(403, "This is no stamp of this event, or an old code.")
        ids = holder.ids or self._ids(asked)
        press = Press(f"{holder.source}/{body['messageId']}", pressed.stamp, ids, *at, asked.received_us)
        async with self._turn:
            return await self._decide(press, pressed)

    def _pressed(self, body: Mapping[str, str], now_us: int) -> Pressed | Forged:
        if "serial" in body:
            return self._album.of_serial(body["serial"])
        return self._album.of_code(body["code"], now_us)

    def _ids(self, asked: Asked) -> tuple[Identifier, ...]:
        layer = self._layer()
        if asked.holder.source not in layer.settings.sources:
            raise Turned(403, f'data_layer.yaml has no source "{asked.holder.source}", so nobody knows its words.')
        told = {name: asked.body[name] for name in ("userId", "anonymousId") if name in asked.body}
        ids = layer.read(asked.holder.source, told).ids
        if not ids:
            raise Unfit("it names no guest: userId or anonymousId is missing, or not mapped in data_layer.yaml")
        return ids

    async def _decide(self, press: Press, pressed: Pressed) -> Answer:
        if pressed.once is not None and not await self._use_up(press, pressed.once):
            return Answer({"verdict": "refused", "why": "This code was used already."}, 409)
        verdict = await self._judge(press)
        zone = {"zone": press.stamp.zone}
        match verdict:
            case Confirmed():
                await self._confirm(press)
                return Answer({"verdict": "confirmed", **zone})
            case Known():
                return Answer({"verdict": "again", **zone, "why": "This guest has this stamp already."})
            case TooSoon(after, wait_s):
                why = f"This is too soon after {after}: take your time there, and come again."
                return Answer({"verdict": "refused", **zone, "why": why, "again_in_s": round(wait_s, 1)}, 409)
            case Held(why):
                if press.key not in self._held:
                    if "forgotten" in await self._take([_held(press, why)]):
                        return Answer({"verdict": "refused", "why": FORGOTTEN}, 409)
                    self._hold(press)
                return Answer({"verdict": "held", **zone, "why": f"Not counted yet: {why}."})
            case _:
                assert_never(verdict)

    async def _use_up(self, press: Press, once: str) -> bool:
        """Whether a code that is good once is this guest's: the log, which keeps each key once, decides."""
        person = await self._guests.person(press.ids)
        ids = press.ids if person is None else (Identifier(PERSON, person),)
        told = {"stamp": press.stamp.id}
        key = f"code/{press.stamp.id}/{once}"
        fact = Fact(source=SOURCE, key=key, type="track", name="stamp_code_used", at_us=press.received_us,
                    received_us=press.received_us, ids=ids, values=told)  # fmt: skip
        [taken] = await self._take([fact])
        return taken in {"new", "again"}

    async def _judge(self, press: Press) -> Verdict:
        person = await self._guests.person(press.ids)
        if person is None:
            return Held("nobody is known here by this name yet")
        rules = self._settings.rules
        since_us = press.at_us - round(rules.seen_within_s * 1e6)
        visits = await self._guests.visits(person, since_us)
        return judge(press.stamp.zone, press.at_us, visits, await self._guests.collected(person), rules)

    async def _confirm(self, press: Press) -> None:
        person = await self._guests.person(press.ids)
        assert person is not None
        key = f"{press.stamp.zone}/{person}"  # the log keeps each key once: so is each guest's stamp at a booth
        names = (Identifier(PERSON, person), *(one for one in press.ids if one.kind != PERSON))
        values = {"zone": press.stamp.zone, "stamp": press.stamp.id}
        fact = Fact(source=SOURCE, key=key, type="stamp", at_us=press.at_us, told_us=press.told_us,
                    received_us=press.received_us, ids=names, values=values)  # fmt: skip
        [taken] = await self._take([fact])
        if taken == "new":
            log.info("stamp.confirmed", zone=press.stamp.zone, stamp=press.stamp.id)
            await self._confirmed(Stamp(key, person, press.stamp.zone, press.at_us))

    def forget(self, traces: Traces) -> None:
        """Let go of what is held of a guest."""
        self._held = {key: one for key, one in self._held.items() if traces.names.isdisjoint(one.ids)}

    def _hold(self, press: Press) -> None:
        self._held[press.key] = press
        if len(self._held) > MOST_HELD:
            del self._held[next(iter(self._held))]


def _moment(asked: Asked) -> tuple[int, int | None]:
    told, sent = (read_time(asked.body[name], name) if name in asked.body else None for name in ("timestamp", "sentAt"))
    when = corrected(told, sent, asked.received_us)
    return when.at_us, when.told_us


def _held(press: Press, why: str) -> Fact:
    values = {"zone": press.stamp.zone, "stamp": press.stamp.id, "why": why}
    return Fact(source=SOURCE, key=f"held/{press.key}", type="track", name=HELD, at_us=press.at_us,
                told_us=press.told_us, received_us=press.received_us, ids=press.ids, values=values)  # fmt: skip
