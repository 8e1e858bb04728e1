"""The gateway daemon: brings up every part, lets the engine decide, and stops in order.

The only module of this package that knows all others. Radio, hub and bridges put what happens into the inbox; one task
takes it out, asks the engine, and hands the effects to store, bridges and neighbours. None of these is awaited there.
"""

import asyncio
import secrets
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import structlog

from edgehub import __version__
from edgehub.clock import Clock, boot_id
from edgehub.config import Config, ConfigError, Fingerprint
from edgehub.core.bridges import lighting_of, lights_on
from edgehub.core.engine import Engine
from edgehub.core.events import (
    BridgeReported,
    GuestsReplaced,
    HealthChanged,
    LinkChanged,
    Moment,
    PeerHeard,
    ProfilesChanged,
    Record,
    VenueChanged,
)
from edgehub.core.presence import Model, Survey
from edgehub.core.profile import Profile, Profiles
from edgehub.core.wire import EventBody, PeerLevels, Status
from edgehub.core.wire import events as wire
from edgehub.core.wish import BackendState, Done, Report
from edgehub.gateway.bulletin import Bulletin
from edgehub.gateway.hue import HueBridge, KeyFile
from edgehub.gateway.inbox import Inbox
from edgehub.gateway.latency import Latencies
from edgehub.gateway.local import local_profiles
from edgehub.gateway.performer import Performer
from edgehub.gateway.radio import Radio, RadioState
from edgehub.gateway.receivers import Receivers
from edgehub.gateway.scribe import Scribe
from edgehub.gateway.service import Service
from edgehub.gateway.store import Store, StoreInUseError
from edgehub.gateway.sync import Listeners, Sync
from edgehub.gateway.watch import edits
from edgehub.process import CannotStart, settle

log = structlog.get_logger("edgehub.gateway")

SHORTEST_WAIT_S = 0.001
"""Less than a lamp or a visit can tell; no deadline, however it was worked out, keeps the processor busy."""
STATUS_EVERY_S = 5.0
"""How often counters in the status are brought up to date; a change of state is told at once."""


class Gateway:
    """One gateway. `run` returns when it is cancelled.

    Args:
        config: valid; later edits are watched for.
        files: the fingerprint of the files it was read from, taken before they were read.
    """

    def __init__(self, config: Config, files: Fingerprint) -> None:
        self.config = config
        self.inbox = Inbox()
        self.latencies = Latencies()
        self.service = Service()
        self.receivers = Receivers()
        self.bulletin = Bulletin(self)
        bluetooth = config.installation.bluetooth
        self.radio = Radio(bluetooth, self.name, self.inbox.hear, self._radio_changed)
        self.clock = Clock(boot_id())
        self.scribe = Scribe(boot_id() if bluetooth.source == "bluez" else secrets.token_hex(16))
        self.bridges: dict[str, HueBridge] = {}
        self.sync: Sync | None = None
        self._broker_why = ""
        self.config_state: dict[str, Any] = {"state": "applied", "hash": files.digest}
        self._files = files
        self.venue = config.venue

    @property
    def name(self) -> str:
        """Of this gateway."""
        return self.config.installation.gateway

    @property
    def now(self) -> Moment:
        """This moment on the three clocks."""
        clock = self.radio.clock
        return Moment(clock.now(), asyncio.get_running_loop().time(), clock.wall_us())

    async def run(self) -> None:
        """Bring everything up, decide until cancelled, and take everything down in the opposite order."""
        async with AsyncExitStack() as stack:
            await self._open_store(stack)
            await stack.enter_async_context(self.radio)
            await self._start_engine()
            await self._open_bridges(stack)
            await self._open_sync(stack)
            await self._open_page(stack)
            settle()
            self.service.ready()
            log.info("gateway.started", gateway=self.name, zones=len(self.venue.zones), version=__version__)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._decide(), name="decide")
                tasks.create_task(self._watch_files(), name="watch files")
                tasks.create_task(self._keep_status(), name="keep status")
                if self.config.installation.bluetooth.source == "bluez":  # a simulated day has a clock of its own
                    tasks.create_task(self._watch_clock(), name="watch clock")

    # --- parts

    async def _open_store(self, stack: AsyncExitStack) -> None:
        quota = self.config.installation.storage.quota_bytes
        try:
            store = Store(self.config.state, boot_id=boot_id(), quota_bytes=quota, clock=self.clock)
            self.store = await stack.enter_async_context(store)
        except StoreInUseError as error:
            raise CannotStart(str(error)) from error
        except OSError as error:
            raise CannotStart(f"the state folder {self.config.state} cannot be used ({error.strerror})") from error
        self.performer = Performer(self.store, self.scribe, self.bridges, lambda: self.radio_state()["state"])
        if self.store.failing is not None:
            log.error("store.failing", why=self.store.failing)
        if self.store.recovered is not None:
            log.error("store.recovered", **asdict(self.store.recovered))

    async def _start_engine(self) -> None:
        self.engine = Engine(
            self.name,
            self.venue,
            model=self._model(self.config),
            lighting=lighting_of(self.venue, None),
            profiles=Profiles(await self._known_profiles()),
            new_id=lambda: secrets.token_hex(8),
        )
        self.config = replace(self.config, registration=None)  # the profiles are kept, the list need not be
        now = self.now
        self.engine.start([self.scribe.recall(kept, now) for kept in await self.store.open_visits()], now)

    async def _known_profiles(self) -> list[Profile]:
        """What the hub gave us; before it ever did, what the staff's list says."""
        held = await self.store.profiles()
        if held or self.config.registration is None:
            return held
        return local_profiles(self.config.registration)

    async def _open_bridges(self, stack: AsyncExitStack) -> None:
        keys = KeyFile(self.config.state / "hue-keys.json")
        for nickname, settings in self.config.installation.hue.items():
            bridge = HueBridge(
                nickname,
                settings.host,
                keys,
                lights_on(nickname, self.venue),
                report=self._bridge_reported,
                on_state=partial(self._bridge_changed, nickname),
            )
            self.bridges[nickname] = await stack.enter_async_context(bridge)

    async def _open_sync(self, stack: AsyncExitStack) -> None:
        installation = self.config.installation
        if installation.mqtt is None:
            return
        listeners = Listeners(
            link=self._link_changed,
            profiles=lambda profiles: self.inbox.put(ProfilesChanged(profiles)),
            peer_levels=self._peer_heard,
            peer_status=self._peer_changed,
        )
        sync = Sync(
            installation.mqtt,
            self.store,
            site=installation.site,
            gateway=self.name,
            listeners=listeners,
            status=self.bulletin.details(),
            clock=self.clock,
        )
        self.sync = self.performer.sync = await stack.enter_async_context(sync)

    async def _open_page(self, stack: AsyncExitStack) -> None:
        web = self.config.installation.web
        if web is None:
            return
        # Imported here: a gateway without a page carries no web server in its memory (SPD8, SPD9).
        from edgehub.gateway.board import GatewayBoard
        from edgehub.web.listen import Listen
        from edgehub.web.page import serve

        try:
            url = await stack.enter_async_context(serve(GatewayBoard(self), Listen(web.host, web.port), pin=web.pin))
        except OSError as error:  # a port that is taken is no reason to leave the lamps dark
            log.error("page.failed", listen=web.listen, why=str(error))  # noqa: TRY400  # says it all
        else:
            log.info("page.open", url=url)

    def _model(self, config: Config) -> Model:
        survey = None if config.learned.survey is None else Survey.from_dict(config.learned.survey)
        return Model.of(config.venue, survey, config.installation.receivers)

    # --- deciding

    async def _decide(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self.inbox.wait(self._patience(loop.time()))
            events, since = self.inbox.take()
            now = self.now if since is None else self.now._replace(real=since)
            for event in events:
                self.performer.perform(self.engine.handle(event, now), now)

    def _patience(self, real: float) -> float | None:
        """How long nothing is due, s."""
        decision, lamps = self.engine.next_deadline()
        due = [at for at in (None if decision is None else self.radio.clock.at(decision), lamps) if at is not None]
        return max(SHORTEST_WAIT_S, min(due) - real) if due else None

    def _note(self, body: EventBody) -> None:
        """Write down something about ourselves."""
        now = self.now
        self.performer.write([Record(body, None, now.decision)], now)

    # --- what parts report

    def _radio_changed(self, state: RadioState) -> None:
        if not self.receivers.take(state):
            return
        self.inbox.put(HealthChanged(self.name, self.receivers.hear))
        self._note(wire.RadioState(receiver=state.receiver, state=state.state, why=state.why or None))
        self._tell_status()

    def _bridge_reported(self, report: Report) -> None:
        if isinstance(report, Done) and report.ok and report.sent_at is not None and report.wish.kind == "colour":
            self.latencies.add(report.sent_at - report.wish.wished_at)
        self.inbox.put(BridgeReported(report))

    def _bridge_changed(self, nickname: str, state: BackendState) -> None:
        log.info("hue.state", bridge=nickname, state=state.state, why=state.why)
        for warning in self.bridges[nickname].warnings if nickname in self.bridges else ():
            log.warning("hue.warning", bridge=nickname, why=warning)
        self._note(wire.HueState(bridge=nickname, state=state.state, why=state.why or None))
        self._tell_status()

    def _link_changed(self, connected: bool) -> None:
        self.inbox.put(LinkChanged(connected))
        why = "" if self.sync is None else self.sync.mqtt.why
        if why != self._broker_why:  # said once, however often it is tried
            self._broker_why = why
            if why:
                log.warning("broker.lost", why=why)
            else:
                log.info("broker.found")

    def _peer_heard(self, gateway: str, levels: PeerLevels) -> None:
        self.inbox.put(PeerHeard(gateway, levels.levels))

    def _peer_changed(self, gateway: str, status: Status) -> None:
        hears = status.state == "online" and status.detail("radio").get("state") == "ok"
        self.inbox.put(HealthChanged(gateway, hears))

    # --- status

    def radio_state(self) -> dict[str, str]:
        """The best of our receivers speaks for all, unless all of them seem deaf."""
        return self.receivers.summary(self.engine.presence.suspects)

    def _tell_status(self) -> None:
        if self.sync is not None:
            self.sync.set_status(**self.bulletin.details())

    async def _keep_status(self) -> None:
        while True:
            self._tell_status()
            self.service.status(self.bulletin.sentence())
            self.service.watchdog()
            await asyncio.sleep(min(STATUS_EVERY_S, self.service.watchdog_s or STATUS_EVERY_S))

    async def _watch_clock(self) -> None:
        """Tell the hub when the wall clock was set: by an event, which waits for it, and at once."""
        async for at in self.clock.steps():
            log.info("clock.set", quality=at.quality)
            self._note(wire.ClockAnchor(**at.to_json()))
            if self.sync is not None:
                await self.sync.publish_anchor(at)

    # --- edits

    async def _watch_files(self) -> None:
        async for digest, found in edits(self.config.directory, self.config.state, self._files):
            if isinstance(found, ConfigError):
                self._refuse(digest, found)
            else:
                self._apply(digest, found)

    def _refuse(self, digest: str, error: ConfigError) -> None:
        first = error.problems[0]
        why = f"{first.file}:{first.mark.line}:{first.mark.column}: {first.message}"
        self.config_state |= {"state": "refused", "refused_hash": digest, "error": why}
        log.error("config.refused", why=why, mistakes=len(error.problems), keeping="the last good configuration")
        self._note(wire.ConfigRefused(hash=digest, error=why))
        self._tell_status()

    def _apply(self, digest: str, config: Config) -> None:
        restart = config.installation != self.config.installation
        if restart:
            log.warning("config.restart_needed", file="edgehub.yaml")
        venue, lighting = config.venue, lighting_of(config.venue, self.engine.greeter.lighting)
        self.service.reloading()
        self.inbox.put(VenueChanged(venue, self._model(config), lighting))
        if self.store.profiles_revision == 0:  # no hub has told us of anybody: the staff's list is all there is
            self.inbox.put(GuestsReplaced(local_profiles(config.registration) if config.registration else []))
        for nickname, bridge in self.bridges.items():
            bridge.configure(lights_on(nickname, venue))
        self.venue = venue
        self.config = replace(self.config, learned=config.learned)
        self.config_state = {"state": "applied, restart needed" if restart else "applied", "hash": digest}
        log.info("config.applied", hash=digest, zones=len(venue.zones))
        self._note(wire.ConfigApplied(hash=digest))
        self._tell_status()
        self.service.ready()
