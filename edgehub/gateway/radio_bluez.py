"""The radio through BlueZ: what bleak never tells is supervised here.

BleakScanner does not raise when the radio dies: it goes silent. So each receiver watches the bus (``radio_bus``) and
the silence, stops and starts scanners under a deadline, and climbs the ladder of ``core.ladder``.
"""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import structlog

from edgehub.core.ladder import Ladder, Rung
from edgehub.gateway.radio_bleak import Ear, Scanner, hang_up, in_words
from edgehub.gateway.radio_bus import BluezBus, BusError
from edgehub.gateway.radio_state import Condition, Listener, RadioState

_OFF_S: Final = 1.0  # an adapter stays off this long in a power cycle
_GOODBYE_S: Final = 2.0  # for the last stop: the whole gateway has 5 s to end

log = structlog.get_logger("edgehub.radio")


class BluezRadio:
    """All receivers of a gateway whose air is real."""

    def __init__(self, gateway: str, adapters: tuple[str, ...], listener: Listener) -> None:
        self._bus = BluezBus(adapters, listener.patience)
        alone = len(adapters) < 2
        names = [gateway] if alone else [f"{gateway}/{adapter}" for adapter in adapters]
        self._receivers = [
            BluezReceiver(name, adapter, self._bus, listener, alone=alone)
            for name, adapter in zip(names, adapters or [None], strict=True)
        ]

    @property
    def states(self) -> Mapping[str, RadioState]:
        """How each receiver fares now, counters included."""
        return {state.receiver: state for state in (receiver.state for receiver in self._receivers)}

    async def run(self) -> None:
        """Scan with every adapter until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._bus.run(), name="radio: BlueZ")
                for receiver in self._receivers:
                    group.create_task(receiver.run(), name=f"radio: {receiver.state.receiver}")
        finally:
            await hang_up()


class BluezReceiver:
    """One adapter, or the first that is on: scanned for ever, whatever happens to it."""

    def __init__(self, receiver: str, adapter: str | None, bus: BluezBus, listener: Listener, *, alone: bool) -> None:
        self._adapter = adapter
        self._alone = alone
        self._bus = bus
        self._report = listener.report
        self._patience = listener.patience
        self._ear = Ear(receiver, listener)
        self._ladder = Ladder()
        self._now = asyncio.get_running_loop().time
        self._since = self._now()
        """Since when silence counts: the start of this scanner, or the last rung."""
        self._failures = 0
        self._scans = 0
        self._state = RadioState(receiver)

    @property
    def state(self) -> RadioState:
        """How it fares now, counters included."""
        ear = self._ear
        return replace(self._state, adverts=ear.adverts, dropped=ear.dropped, restarts=max(0, self._scans - 1))

    async def run(self) -> None:
        """Scan until cancelled."""
        while not self._bus.asked:
            await self._bus.changed(self._patience.longest_retry_s)
        while True:
            adapter = self._choose()
            if obstacle := self._obstacle(adapter):
                self._say(*obstacle)
                await self._bus.changed(self._patience.longest_retry_s)
                rung = self._due() if adapter in self._bus.adapters else None
            else:
                rung = await self._scan(adapter)
            if rung:
                await self._try(rung, adapter)

    def _choose(self) -> str:
        """Return the adapter to use: the named one, or the first that is on, or the first."""
        if self._adapter:
            return self._adapter
        able = sorted(name for name, adapter in self._bus.adapters.items() if adapter.central)
        return next((name for name in able if self._bus.adapters[name].powered), able[0] if able else "")

    def _obstacle(self, adapter: str) -> tuple[Condition, str] | None:
        """Return why scanning need not even be tried."""
        there = self._bus.adapters.get(adapter)
        if self._bus.trouble or there is None:
            self._since = self._now()  # silence is no riddle while there is no adapter
        if self._bus.trouble:
            return "gone", self._bus.trouble
        if there is None:
            others = ", ".join(sorted(self._bus.adapters))
            if not adapter or not others:
                return "gone", "no Bluetooth adapter found; plug one in, or see `rfkill list` and `bluetoothctl list`"
            return "gone", f"the adapter {adapter} is not there; there is {others}"
        if not there.powered:
            return (
                "off",
                f"Bluetooth is switched off on {adapter}; `rfkill unblock bluetooth` or `bluetoothctl power on`",
            )
        return None

    async def _scan(self, adapter: str) -> Rung | None:
        """Start a scanner and watch over it; return the rung to try when it is of no more use."""
        losses = self._bus.losses(adapter)
        scanner = Scanner(adapter, self._ear)
        self._scans += 1
        started = self._now()  # packets may come before start() returns
        try:
            async with asyncio.timeout(self._patience.attempt_s):
                await scanner.start()
        except Exception as error:  # noqa: BLE001 - BlueZ, the bus and bleak raise a dozen kinds, OSError included
            return await self._refused(adapter, error)
        try:
            self._failures = 0
            self._since = started
            if self._state.state != "deaf":
                self._say("starting", f"scanning with {adapter}; nothing heard yet")
            return await self._watch(adapter, losses)
        finally:
            await self._stop(scanner)

    async def _watch(self, adapter: str, losses: int) -> Rung | None:
        """Return when the scanner is dead, or when the silence asks for a rung."""
        idle_until = math.inf
        while self._bus.losses(adapter) == losses and self._now() < idle_until:
            match self._due():
                case None:
                    self._notice_hearing(adapter)
                case Rung.WAIT:
                    self._say_deaf("tried enough for this hour, listening on")
                case rung:
                    return rung
            idle = not self._bus.discovering(adapter)
            idle_until = min(idle_until, self._now() + self._patience.idle_s) if idle else math.inf
            await self._bus.changed(self._patience.retry_s if idle else self._nap_s())
        return None

    def _notice_hearing(self, adapter: str) -> None:
        if self._ear.heard_at > self._since and self._state.state != "ok":
            self._ladder.heard()
            self._say("ok", f"hearing with {adapter}")

    def _nap_s(self) -> float:
        """In doubt look often; once all is well, wake only for the bus or for the end of patience."""
        return self._silent_at() - self._now() if self._state.state == "ok" else self._patience.retry_s

    def _silent_at(self) -> float:
        """Return when patience ends if nothing more is heard."""
        return max(self._since, self._ear.heard_at) + self._patience.silence_s

    def _due(self) -> Rung | None:
        """Return the next rung if nothing was heard for the whole patience."""
        now = self._now()
        if now < self._silent_at():
            return None
        self._since = now
        return self._ladder.climb(now)

    async def _refused(self, adapter: str, error: Exception) -> Rung | None:
        self._say(*in_words(adapter, error, self._patience.attempt_s))
        if self._failures:
            await self._drop_session()
        await asyncio.sleep(self._patience.retry_after(self._failures))
        self._failures += 1
        return self._due()

    async def _stop(self, scanner: Scanner) -> None:
        """Stop a scanner that may be dead; whatever it raises, it is of no more use."""
        try:
            async with asyncio.timeout(min(self._patience.attempt_s, _GOODBYE_S)):
                await scanner.stop()
        except Exception as error:  # noqa: BLE001 - UnknownObject, Failed, OSError: all measured (testbed.md)
            log.debug("radio.stop_failed", receiver=self._state.receiver, error=repr(error))
        if self._bus.trouble:
            await hang_up()  # a bluetoothd that crashed never told bleak which devices went with it

    async def _try(self, rung: Rung, adapter: str) -> None:
        match rung:
            case Rung.WAIT:
                self._say_deaf("tried enough for this hour, listening on")
            case Rung.NEW_SCANNER:
                self._say_deaf("starting a new scanner")
                await self._drop_session()
            case Rung.POWER_CYCLE:
                self._say_deaf(f"switching {adapter} off and on again")
                await self._power_cycle(adapter)
            case Rung.ASK_FOR_RESTART:
                self._say_deaf(
                    "a new scanner did not help; please run `sudo systemctl restart bluetooth` or restart the Pi"
                )
                await self._drop_session()

    async def _power_cycle(self, adapter: str) -> None:
        self._state = replace(self._state, resets=self._state.resets + 1)
        try:
            await self._switch(adapter, on=False)
            await asyncio.sleep(min(_OFF_S, self._patience.idle_s))
        finally:
            await self._switch(adapter, on=True)  # also when the gateway is stopped just now

    async def _switch(self, adapter: str, *, on: bool) -> None:
        try:
            await self._bus.power(adapter, on)
        except (BusError, TimeoutError, OSError) as error:
            log.warning("radio.power_refused", receiver=self._state.receiver, adapter=adapter, on=on, error=str(error))

    async def _drop_session(self) -> None:
        """Close bleak's connection, so that BlueZ ends whatever it still holds for us, unless others scan over it."""
        if self._alone:
            await hang_up()

    def _say_deaf(self, remedy: str) -> None:
        if self._state.state in {"ok", "starting", "deaf"}:  # any other state explains the silence better
            self._say("deaf", f"no Bluetooth packet for {self._patience.silence_s:g} s or more; {remedy}")

    def _say(self, state: Condition, why: str) -> None:
        self._state = replace(self._state, state=state, why=why)
        self._report(self.state)
