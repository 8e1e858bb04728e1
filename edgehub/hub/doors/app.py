"""The door of the phone app: installations with a token each, and the markers their phones hear.

What a phone says of its place is of less trust than what gateways say: it becomes `seen` facts of the source `phone`,
which count only where no gateway saw the guest (`ledger.beneath`). Nothing of a level is kept.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgehub.core.badge import canonical_badge
from edgehub.core.venue import Venue
from edgehub.hub.access import APP, AccessFile
from edgehub.hub.doors.front import Answer, Asked, Door, Turned
from edgehub.hub.doors.guests import Holder
from edgehub.hub.doors.markers import Phone, Seen, Sighting
from edgehub.hub.doors.shapes import Unfit
from edgehub.hub.doors.timing import RIGHT_WITHIN_US, read_time
from edgehub.hub.fact import Fact, Identifier, Take, content_hash
from edgehub.web.secrecy import same

SOURCE = "phone"
"""Of the facts."""
KIND = "app"
"""Of an installation, as an identifier."""
TOKEN_CHARACTERS = 43
"""All of SHA-256, in base 64."""
MOST_PHONES = 10_000
"""Believed in at once; the one quiet for longest is forgotten, and begins anew."""
MOST_MESSAGES = 32
"""Of one phone, remembered to know a message that comes again."""
MOST_OFF_US = 24 * 3600 * 1_000_000
"""A phone whose clock is further off has no clock."""
MOST_DRIFT_US = 10_000_000
"""A clock that moved more than this since the last message was set, or the message waited: its times mean nothing."""
OLDEST_US = 12 * 3600 * 1_000_000
"""What a phone without network may bring later."""


class Installations:
    """Knows installations of the app by their tokens, without keeping them: they are signed with the seal of the hub.

    A token dies with the key by which it was made.
    """

    def __init__(self, access: AccessFile) -> None:
        self._access = access

    def token(self, key_id: str, installation: str) -> str:
        """The token of an installation that was registered with this key."""
        return f"i.{key_id}.{installation}.{self._signed(key_id, installation)}"

    def holder(self, shown: str) -> Holder | None:
        """Who shows this token; None when it is none."""
        match shown.split("."):
            case ["i", key_id, installation, mac]:
                key = self._access.now.keys.get(key_id)
                if key is not None and key.door == APP and same(mac, self._signed(key_id, installation)):
                    return Holder(f"app/{installation}", key.source, (Identifier(KIND, installation),))
        return None

    def _signed(self, key_id: str, installation: str) -> str:
        seal, told = self._access.now.seal, f"edgehub app {key_id}.{installation}"
        made = hmac.digest(seal.encode(), told.encode(errors="surrogatepass"), hashlib.sha256)
        return base64.urlsafe_b64encode(made).decode()[:TOKEN_CHARACTERS]


@dataclass(slots=True)
class Known:
    """What is known of one phone: where it is believed to be, its clock, and its last messages."""

    phone: Phone
    zones: frozenset[str]
    off_us: int | None = None
    """By how much our clock is ahead of the phone's."""
    messages: OrderedDict[str, bytes] = field(default_factory=OrderedDict)
    """messageId → digest."""
    waiting: list[Seen] = field(default_factory=list)
    """Not committed yet: the store failed when it was to be."""

    def check_clock(self, sent_us: int, received_us: int) -> int:
        """By how much to correct the phone's times. Raises Unfit when its clock cannot be followed."""
        off_us = received_us - sent_us
        if abs(off_us) > MOST_OFF_US:
            raise Unfit("the phone's clock is more than a day off")
        before, self.off_us = self.off_us, off_us
        if before is not None and abs(off_us - before) > MOST_DRIFT_US:
            raise Unfit("the phone's clock was set, or this waited to be sent: say sentAt as it leaves")
        # The way only ever adds: the least of what was seen is nearest to the truth.
        self.off_us = off_us if before is None else min(off_us, before)
        return 0 if abs(self.off_us) <= RIGHT_WITHIN_US else self.off_us

    def told(self, message: str, digest: bytes) -> str:
        """Whether a message is new, comes again, or says something else than before."""
        before = self.messages.setdefault(message, digest)
        while len(self.messages) > MOST_MESSAGES:
            self.messages.popitem(last=False)
        return "new" if before is digest else "again" if before == digest else "conflict"


class PhoneApp:
    """Turns what phones hear into facts.

    Args:
        venue: its markers and their zones, as they are now.
        take: keeps facts.
        installations: knows tokens.
    """

    def __init__(self, venue: Callable[[], Venue], take: Take, installations: Installations) -> None:
        self._venue = venue
        self._take = take
        self._installations = installations
        self._phones: OrderedDict[str, Known] = OrderedDict()
        self._turn = asyncio.Lock()
        """One phone at a time: they may take the time of one core, not of all."""

    def doors(self) -> Mapping[str, Door]:
        """Path → what is behind it."""
        return {"/v1/app/installations": self._install, "/v1/app/sightings": self._sightings}

    async def _install(self, asked: Asked) -> Answer:
        installation = secrets.token_hex(12)
        return Answer({"installation": installation, "token": self._installations.token(asked.holder.id, installation)})

    async def _sightings(self, asked: Asked) -> Answer:
        if not asked.holder.ids:
            raise Turned(403, "Show the token of an installation: /v1/app/installations gives one.")
        venue = self._venue()
        known = self._known(asked.holder.id, venue)
        result = known.told(asked.body["messageId"], _digest(asked.body))
        if result != "new":
            nothing = {"result": result, "taken": 0, "late": 0, "unknown": 0}
            return Answer(nothing, 409 if result == "conflict" else 200)
        try:
            return await self._heard(asked, known, venue)
        except BaseException:
            del known.messages[asked.body["messageId"]]  # it was not taken: sent again, it is new
            raise

    async def _heard(self, asked: Asked, known: Known, venue: Venue) -> Answer:
        off_us = known.check_clock(read_time(asked.body["sentAt"], "sentAt"), asked.received_us)
        heard = [_sighting(one, venue, off_us) for one in asked.body["sightings"]]
        of_markers = [one for one in heard if one is not None]
        timely = [one for one in of_markers if 0 <= asked.received_us - one.at_us + RIGHT_WITHIN_US <= OLDEST_US]
        async with self._turn:
            # In a thread: half an hour of a phone that was offline takes a while, and the gateways' events do not wait.
            seen, late = await asyncio.to_thread(known.phone.take, timely)
        known.waiting += seen
        result = "new"
        if known.waiting:
            taken = await self._take([_fact(asked, one) for one in known.waiting])
            result = "forgotten" if "forgotten" in taken else "new"
            known.waiting = []
        zone = known.phone.zone
        late += len(of_markers) - len(timely)
        counts = {"taken": len(of_markers) - late, "late": late, "unknown": len(heard) - len(of_markers)}
        return Answer({"result": result, **counts} | ({} if zone is None else {"zone": zone}))

    def _known(self, holder: str, venue: Venue) -> Known:
        """What is known of a phone; it begins anew when the markers of the venue are others."""
        zones = frozenset(marker.zone for marker in venue.markers.values())
        known = self._phones.pop(holder, None)
        if known is None or known.zones != zones:
            known = Known(Phone(sorted(zones)), zones)
        self._phones[holder] = known
        if len(self._phones) > MOST_PHONES:
            self._phones.popitem(last=False)
        return known


def _digest(body: Mapping[str, Any]) -> bytes:
    """Of what was heard; sentAt is another one each time it is sent."""
    return content_hash(repr(body["sightings"]).encode(errors="surrogatepass"))


def _sighting(one: Mapping[str, Any], venue: Venue, off_us: int) -> Sighting | None:
    marker = venue.markers.get(one["marker"])
    if marker is None:
        badge = canonical_badge(one["marker"], venue.badges)
        marker = next((each for each in venue.markers.values() if badge is not None and each.badge == badge), None)
    if marker is None:
        return None
    return Sighting(marker.id, marker.zone, float(one["level"]), read_time(one["at"], "at") + off_us)


def _fact(asked: Asked, seen: Seen) -> Fact:
    return Fact(
        source=SOURCE,
        key=f"{asked.holder.id}/{seen.from_us}",
        type="seen",
        at_us=seen.from_us,
        received_us=asked.received_us,
        ids=asked.holder.ids,
        values={"zone": seen.zone, "from_us": seen.from_us, "to_us": seen.to_us},
    )
