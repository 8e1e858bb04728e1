"""The radio of a gateway: whatever the source, it delivers advertisements and says how each receiver fares.

::

    async with Radio(settings, gateway="pi-lounge", deliver=inbox.adverts, on_state=inbox.radio_state) as radio:
        radio.clock.now()

A radio that is not there is a state with a sentence, never an exception: the gateway runs on and the radio comes back
when it can. Sources: ``bluez`` (bleak over D-Bus) and ``socket:PATH`` (the simulated radio of the demo and the tests).
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Protocol, Self

import structlog

from edgehub.gateway.radio_state import (
    Clock,
    Deliver,
    Listener,
    Patience,
    RadioState,
    RealClock,
    SimulatedClock,
)

__all__ = ["Clock", "Deliver", "Patience", "Radio", "RadioState", "RealClock", "SimulatedClock"]

log = structlog.get_logger("edgehub.radio")
_GOODBYE_S = 4.0  # whatever hangs: a gateway ends within 5 s


class BluetoothSettings(Protocol):
    """The `bluetooth:` part of edgehub.yaml, as far as the radio needs it."""

    @property
    def adapters(self) -> tuple[str, ...]:
        """Adapters to scan with, such as ("hci0",); none means the first one that is switched on."""

    @property
    def source(self) -> str:
        """``bluez`` or ``socket:PATH``."""


class Source(Protocol):
    """Where advertisements come from."""

    async def run(self) -> None:
        """Deliver and report until cancelled; leave nothing open behind."""

    @property
    def states(self) -> Mapping[str, RadioState]:
        """How each receiver fares now."""


class Radio:
    """All receivers of one gateway, as an asynchronous context manager.

    ``deliver`` takes batches of advertisements on the event loop, and ``on_state`` every change of a receiver's
    state. Receivers are called ``GATEWAY``, or ``GATEWAY/ADAPTER`` when there are several adapters. Entering waits at
    most ``patience.hello_s`` for a simulated radio to set the clock, so that no decision precedes it.
    """

    def __init__(
        self,
        settings: BluetoothSettings,
        gateway: str,
        deliver: Deliver,
        on_state: Callable[[RadioState], None],
        *,
        patience: Patience | None = None,
    ) -> None:
        self._settings = settings
        self._gateway = gateway
        self._deliver = deliver
        self._on_state = on_state
        self._patience = patience or Patience()
        self._said: dict[str, RadioState] = {}
        self._clock_set = asyncio.Event()

    @property
    def states(self) -> Mapping[str, RadioState]:
        """How each receiver fares now, counters included."""
        return self._source.states

    async def __aenter__(self) -> Self:
        self.clock: Clock = RealClock(asyncio.get_running_loop().time)
        self._source = self._open(self._settings.source)
        self._task = asyncio.create_task(self._keep_running(), name="radio")
        if self._settings.source.startswith("socket:"):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._clock_set.wait(), self._patience.hello_s)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=_GOODBYE_S)

    def _open(self, source: str) -> Source:
        kind, _, path = source.partition(":")
        listener = Listener(self._deliver, self._report, self._patience)
        match kind:
            case "bluez":
                from edgehub.gateway.radio_bluez import BluezRadio  # bleak costs a simulated gateway nothing,

                return BluezRadio(self._gateway, self._settings.adapters, listener)
            case "socket" if path:
                from edgehub.gateway.radio_socket import SocketReceiver  # nor the simulation a real one

                return SocketReceiver(path, self._gateway, listener, self._set_clock)
            case _:
                raise ValueError(f"no radio is called {source!r}; write bluez or socket:PATH")

    def _set_clock(self, clock: Clock) -> None:
        self.clock = clock
        self._clock_set.set()

    def _report(self, state: RadioState) -> None:
        before = self._said.get(state.receiver)
        self._said[state.receiver] = state
        if before is None or (before.state, before.why) != (state.state, state.why):
            level = log.info if state.state in {"ok", "starting"} else log.warning
            level("radio.state", receiver=state.receiver, state=state.state, why=state.why, restarts=state.restarts)
            self._on_state(state)

    async def _keep_running(self) -> None:
        """Run the source; should it ever fall over an error of ours, say so and start it again."""
        while True:
            try:
                await self._source.run()
            except Exception as error:  # nothing may leave a gateway without its radio
                log.exception("radio.failed")
                for state in self._source.states.values():
                    self._report(
                        replace(state, state="failed", why=f"an error in edgehub itself: {error!r}; trying again")
                    )
            await asyncio.sleep(self._patience.longest_retry_s)
