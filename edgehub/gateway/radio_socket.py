"""The simulated radio's client: the same advertisements, from a unix socket instead of the air (``core.airwave``)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from edgehub.core import airwave
from edgehub.core.airwave import AirwaveError, Decoder, Hello
from edgehub.gateway.radio_state import LOOK_WITHIN_S, Clock, Condition, Listener, RadioState, SimulatedClock

_CHUNK_BYTES = 16_384  # about 350 records: one batch, then the loop breathes


class SocketReceiver:
    """One receiver whose air is simulated; reconnects for ever, and says why while it cannot."""

    def __init__(self, path: str, receiver: str, listener: Listener, set_clock: Callable[[Clock], None]) -> None:
        self._path = path
        self._listener = listener
        self._patience = listener.patience
        self._set_clock = set_clock
        self._decoder = Decoder(receiver)
        self._clock: SimulatedClock | None = None
        self._heard = 0
        self._state = RadioState(receiver)

    @property
    def states(self) -> Mapping[str, RadioState]:
        """How it fares now, counters included."""
        return {self._state.receiver: replace(self._state, adverts=self._heard + self._decoder.heard)}

    async def run(self) -> None:
        """Listen until cancelled."""
        time_passes = asyncio.create_task(self._keep_time(), name="simulated time")
        try:
            await self._keep_listening()
        finally:
            time_passes.cancel()

    async def _keep_time(self) -> None:
        """Let silence pass; whatever the socket holds by then is read before the next look."""
        while True:
            await asyncio.sleep(LOOK_WITHIN_S / 2)
            if self._clock is not None:
                self._clock.look()

    async def _keep_listening(self) -> None:
        failures = 0
        while True:
            try:
                async with self._connected() as (reader, clock):
                    failures = 0
                    await self._listen(reader, clock)
                    self._say("gone", "the simulated radio closed the connection; waiting for it to come back")
            except AirwaveError as error:
                self._say("failed", str(error))
            except (OSError, TimeoutError) as error:
                self._say("gone", f"no simulated radio at {self._path}: {_reason(error)}; start it, or change `source`")
            self._state = replace(self._state, restarts=self._state.restarts + 1)
            await asyncio.sleep(self._patience.retry_after(failures))
            failures += 1

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, SimulatedClock]]:
        async with asyncio.timeout(self._patience.attempt_s):
            reader, writer = await asyncio.open_unix_connection(self._path, limit=_CHUNK_BYTES)
        try:
            self._clock = clock = self._start_clock(await self._greet(reader, writer))
            yield reader, clock
        finally:
            writer.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Hello:
        writer.write(airwave.pack_request(self._state.receiver))
        async with asyncio.timeout(self._patience.hello_s):
            try:
                line = await reader.readuntil(b"\n")
            except asyncio.IncompleteReadError as error:
                raise ConnectionResetError("it hung up before saying hello") from error
            except asyncio.LimitOverrunError as error:
                raise AirwaveError("this is no simulated radio of edgehub; its first line never ends") from error
        return airwave.parse_hello(line)

    def _start_clock(self, hello: Hello) -> SimulatedClock:
        if hello.receiver != self._state.receiver:
            raise AirwaveError(f"the simulated radio answers for {hello.receiver!r}, not for {self._state.receiver!r}")
        clock = SimulatedClock(asyncio.get_running_loop().time, hello.t, hello.wall_us, hello.speed)
        self._set_clock(clock)
        self._say("ok", f"a simulated radio, {hello.speed:g} times as fast as life")
        return clock

    async def _listen(self, reader: asyncio.StreamReader, clock: SimulatedClock) -> None:
        self._heard += self._decoder.heard
        self._decoder = decoder = Decoder(self._state.receiver)
        deliver = self._listener.deliver
        while chunk := await reader.read(_CHUNK_BYTES):
            if batch := decoder.feed(chunk):
                clock.look(batch[-1].at)
                deliver(batch)
                await asyncio.sleep(0)  # what is buffered already would be read without a break

    def _say(self, state: Condition, why: str) -> None:
        self._state = replace(self._state, state=state, why=why)
        self._listener.report(self._state)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError) and not error.args:
        return "it does not answer"
    return (getattr(error, "strerror", None) or str(error)).lower()
