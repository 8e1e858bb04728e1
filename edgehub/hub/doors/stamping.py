"""Whether a sponsor's stamp counts: forged, again, too fast, or of somebody who was not there. Pure.

Nearness alone overcounts, a stamp alone can be passed on; together they are a visit. A guest who was not seen near the
booth is not called a liar: a gateway may be offline. Such a stamp is held, and judged again when more is known.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edgehub.config.stamps import StampPlace, StampRules
from edgehub.hub.ledger import Interval, joined

SLOT_S = 30
"""A code on a screen is another one every half minute."""
SLOTS_GOOD = 3
"""So many of them are taken, the one on the screen included: to aim a phone takes time."""
MAC_CHARACTERS = 26
"""130 bits, five in each."""
SLACK_US = 120_000_000
"""Presence looks back from some seconds later, and clocks differ: a stay that begins this long after a stamp is of it."""
SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Forged:
    """No stamp of ours. Why is for whoever looks at the log; the one who tried is not told more than that."""

    why: str


@dataclass(frozen=True, slots=True)
class Pressed:
    """A stamp that is one of ours."""

    stamp: StampPlace
    once: str | None = None
    """Of a code that is good once: what tells it from others."""


class Album:
    """All stamps: which one a serial or a code is of."""

    def __init__(self, stamps: Mapping[str, StampPlace]) -> None:
        self._stamps = stamps
        self._serials = {stamp.serial: stamp for stamp in stamps.values() if stamp.serial is not None}

    def of_serial(self, serial: str) -> Pressed | Forged:
        """The stamp with this serial."""
        stamp = self._serials.get(serial)
        return Forged("unknown serial") if stamp is None else Pressed(stamp)

    def of_code(self, code: str, now_us: int) -> Pressed | Forged:
        """The stamp that signed this code, if it is still good."""
        stamp_id, _, rest = code.partition(".")
        middle, _, mac = rest.partition(".")
        stamp = self._stamps.get(stamp_id)
        if stamp is None or stamp.secret is None:
            return Forged("unknown stamp")
        if not hmac.compare_digest(_signed(stamp, middle).encode(), mac.encode(errors="replace")):
            return Forged("wrong signature")
        if middle.startswith("o"):  # signed by us, so it is written as we write it
            return Pressed(stamp, once=middle[1:])
        age = now_us // SECOND_US // SLOT_S - int(middle[1:])
        return Pressed(stamp) if 0 <= age < SLOTS_GOOD else Forged("an old code")


def screen_code(stamp: StampPlace, now_us: int) -> str:
    """The code that the booth's screen shows now; good for about a minute, for everybody who is there."""
    return _code(stamp, f"t{now_us // SECOND_US // SLOT_S}")


def once_code(stamp: StampPlace) -> str:
    """A new code to print; good for one guest."""
    return _code(stamp, f"o{secrets.token_hex(8)}")


def _code(stamp: StampPlace, middle: str) -> str:
    return f"{stamp.id}.{middle}.{_signed(stamp, middle)}"


def _signed(stamp: StampPlace, middle: str) -> str:
    assert stamp.secret is not None
    mac = hmac.digest(
        stamp.secret.encode(), f"edgehub stamp {stamp.id}.{middle}".encode(errors="surrogatepass"), hashlib.sha256
    )
    return base64.b32encode(mac).decode()[:MAC_CHARACTERS].lower()


# --- does it count?


@dataclass(frozen=True, slots=True)
class Confirmed:
    """It counts."""


@dataclass(frozen=True, slots=True)
class Known:
    """This guest has this booth's stamp already: nothing changes."""


@dataclass(frozen=True, slots=True)
class TooSoon:
    """Nobody walks that fast between two booths."""

    after: str
    """The zone of the stamp before."""
    wait_s: float


@dataclass(frozen=True, slots=True)
class Held:
    """Not counted yet, and why."""

    why: str


Verdict = Confirmed | Known | TooSoon | Held


@dataclass(frozen=True, slots=True)
class Collected:
    """A stamp a guest has. µs since 1970."""

    zone: str
    at_us: int


def judge(
    zone: str, at_us: int, visits: Iterable[Interval], collected: Sequence[Collected], rules: StampRules
) -> Verdict:
    """Whether a stamp pressed in a zone at a time counts.

    Args:
        zone: where the stamp stands.
        at_us: when it was pressed, µs since 1970.
        visits: of the guest, as gateways and the guest's phone told them so far.
        collected: the stamps the guest has.
        rules: of stamps.yaml.
    """
    if any(one.zone == zone for one in collected):
        return Known()
    # Only what was before: a stamp that is judged late must not be held up by one that came after it.
    before = max((one for one in collected if one.at_us <= at_us), key=lambda one: one.at_us, default=None)
    if before is not None and at_us - before.at_us < rules.pace_s * SECOND_US:
        return TooSoon(before.zone, rules.pace_s - (at_us - before.at_us) / SECOND_US)
    near_s = _near_us(zone, at_us, visits, rules) / SECOND_US
    if near_s <= 0:
        return Held(f"nobody has seen this guest there within {rules.seen_within_s / 60:g} minutes")
    if near_s < rules.stay_least_s:
        return Held(f"this guest was there for {near_s:.0f} s, less than {rules.stay_least_s:g} s")
    return Confirmed()


def _near_us(zone: str, at_us: int, visits: Iterable[Interval], rules: StampRules) -> int:
    """How long the guest was in the zone around then; no moment twice."""
    first, last = at_us - round(rules.seen_within_s * SECOND_US), at_us + SLACK_US
    there = (
        Interval(zone, max(one.begin_us, first), min(one.end_us, last))
        for one in visits
        if one.zone == zone and one.begin_us <= last and one.end_us >= first
    )
    return sum(one.end_us - one.begin_us for one in joined(there))
