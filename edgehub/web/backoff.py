"""Whoever guesses wrong waits, longer each time; whoever knows better is not held up."""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

FREE = 3
"""Wrong guesses that cost nothing: everybody mistypes."""
FIRST_S = 1.0
LONGEST_S = 300.0
"""288 guesses a day from one address, whatever it does."""
FORGET_S = 24 * 3600.0
MOST_KNOWN = 10_000
"""Addresses remembered; beyond, the one that has been quiet for longest is forgotten."""


@dataclass(frozen=True, slots=True)
class Guesses:
    """How often somebody was wrong, and until when they wait. Monotonic time, s."""

    wrong: int
    until: float
    last: float


class Backoff:
    """Remembers wrong guesses by address. Time is an argument, monotonic, s."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Guesses] = OrderedDict()

    def wait_s(self, address: str, now: float) -> float:
        """For how long this address must wait before its next guess; 0 when it need not."""
        known = self._known.get(network(address))
        return 0.0 if known is None else max(0.0, known.until - now)

    def wrong(self, address: str, now: float) -> None:
        """A guess was wrong."""
        who = network(address)
        known = self._known.pop(who, None)
        count = 1 if known is None or now - known.last > FORGET_S else known.wrong + 1
        wait_s = 0.0 if count <= FREE else min(LONGEST_S, FIRST_S * 2.0 ** min(count - FREE - 1, 30))
        self._known[who] = Guesses(count, now + wait_s, now)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def right(self, address: str) -> None:
        """A guess was right; the wrong ones before it are forgiven."""
        self._known.pop(network(address), None)


def network(address: str) -> str:
    """Who stands behind an address: of IPv6, one household has 2^64."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ip) if ip.version == 4 else str(ipaddress.ip_network((ip, 64), strict=False))
