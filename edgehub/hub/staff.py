"""Files of the staff, followed while the hub runs: zones.yaml and the registration. A mistake keeps what was good."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog

from edgehub.clock import wall_us
from edgehub.config import ConfigError, Registrant, Registration, load_venue, read_registration
from edgehub.core.venue import Venue
from edgehub.hub.claim import IdentityRules
from edgehub.hub.data_layer import DataLayer, Reading
from edgehub.hub.folder import Folder
from edgehub.hub.follow import follow
from edgehub.hub.guests import Guests
from edgehub.hub.registration import SOURCE, compare
from edgehub.hub.store import HubStore, StoreError

log = structlog.get_logger("edgehub.hub")


class Staff:
    """What the staff's files say.

    Args:
        venue: as zones.yaml said at the start.
        store: of the hub.
        guests: the registered ones among them.
        folder: of their profiles.
        rules: of the kinds of names.
        layer: what the columns of the registration mean that edgehub does not know by itself; None for nothing.
        clean: leaves nothing of who was erased beside the tables.
        apply: is given a venue that is in force from now on.
    """

    def __init__(
        self,
        *,
        venue: Venue,
        store: HubStore,
        guests: Guests,
        folder: Folder,
        rules: IdentityRules,
        layer: Callable[[], DataLayer | None],
        clean: Callable[[], Awaitable[bool]],
        apply: Callable[[Venue], None],
    ) -> None:
        self.venue = venue
        """As zones.yaml says now; what counts as a badge is as it said at the start."""
        self._store = store
        self._guests = guests
        self._folder = folder
        self._rules = rules
        self._layer = layer
        self._clean = clean
        self._apply = apply

    async def run(self, zones: Path | None, registration: Path | None) -> None:
        """Follow the files there are. Never returns while there is one."""
        async with asyncio.TaskGroup() as tasks:
            if zones is not None:
                tasks.create_task(follow(zones, self._read_zones), name="hub zones")
            if registration is not None:
                tasks.create_task(follow(registration, self._read_registration), name="hub registration")

    async def _read_zones(self, path: Path) -> bool:
        """Take what it says, but not what counts as a badge; False when what follows could not be stored."""
        try:
            read = load_venue(path)
        except ConfigError as error:
            log.error("config.refused", why=str(error), keeping="the last good zones.yaml")  # noqa: TRY400  # says it all
            return True
        if read.badges != self.venue.badges:  # all guests would be forgotten, and be others
            log.warning("config.restart_needed", file="what counts as a badge in zones.yaml")
        venue = replace(read, badges=self.venue.badges)
        if venue == self.venue:
            return True
        other_consent = venue.privacy.need_consent != self.venue.privacy.need_consent
        self.venue = venue
        self._apply(venue)
        if other_consent and not await self._guests.restamp():
            return False
        log.info("config.applied", zones=len(venue.zones))
        return True

    async def _read_registration(self, path: Path) -> bool:
        """Take what it says; False when that could not be stored."""
        try:
            registration = read_registration(path, self.venue.badges, more=[name.lower() for name in self._columns()])
        except ConfigError as error:
            log.error("registration.refused", why=str(error), guests_kept=self._guests.count)  # noqa: TRY400  # says it all
            return True
        if self._guests.count and not len(registration):
            why = "it lists nobody; to forget a guest, take out their line"
            log.error("registration.refused", why=why, guests_kept=self._guests.count)
            return True
        try:
            await self._take_registration(registration)
        except StoreError:
            return False
        return True

    def _columns(self) -> Collection[str]:
        """Columns of the registration that the data layer knows."""
        layer = self._layer()
        source = None if layer is None else layer.settings.sources.get(SOURCE)
        return () if source is None else source.fields

    def _more(self, row: Registrant) -> Reading:
        layer = self._layer()
        if layer is None or not row.more:
            return Reading()
        reading = layer.read(SOURCE, {name: row.more.get(name.lower()) for name in self._columns()})
        for refusal in reading.refused:
            log.warning("registration.column", line=row.line, column=refusal.field, why=refusal.why)
        return reading

    async def _take_registration(self, registration: Registration) -> None:
        work = partial(
            compare,
            registrants=registration,
            rules=self._rules,
            now_us=wall_us(),
            # While a badge cannot be read, whoever seems to be missing may be the guest of that line: nobody is forgotten.
            complete=not registration.unread,
            need_consent=self.venue.privacy.need_consent,
            more=self._more,
        )
        async with self._guests.changing:
            compared = await self._store.change(work)
            await self._folder.catch_up()
            await self._guests.settle(compared.forgotten)
        if compared.erased:
            await self._clean()
        for problem in registration.problems:
            log.warning("registration.line", problem=problem.for_log)  # without anything of a guest
        for line in compared.barred:
            why = "the guest of this line was forgotten, and is left out: take the line out, or: edgehub guest admit BADGE"
            log.warning("registration.barred", line=line, why=why)
        if compared.kept:
            log.warning("registration.kept", kept=compared.kept, lines=registration.unread)
        log.info("registration.read", guests=len(registration), changed=compared.changed)
