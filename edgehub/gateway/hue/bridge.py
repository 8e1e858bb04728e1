"""HueBridge: a bridge as the rest of the gateway sees it, on the loop and never waiting."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Self

from edgehub.core.data import dataclass
from edgehub.core.venue import ZoneLights
from edgehub.core.wish import BackendState, BridgeLost, Done, Report, Wish
from edgehub.gateway.hue.driver import Counts, Driver
from edgehub.gateway.hue.errors import BridgeGone
from edgehub.gateway.hue.http import DEADLINE_S
from edgehub.gateway.hue.keys import KeyFile
from edgehub.gateway.hue.worker import POLL_S, REST_S, Message, Worker

WATCH_S: Final = 0.5
"""How often it is checked that the thread still lives and keeps its deadlines."""
FAREWELL_S: Final = 1.0
"""How long the end of a gateway waits for a thread; its socket is shut down, so it usually ends at once."""


@dataclass(frozen=True, slots=True)
class HueMetrics:
    """What happened so far."""

    requests: int
    failures: int
    latency_s: float
    """Of the last request that was answered well."""
    threads: int
    """Threads started; more than one means that some hung and were given up."""


class HueBridge:
    """One Hue bridge, a ``LightBackend``. Enter it with ``async with``; entering does not wait for the bridge.

    Args:
        nickname: in edgehub.yaml.
        host: its address; "auto" is not known in this version and ends in state "gone" with the remedy.
        keys: where pairing left the key; read again at every attempt to connect.
        wanted: the lights of all zones on this bridge.
        report: called on the loop with every Report; every submitted wish gets exactly one Done.
        on_state: called on the loop whenever ``state`` or ``warnings`` changed.
        poll_s: seconds between two looks at the lamps, which is how manual changes are noticed.
        deadline_s: for each request.
        rest_s: seconds of rest after a request that was broken off.
    """

    def __init__(
        self,
        nickname: str,
        host: str,
        keys: KeyFile,
        wanted: Iterable[ZoneLights],
        *,
        report: Callable[[Report], None],
        on_state: Callable[[BackendState], None] | None = None,
        poll_s: float = POLL_S,
        deadline_s: float = DEADLINE_S,
        rest_s: float = REST_S,
    ) -> None:
        self.nickname = nickname
        self.state = BackendState("starting", "the bridge is being looked for")
        self.warnings: tuple[str, ...] = ()
        """Names in zones.yaml that the bridge does not have, each with a suggestion."""
        self._host, self._keys, self._wanted = host, keys, tuple(wanted)
        self._report, self._on_state = report, on_state
        self._poll_s, self._deadline_s, self._rest_s = poll_s, deadline_s, rest_s
        self._counts = Counts()
        self._threads = 0
        self._stopping = False
        self._ended = asyncio.Event()
        self._outstanding: Wish | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._worker: Worker | None = None
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._start_worker()
        self._watch = asyncio.create_task(self._watch_worker(), name=f"hue-watch-{self.nickname}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        if self._watch is not None:
            self._watch.cancel()
        if self._worker is not None:
            self._worker.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), FAREWELL_S)
        self._worker = None

    @property
    def metrics(self) -> HueMetrics:
        """Counters since the start."""
        return HueMetrics(self._counts.requests, self._counts.failures, self._counts.latency_s, self._threads)

    def submit(self, wish: Wish) -> None:
        """Show this as soon as the request under way is over; never blocks. A wish still waiting is replaced."""
        if self._worker is None or self._stopping:
            self._report(Done(wish, False, "the gateway is stopping"))
            return
        replaced = self._worker.mailbox.put(wish)
        self._outstanding = wish
        if replaced is not None:
            self._report(Done(replaced, False, "a newer wish took its place"))

    def configure(self, wanted: Iterable[ZoneLights]) -> None:
        """Drive these zones from now on; a RoomsKnown follows once the bridge was asked again."""
        self._wanted = tuple(wanted)
        if self._worker is not None:
            self._worker.wanted = self._wanted
            self._worker.mailbox.ask_again()

    def _start_worker(self) -> None:
        pace = {"poll_s": self._poll_s, "rest_s": self._rest_s}
        self._worker = Worker(self.nickname, self._connect, self._wanted, self._hop, **pace)
        self._threads += 1
        self._worker.start()

    def _connect(self) -> Driver:
        """Called by the worker, in its thread."""
        if self._host == "auto":
            raise BridgeGone(
                "looking for bridges is not in this version: write the bridge's IP address instead of "
                '"host: auto" in edgehub.yaml (the Hue app shows it)'
            )
        return Driver(self._host, self._keys.key(self.nickname), deadline_s=self._deadline_s, counts=self._counts)

    def _hop(self, worker: Worker, message: Message) -> None:
        """Called by the worker, in its thread: hop to the loop and nothing else."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hear, worker, message)

    def _hear(self, worker: Worker, message: Message) -> None:
        if worker is not self._worker:
            return  # given up: its wish was answered when it was
        match message:
            case None:
                self._ended.set()
            case BackendState():
                self._set_state(message)
            case tuple():
                changed, self.warnings = message != self.warnings, message
                if changed and self.state.state == "ok":  # else the state that follows brings them along
                    self._set_state(self.state)
            case Done():
                self._outstanding = None if message.wish == self._outstanding else self._outstanding
                self._report(message)
            case _:
                self._report(message)

    async def _watch_worker(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            if self._worker is not None and self._worker.hopeless(time.monotonic()):
                self._replace_worker(self._worker)

    def _replace_worker(self, worker: Worker) -> None:
        """Give up a thread that hangs where no deadline reaches; being a daemon it holds up no exit."""
        why = "the thread of this bridge hung and was given up: it is tried again"
        worker.close()
        wish, self._outstanding = self._outstanding, None
        self._start_worker()
        self._set_state(BackendState("gone", why))
        self._report(BridgeLost(self.nickname, why))
        if wish is not None:
            self._report(Done(wish, False, why))

    def _set_state(self, state: BackendState) -> None:
        self.state = state
        if self._on_state is not None:
            self._on_state(state)
