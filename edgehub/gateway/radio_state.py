"""What the radio tells the rest of the gateway: how each receiver fares, and what time it is."""

import time
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from edgehub.core.advert import Advertisement
from edgehub.core.data import dataclass

Deliver = Callable[[Sequence[Advertisement]], None]
"""Takes a batch on the event loop, at once and without waiting: a bounded inbox."""

LOOK_WITHIN_S = 0.25
"""Real s: a simulated radio is looked at more often than this, unless the process is kept from running."""

Condition = Literal["starting", "ok", "deaf", "off", "busy", "gone", "failed"]


@dataclass(frozen=True, slots=True)
class RadioState:
    """How one receiver fares, with a sentence for staff. Its silence is evidence only while it is ``healthy``."""

    receiver: str
    state: Condition = "starting"
    """
    starting  scanning, nothing heard yet      deaf    scanning, and nothing heard for too long
    ok        scanning and hearing             off     the adapter is switched off
    busy      BlueZ refuses or does not answer gone    no adapter, no Bluetooth service, no simulated radio
    failed    an error of ours, being retried
    """
    why: str = ""
    adverts: int = 0
    """Packets heard since the gateway started, anybody's."""
    dropped: int = 0
    """Packets dropped as too weak or broken."""
    restarts: int = 0
    """Scanners or connections started after the first."""
    resets: int = 0
    """Power cycles of the adapter."""

    @property
    def healthy(self) -> bool:
        """Whether not hearing a badge says something about the badge."""
        return self.state == "ok"

    @property
    def listening(self) -> bool:
        """Whether a scan runs, heard by somebody or not."""
        return self.state in {"ok", "starting", "deaf"}


Report = Callable[[RadioState], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the radio waits for what; tests shorten it. All in s."""

    attempt_s: float = 15.0
    """For one start, one stop, one power switch: stuck calls of BlueZ never answer (radio.md)."""
    silence_s: float = 90.0
    """Without any packet since this scanner's start; as habluetooth does."""
    retry_s: float = 0.5
    """Before the second attempt; doubled for each further one."""
    longest_retry_s: float = 5.0
    """So that a returned adapter scans again within 10 s."""
    idle_s: float = 6.0
    """BlueZ may say "not discovering" this long: it starts again after at most 5 s (its IDLE_DISCOV_TIMEOUT)."""
    hello_s: float = 5.0
    """For the opening line of a simulated radio."""

    def retry_after(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row."""
        return float(min(self.retry_s * 2 ** min(failures, 16), self.longest_retry_s))


@dataclass(frozen=True, slots=True)
class Listener:
    """Whoever a receiver works for: where its advertisements and states go, and how patient it shall be."""

    deliver: Deliver
    report: Report
    patience: Patience


class Clock(Protocol):
    """Decision time and the wall time that belongs to it."""

    @property
    def speed(self) -> float:
        """Decision seconds per real second."""

    def now(self) -> float:
        """Return the decision time in s."""

    def wall_us(self) -> int:
        """Return the wall time in µs since 1970."""

    def at(self, decision: float) -> float:
        """Return the real time, on the loop's clock in s, of a decision time."""


@dataclass(frozen=True, slots=True)
class RealClock:
    """Decision time of a real radio is the event loop's time."""

    real: Callable[[], float]
    """The running loop's ``time``."""
    speed: float = 1.0

    def now(self) -> float:
        """Return the decision time in s."""
        return self.real()

    def wall_us(self) -> int:
        """Return the wall time in µs since 1970; the one clock that may step."""
        return time.time_ns() // 1000

    def at(self, decision: float) -> float:
        """Return the real time of a decision time: the same."""
        return decision


class SimulatedClock:
    """Decision time of a simulated radio: that of the newest packet read, and from there on ``speed`` times as fast as life.

    A process that was kept from running finds packets waiting that are as old as its pause. Time that ran on without them
    would call everybody silent, so it goes no further than `LOOK_WITHIN_S` past the last look at the radio, and never back.

    Args:
        real: the running loop's ``time``.
        t0: decision time now, s.
        wall0_us: the simulated world's wall time now, µs since 1970.
        speed: decision seconds per real second.
    """

    def __init__(self, real: Callable[[], float], t0: float, wall0_us: int, speed: float) -> None:
        self.speed = speed
        self._real = real
        self._looked_at, self._stood_at = real(), t0
        self._wall_from_us = wall0_us - round(t0 * 1e6)
        self._told = t0

    def now(self) -> float:
        """Return the decision time in s."""
        self._told = max(self._told, self._reached())
        return self._told

    def wall_us(self) -> int:
        """Return the simulated world's wall time in µs since 1970."""
        return self._wall_from_us + round(self.now() * 1e6)

    def at(self, decision: float) -> float:
        """Return the real time, on the loop's clock in s, of a decision time."""
        return self._looked_at + (decision - self._stood_at) / self.speed

    def look(self, newest: float | None = None) -> None:
        """Go on from here: nothing waited, or packets up to decision time ``newest`` were read."""
        self._stood_at = self._reached() if newest is None else newest
        self._looked_at = self._real()

    def _reached(self) -> float:
        return self._stood_at + min(LOOK_WITHIN_S, self._real() - self._looked_at) * self.speed
