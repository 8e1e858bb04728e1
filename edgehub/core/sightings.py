"""From advertisements to sightings of badges we know: the hot path of a gateway.

Every advert of the venue goes through :meth:`Sightings.read`, so it does the least that is right: look up the address,
compare the raw bytes with the last frame of that address, and only when they differ look at who sends. Sensor values
are never decoded here.

An address is not an identity: phones change theirs every 15 minutes, and an address can be used again by another
badge. So a frame that names somebody is always believed, and the address stands in only for frames that name nobody.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import Final, Generic, TypeVar

from edgehub.core.advert import Advertisement
from edgehub.core.badge import IDENTITY, badge_keys, canonical_badge, name
from edgehub.core.decode import Frame, decode, malformed
from edgehub.core.venue import BadgeScheme

__all__ = ["Sightings", "badge_keys", "canonical_badge"]

Payloads = tuple[tuple[int, bytes], ...]
Known = TypeVar("Known")
"""What the caller keeps of a badge that counts, whatever that is: its key, or a record."""

NOBODY: Final = -1
"""In place of a slot, while an address has named nobody."""


class _Sender(Generic[Known]):
    """What is known of one address: its last frame, and who sent it."""

    __slots__ = ("badge", "known", "payloads", "slot", "who")

    def __init__(self) -> None:
        self.payloads: Payloads = ()
        self.known: Known | None = None
        """None while nobody was named, or a stranger."""
        self.badge = ""
        self.slot = NOBODY
        self.who = b""
        """The identity that named the badge, and the structure it stood in."""


class Sightings(Generic[Known]):
    """Who was heard, of the badges enrolled.

    Args:
        scheme: how the venue numbers its iBeacons.
        known: what stands for a badge key in sightings; None of one that does not count. When its answers change,
            call `forget`.
        max_addresses: how many addresses are remembered at most.
        max_age_s: an address not heard for so long is forgotten.
    """

    def __init__(
        self,
        scheme: BadgeScheme,
        known: Callable[[str], Known | None],
        *,
        max_addresses: int = 24_000,  # two generations of 10 000 badges and 2 000 phones; some 10 MB if ever full
        max_age_s: float = 300.0,  # to find out anew who sends costs less than to remember every phone that passed (SPD8)
    ) -> None:
        self.malformed: Counter[str] = Counter()
        """Adverts that said they were of a format and could not be, by format."""
        self.unknown = 0
        """Adverts of badges that are not enrolled: dropped here, and only counted."""
        self.heard = 0
        """Adverts read."""
        self._scheme: BadgeScheme = scheme
        self._known = known
        # Two generations bound the table by count and age without any work per advert: a sender heard moves to the
        # young one, and from time to time the old one is dropped and the young one becomes old.
        self._young: dict[str, _Sender[Known]] = {}
        self._old: dict[str, _Sender[Known]] = {}
        self._most = max_addresses // 2
        self._generation_s = max_age_s / 2
        self._turn_at: float | None = None

    def forget(self, scheme: BadgeScheme) -> None:
        """Ask anew who everybody is: other badges count now, or are numbered by another scheme."""
        self._scheme = scheme
        self._young, self._old = {}, {}

    def read(self, batch: Collection[Advertisement]) -> list[tuple[Known, str, int, float]]:
        """Give (known, receiver, rssi_dbm, at) of every advert of a badge that counts, in the order heard."""
        sightings: list[tuple[Known, str, int, float]] = []
        unknown = 0
        senders = self._turn(batch)
        for receiver, address, rssi_dbm, at, payloads in batch:
            sender = senders.get(address)
            if sender is None or sender.payloads != payloads:
                sender = self._look(address, sender, payloads)
                senders = self._young
            known = sender.known
            if known is not None:
                sightings.append((known, receiver, rssi_dbm, at))
            elif sender.slot != NOBODY:
                unknown += 1
        self.heard += len(batch)
        self.unknown += unknown
        return sightings

    def frames(self, badge: str) -> list[Frame]:
        """Decode the last frames heard of a badge, for whoever asks; the hot path never does."""
        return [frame for sender in self._senders() if sender.badge == badge for frame in _frames(sender.payloads)]

    # --- who sends

    def _look(self, address: str, sender: _Sender[Known] | None, payloads: Payloads) -> _Sender[Known]:
        """Find out who sent a frame that is not the last one of its address: the first enrolled identity in it."""
        sender = sender or self._sender(address)
        sender.payloads = payloads
        stranger: tuple[int, bytes] | None = None
        for slot, payload in payloads:
            who = IDENTITY.get(slot, _nobody)(payload)
            if who is None:
                if kind := malformed(slot, payload):
                    self.malformed[kind] += 1
                    sender.payloads = ()  # not remembered, so that the next one like it is counted too
            elif who == sender.who and slot == sender.slot and sender.known is not None:
                return sender
            elif (known := self._known(badge := name(self._scheme, slot, who))) is not None:
                sender.known, sender.badge, sender.slot, sender.who = known, badge, slot, who
                return sender
            else:
                stranger = stranger or (slot, who)
        if stranger:
            self._estrange(sender, *stranger)
        return sender

    def _estrange(self, sender: _Sender[Known], slot: int, who: bytes) -> None:
        """Hear a name that is not enrolled.

        It makes a stranger of a sender whom nothing better named, and of one known by the same format, whose address is
        then used again. But a known badge may well send a second format that nobody enrolled.
        """
        if sender.known is None or slot == sender.slot:
            sender.known, sender.badge, sender.slot, sender.who = None, "", slot, who

    # --- the table of addresses

    def _turn(self, batch: Collection[Advertisement]) -> dict[str, _Sender[Known]]:
        """Let a generation pass when it is time; the young one is returned."""
        now = next((advert.at for advert in batch), None)
        if now is not None and (self._turn_at is None or now >= self._turn_at):
            self._turn_at = now + self._generation_s
            self._old, self._young = self._young, {}
        return self._young

    def _sender(self, address: str) -> _Sender[Known]:
        """Bring an address into the young generation, from the old one if it is there."""
        if len(self._young) >= self._most:
            self._old, self._young = self._young, {}
        sender = self._old.pop(address) if address in self._old else _Sender()
        self._young[address] = sender
        return sender

    def _senders(self) -> Iterator[_Sender[Known]]:
        yield from self._young.values()
        yield from self._old.values()


def _frames(payloads: Payloads) -> Iterator[Frame]:
    frames = (decode(slot, payload) for slot, payload in payloads)
    return (frame for frame in frames if frame is not None)


def _nobody(_payload: bytes) -> bytes | None:
    """The identity in a structure that edgehub does not read."""
    return None
