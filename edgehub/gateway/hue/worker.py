"""The thread that speaks to one bridge: one request in flight, a breaker, a look at the lamps now and then.

A thread of its own and not the default executor, because a call that hangs there would hold up the end of the process.
It reports through one callable and is told things through a mailbox with one place: a newer wish replaces an older.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from edgehub.core.venue import ZoneLights
from edgehub.core.wish import BackendState, BridgeLost, Done, LampsChanged, Report, RoomsKnown, Wish
from edgehub.gateway.hue.driver import Driver
from edgehub.gateway.hue.errors import BadName, BridgeError, BridgeGone, KeyFileError, NotPaired
from edgehub.gateway.hue.session import Session

if TYPE_CHECKING:
    from edgehub.gateway.hue.memory import LampMemory

FAILURES: Final = 3
"""The breaker opens at the third failure in a row."""
BACK_OFF_S: Final = (1.0, 2.0, 4.0)
"""Between attempts to find the bridge again. Healed at the worst moment: 3 s of a hanging attempt, 4 s of waiting, then
a few requests of a healthy bridge: below the 15 s in which a bridge that is back must be in use."""
POLL_S: Final = 5.0
"""How often lamps are looked at: staff see their own change respected, and 0.2 requests a second are no load."""
REST_S: Final = 1.2
"""A bridge that drips a byte a second notices within that second that nobody listens any more."""
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

    def rest(self, wait_s: float) -> None:
        """Take nothing for so long, unless it is closed."""
        with self._ready:
            self._ready.wait_for(lambda: self.closed, wait_s)

    def asked_again(self) -> bool:
        """True once after ``ask_again``."""
        with self._ready:
            again, self._again = self._again, False
            return again


class Worker:
    """One thread for one bridge, from start to close or until it is given up.

    Args:
        nickname: of the bridge.
        connect: makes a Driver; raises BridgeError when there is no key.
        wanted: the zones' lights on this bridge; may be replaced at any time, followed by ``mailbox.ask_again()``.
        report: called from the thread with every Message.
        poll_s: seconds between looks at the lamps.
        rest_s: seconds of rest after a broken off request: until the bridge has noticed, it would count as in flight.
    """

    def __init__(
        self,
        nickname: str,
        connect: Callable[[], Driver],
        wanted: Iterable[ZoneLights],
        report: Callable[["Worker", Message], None],
        *,
        poll_s: float = POLL_S,
        rest_s: float = REST_S,
    ) -> None:
        self.mailbox = Mailbox()
        self.wanted = tuple(wanted)
        self._nickname, self._connect, self._report = nickname, connect, report
        self._poll_s, self._rest_s = poll_s, rest_s
        self._driver: Driver | None = None
        self._memories: dict[str, LampMemory] = {}  # outlive a session: how lamps were found is found out only once
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

    def hopeless(self, now: float) -> bool:
        """True when nothing can be expected of this thread: it has died, or hangs past every deadline.

        Looking up a name is the one thing no deadline of ours reaches.
        """
        until = None if self._driver is None else self._driver.line.until
        return not self._thread.is_alive() or (until is not None and now > until + GRACE_S)

    def _run(self) -> None:
        attempt = 0
        while not self.mailbox.closed:
            try:
                session = self._open()
            except BridgeError as error:
                self._lose(error)
            else:
                attempt = 0
                self._serve(session)
            self._hang_up()
            self._refuse_for(BACK_OFF_S[min(attempt, len(BACK_OFF_S) - 1)])
            attempt += 1
        self._tell(None)

    def _open(self) -> Session:
        self._driver = self._connect()
        session = Session(self._nickname, self._driver, self.wanted, self._memories)
        self._tell_rooms(session)
        self._set_state(BackendState("ok"))
        return session

    def _serve(self, session: Session) -> None:
        """Until it is closed or the breaker opens."""
        failures, next_look = 0, time.monotonic() + self._poll_s
        while not self.mailbox.closed:
            wish = self.mailbox.take(next_look - time.monotonic())
            error = self._attempt(session, wish, look=time.monotonic() >= next_look)
            next_look = time.monotonic() + self._poll_s if time.monotonic() >= next_look else next_look
            failures = failures + 1 if error is not None and not isinstance(error, BadName) else 0
            lost = error is not None and (failures >= FAILURES or isinstance(error, NotPaired | KeyFileError))
            if lost and error is not None:
                self._lose(error)  # before the answer, lest somebody wishes in between
            if wish is not None:
                self._answer(wish, error)
            if lost:
                return
            if isinstance(error, BridgeGone):
                self.mailbox.rest(self._rest_s)

    def _attempt(self, session: Session, wish: Wish | None, *, look: bool) -> BridgeError | None:
        """One turn: show a wish, or read again, or look at the lamps. The error, if it failed."""
        try:
            if wish is not None:
                _refuse_stale(wish)
                session.show(wish)
            elif self.mailbox.asked_again():
                session.read(self.wanted)
                self._tell_rooms(session)
            elif look and not self.mailbox.closed:
                self._look(session)
        except BridgeError as error:
            return error
        return None

    def _look(self, session: Session) -> None:
        before = session.rooms
        changed = session.look()
        if changed:
            self._tell(LampsChanged(self._nickname, changed))
        if session.rooms != before:
            self._tell_rooms(session)

    def _tell_rooms(self, session: Session) -> None:
        self._tell(session.missing)
        self._tell(RoomsKnown(self._nickname, session.rooms))

    def _answer(self, wish: Wish, error: BridgeError | None) -> None:
        sent_at = None if self._driver is None else self._driver.line.sent_at
        self._tell(Done(wish, error is None, "" if error is None else str(error), sent_at, time.monotonic()))

    def _lose(self, error: BridgeError) -> None:
        pairing = isinstance(error, NotPaired | KeyFileError)
        self._set_state(BackendState("not paired" if pairing else "gone", str(error)))
        self._tell(BridgeLost(self._nickname, str(error)))

    def _refuse_for(self, wait_s: float) -> None:
        """Wait before the next attempt; wishes that come are answered at once."""
        until = time.monotonic() + wait_s
        while not self.mailbox.closed and (left := until - time.monotonic()) > 0:
            wish = self.mailbox.take(left)
            if wish is not None:
                self._tell(Done(wish, False, self._state.why))
            elif self.mailbox.asked_again():
                return

    def _hang_up(self) -> None:
        if self._driver is not None:
            self._driver.line.close()

    def _set_state(self, state: BackendState) -> None:
        if state != self._state:
            self._state = state
            self._tell(state)

    def _tell(self, message: Message) -> None:
        self._report(self, message)


def _refuse_stale(wish: Wish) -> None:
    if wish.wished_at + STALE_S < time.monotonic():
        raise BadName("the wish was too old when its turn came")
