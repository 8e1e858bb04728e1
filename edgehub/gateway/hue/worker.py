"""The thread that speaks to one bridge: one request in flight, a breaker, a look at the lamps now and then.

A thread of its own and not the default executor, because a call that hangs there would hold up the end of the process.
It reports through one callable and is told things through a mailbox with one place: a newer wish replaces an older.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from edgehub.core.colour import for_lamp
from edgehub.core.venue import ZoneLights
from edgehub.core.wish import BackendState, BridgeLost, Done, LampsChanged, Report, RoomLamps, RoomsKnown, Wish
from edgehub.gateway.hue.driver import Driver
from edgehub.gateway.hue.errors import BadName, BridgeBusy, BridgeError, BridgeGone, KeyFileError, NotPaired
from edgehub.gateway.hue.house import House, LampFound, LampSeen, RoomFound, SceneFound, suggestion

FAILURES: Final = 3
"""The breaker opens at the third failure in a row."""
BACK_OFF_S: Final = (0.5, 1.0, 2.0, 4.0)
"""Between attempts to find the bridge again. Healed at the worst moment: 3 s of a hanging attempt, 4 s of waiting,
four requests: below the 15 s in which a bridge that is back must be in use."""
POLL_S: Final = 5.0
"""How often lamps are looked at: staff see their own change respected, and 0.2 requests a second are no load."""
GRACE_S: Final = 0.5
"""Past its deadline before a thread is given up."""
STALE_S: Final = 10.0
"""A wish that waited so long is not shown."""


Message = Report | BackendState | tuple[str, ...] | None
"""What a worker tells: reports, its state, names the bridge does not have, and None at its very end."""


class Mailbox:
    """What the loop hands to the thread: the newest wish, or that the rooms are to be read again, or the end."""

    def __init__(self) -> None:
        self._ready = threading.Condition()
        self._wish: Wish | None = None
        self._again = False
        self.closed = False

    def put(self, wish: Wish) -> Wish | None:
        """Leave a wish; returns the one it replaces."""
        with self._ready:
            replaced, self._wish = self._wish, wish
            self._ready.notify()
        return replaced

    def ask_again(self) -> None:
        """Ask for the rooms to be read again."""
        with self._ready:
            self._again = True
            self._ready.notify()

    def close(self) -> None:
        """End the thread after the request under way."""
        with self._ready:
            self.closed = True
            self._ready.notify()

    def take(self, wait_s: float) -> Wish | None:
        """The wish that is there or comes within the wait; None when none does, or anything else happens."""
        with self._ready:
            self._ready.wait_for(lambda: self.closed or self._again or self._wish is not None, max(0.0, wait_s))
            wish, self._wish = self._wish, None
            return wish

    def asked_again(self) -> bool:
        """True once after ``ask_again``."""
        with self._ready:
            again, self._again = self._again, False
            return again


@dataclass(slots=True)
class _Memory:
    """What a lamp should show by our doing, and what it showed when last looked at."""

    seen: LampSeen
    expected: LampSeen | None = None
    before: LampSeen | None = None
    """What it showed before our last command; allowed until it is seen to have obeyed."""
    found: LampSeen | None = None
    """What it showed before our first command: how an idle room without a scene gets it back."""

    def told(self, state: LampSeen) -> None:
        self.before, self.expected = self.seen, state

    def changed_by_hand(self, seen: LampSeen) -> bool:
        """Look again; True when somebody else has set the lamp since."""
        self.seen = seen
        if self.expected is None:
            return False
        if self.expected.same_as(seen):
            self.before = None
            return False
        if self.before is not None and self.before.same_as(seen):
            return False
        self.expected = self.before = None
        return True


@dataclass(frozen=True, slots=True)
class _Stage:
    """A room of ours as the bridge knows it."""

    room: RoomFound
    lamps: tuple[LampFound, ...]
    scene: SceneFound | None
    scene_states: dict[str, LampSeen]


class Worker:
    """One thread for one bridge, from start to close or until it is abandoned.

    Args:
        nickname: of the bridge.
        connect: makes a Driver; raises BridgeError when there is no key.
        wanted: the zones' lights on this bridge.
        report: called from the thread with every Message.
        poll_s: seconds between looks at the lamps.
    """

    def __init__(
        self,
        nickname: str,
        connect: Callable[[], Driver],
        wanted: Iterable[ZoneLights],
        report: Callable[["Worker", Message], None],
        poll_s: float = POLL_S,
    ) -> None:
        self.mailbox = Mailbox()
        self.wanted = tuple(wanted)
        self._nickname, self._connect, self._tell = nickname, connect, report
        self._poll_s = poll_s
        self._driver: Driver | None = None
        self._house: House | None = None
        self._memories: dict[str, _Memory] = {}
        self._stages: dict[str, _Stage] = {}
        self._state = BackendState("starting", "the bridge is being looked for")
        self._thread = threading.Thread(target=self._run, name=f"hue-{nickname}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End soon: at once when idle, after a broken off request else. Does not wait."""
        self.mailbox.close()
        if self._driver is not None:
            self._driver.line.abort()

    @property
    def alive(self) -> bool:
        """True until the thread has ended."""
        return self._thread.is_alive()

    def hopeless(self, now: float) -> bool:
        """True when nothing can be expected of this thread: it has died, or hangs past every deadline.

        Looking up a name is the one thing no deadline of ours reaches.
        """
        until = None if self._driver is None else self._driver.line.until
        return not self.alive or (until is not None and now > until + GRACE_S)

    def _run(self) -> None:
        attempt = 0
        while not self.mailbox.closed:
            try:
                self._open()
                attempt = 0
                self._serve()
            except BridgeError as error:
                self._lose(error)
            finally:
                self._hang_up()
            self._refuse_for(BACK_OFF_S[min(attempt, len(BACK_OFF_S) - 1)])
            attempt += 1
        self._tell(self, None)

    def _open(self) -> None:
        self._driver = self._connect()
        if self.mailbox.closed:
            return
        self._house, self._stages = self._driver.house(), {}
        self._memories = {lamp.id: _Memory(lamp.seen) for lamp in self._house.lamps.values()}
        self._resolve(self._house)
        self._set_state(BackendState("ok"))

    def _serve(self) -> None:
        """Until it is closed or the breaker opens."""
        failures, next_look = 0, time.monotonic() + self._poll_s
        while not self.mailbox.closed:
            wish = self.mailbox.take(next_look - time.monotonic())
            try:
                if wish is not None:
                    self._obey(wish)
                elif self.mailbox.asked_again():
                    self._read_again()
                elif time.monotonic() >= next_look:
                    self._look()
                    next_look = time.monotonic() + self._poll_s
                failures = 0
            except (BridgeBusy, BridgeGone):
                failures += 1
                if failures >= FAILURES:
                    raise

    def _obey(self, wish: Wish) -> None:
        """Show a wish and answer it, whatever happens."""
        driver = self._driver
        assert driver is not None
        driver.line.sent_at = None
        try:
            self._show(wish, driver)
        except BridgeError as error:
            self._tell(self, Done(wish, False, str(error), driver.line.sent_at))
            if not isinstance(error, BadName):
                raise
        else:
            self._tell(self, Done(wish, True, "", driver.line.sent_at))

    def _show(self, wish: Wish, driver: Driver) -> None:
        if wish.wished_at + STALE_S < time.monotonic():
            raise BadName("the wish was too old when its turn came")
        stage = self._stages.get(wish.room)
        if stage is None:
            raise BadName(f"the bridge has no room {wish.room!r}")
        if wish.lamp is None:
            self._recall(stage, driver)
        elif wish.colour is not None:
            self._show_colour(stage, wish.lamp, wish.colour, driver)
        else:
            self._show_idle(stage, wish.lamp, driver)

    def _recall(self, stage: _Stage, driver: Driver) -> None:
        if stage.scene is None:
            raise BadName("the bridge has no such scene")
        driver.recall(stage.room.id, stage.scene.id)
        for lamp in stage.room.lamps:
            memory, state = self._memories.get(lamp), stage.scene_states.get(lamp)
            if memory is not None:
                memory.found = None
                if state is not None:
                    memory.told(state)
                else:
                    memory.expected = None

    def _show_colour(self, stage: _Stage, lamp: str, colour: str, driver: Driver) -> None:
        found = next((each for each in stage.lamps if each.id == lamp), None)
        if found is None:
            raise BadName(f"the bridge has no lamp {lamp} in {stage.room.name!r}")
        aim = for_lamp(colour, found.gamut)
        memory = self._memories[lamp]
        memory.found = memory.found or memory.seen
        self._set_lamp(lamp, LampSeen(True, aim.bri if found.dims else None, aim.xy), driver)

    def _show_idle(self, stage: _Stage, lamp: str, driver: Driver) -> None:
        """The lamp's part of the idle scene, or without one what it showed before us."""
        memory = self._memories.get(lamp)
        state = stage.scene_states.get(lamp) or (memory.found if memory and stage.scene is None else None)
        if state is not None:
            self._set_lamp(lamp, state, driver)
        if memory is not None:
            memory.found = None

    def _set_lamp(self, lamp: str, state: LampSeen, driver: Driver) -> None:
        self._memories[lamp].told(state)
        try:
            driver.show(lamp, state.command())
        except BridgeBusy:
            if not self._has_obeyed(lamp, state, driver):
                raise

    def _has_obeyed(self, lamp: str, state: LampSeen, driver: Driver) -> bool:
        """Read back after trouble: a bridge may do what it says it could not."""
        if driver.line.sent_at is None:
            return False
        sent_at = driver.line.sent_at
        try:
            seen = driver.lamp(lamp)
        except BridgeError:
            return False
        finally:
            driver.line.sent_at = sent_at
        return state.same_as(seen)

    def _look(self) -> None:
        """See whether staff set lamps, and whether lamps came or went."""
        assert self._driver is not None
        assert self._house is not None
        self._house = replace(self._house, lamps=self._driver.lamps())
        lamps = self._house.lamps.values()
        changed = frozenset([lamp.id for lamp in lamps if lamp.reachable and self._changed(lamp)])
        if changed:
            self._tell(self, LampsChanged(self._nickname, changed))
        self._resolve(self._house)

    def _read_again(self) -> None:
        """Read everything, because our configuration changed or somebody asks."""
        assert self._driver is not None
        self._house, self._stages = self._driver.house(), {}
        self._resolve(self._house)

    def _changed(self, lamp: LampFound) -> bool:
        memory = self._memories.setdefault(lamp.id, _Memory(lamp.seen))
        return memory.changed_by_hand(lamp.seen)

    def _resolve(self, house: House) -> None:
        """Turn the names of the configuration into ids; only here, so that showing a colour is one request."""
        stages = {
            lights.room: self._stage(house, room, lights) for lights in self.wanted if (room := house.room(lights.room))
        }
        if stages != self._stages:
            self._stages = stages
            self._tell(self, tuple(dict.fromkeys(self._missing(house))))
            rooms = {
                name: RoomLamps(tuple(lamp.id for lamp in stage.lamps), stage.scene is not None)
                for name, stage in stages.items()
            }
            self._tell(self, RoomsKnown(self._nickname, rooms))

    def _stage(self, house: House, room: RoomFound, lights: ZoneLights) -> _Stage:
        scene = None if lights.idle is None else house.scene(lights.idle, room)
        return _Stage(room, tuple(_still(lamp) for lamp in house.show_lamps(room)), scene, self._states(scene))

    def _missing(self, house: House) -> Iterator[str]:
        """What staff should know: names that the bridge does not have."""
        for lights in self.wanted:
            room = house.room(lights.room)
            if room is None:
                yield self._there_is_no("room", lights.room, [room.name for room in house.rooms])
            elif lights.idle is not None and house.scene(lights.idle, room) is None:
                yield self._there_is_no("scene", lights.idle, [scene.name for scene in house.scenes_of(room)])

    def _there_is_no(self, kind: str, name: str, names: Iterable[str]) -> str:
        return f'there is no {kind} on Hue bridge "{self._nickname}" called "{name}". {suggestion(name, names)}'

    def _states(self, scene: SceneFound | None) -> dict[str, LampSeen]:
        """What a scene does, read once."""
        known = [stage for stage in self._stages.values() if scene is not None and stage.scene == scene]
        if scene is None or known:
            return known[0].scene_states if known else {}
        driver = self._driver
        assert driver is not None
        return driver.scene_states(scene.id)

    def _lose(self, error: BridgeError) -> None:
        pairing = isinstance(error, NotPaired | KeyFileError)
        self._set_state(BackendState("not paired" if pairing else "gone", str(error)))
        self._tell(self, BridgeLost(self._nickname, str(error)))
        self._stages = {}

    def _refuse_for(self, wait_s: float) -> None:
        """Wait before the next attempt; wishes that come are answered at once."""
        until = time.monotonic() + wait_s
        while not self.mailbox.closed and (left := until - time.monotonic()) > 0:
            wish = self.mailbox.take(left)
            if wish is not None:
                self._tell(self, Done(wish, False, self._state.why))
            elif self.mailbox.asked_again():
                return

    def _hang_up(self) -> None:
        if self._driver is not None:
            self._driver.line.close()

    def _set_state(self, state: BackendState) -> None:
        if state != self._state:
            self._state = state
            self._tell(self, state)


def _still(lamp: LampFound) -> LampFound:
    """A lamp without what it shows at the moment: what makes a room another one is which lamps it has."""
    return replace(lamp, seen=LampSeen(True))
