"""BlueZ watched over D-Bus: is it running, which adapters are there, are they on. bleak notices none of this.

A connection of our own, with match rules that let no device through: a venue's thousand adverts a second never reach
it. A restart of bluetoothd, an adapter pulled out or switched off is known here within a moment, while bleak's
scanner merely goes silent.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dbus_fast import BusType, Message, MessageFlag, MessageType, Variant
from dbus_fast.aio import MessageBus

from edgehub.core.data import dataclass
from edgehub.gateway.radio_state import Patience

BLUEZ = "org.bluez"
ADAPTER = "org.bluez.Adapter1"
ROOT = "/org/bluez/"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_OBJECTS = "org.freedesktop.DBus.ObjectManager"
_DAEMON = "org.freedesktop.DBus"
_NOT_RUNNING = {f"{_DAEMON}.Error.ServiceUnknown", f"{_DAEMON}.Error.NameHasNoOwner"}
_NO_SERVICE = (
    "the Bluetooth service is not running; plug a Bluetooth adapter in, or start it with `systemctl start bluetooth`"
)
_SOME = tuple(f"hci{n}" for n in range(8))  # watched when no adapter is named


class BusError(Exception):
    """BlueZ or the bus answered with an error; the text is theirs."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text or name)
        self.name = name


@dataclass(frozen=True, slots=True)
class Adapter:
    """What BlueZ says of an adapter, as far as scanning goes."""

    powered: bool = False
    discovering: bool = False
    central: bool = True
    """Whether it can hear Bluetooth LE at all."""

    def updated(self, properties: Mapping[str, Variant]) -> "Adapter":
        """Return this with the properties of a signal taken over."""
        values = {name: variant.value for name, variant in properties.items()}
        return replace(
            self,
            powered=bool(values.get("Powered", self.powered)),
            discovering=bool(values.get("Discovering", self.discovering)),
            central="central" in values["Roles"] if isinstance(values.get("Roles"), list) else self.central,
        )


class BluezBus:
    """Keeps ``adapters`` true while ``run`` runs; ``trouble`` says in words why BlueZ cannot be asked at all."""

    def __init__(self, adapters: tuple[str, ...], patience: Patience) -> None:
        self.adapters: dict[str, Adapter] = {}
        self.trouble: str | None = None
        self.asked = False
        """Whether BlueZ, or its absence, has been met at all yet."""
        self._watched = adapters or _SOME
        self._patience = patience
        self._bus: MessageBus | None = None
        self._stale = asyncio.Event()
        self._change = asyncio.Event()
        self._losses: Counter[str] = Counter()

    def losses(self, adapter: str) -> int:
        """Return how often whatever scanned on this adapter was cut off; when it grows, the scanner is dead."""
        return self._losses[adapter] + self._losses[""]

    def discovering(self, adapter: str) -> bool:
        """Return whether BlueZ says that it scans with this adapter, for whomever."""
        there = self.adapters.get(adapter)
        return there is not None and there.discovering

    async def changed(self, within_s: float) -> None:
        """Return at the next change of anything, or after ``within_s``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._change.wait()

    async def power(self, adapter: str, on: bool) -> None:
        """Switch an adapter; raises BusError when BlueZ refuses (for example: blocked by rfkill)."""
        await self._call(ROOT + adapter, _PROPERTIES, "Set", "ssv", [ADAPTER, "Powered", Variant("b", on)])

    async def run(self) -> None:
        """Watch until cancelled, connecting to the bus again whenever it is lost."""
        while True:
            try:
                await self._watch()
                self._lost("", "the D-Bus system bus closed the connection; connecting again")
            except Exception as error:  # noqa: BLE001 - whatever the socket, the bus or the login raise
                self._lost("", f"the D-Bus system bus of this machine cannot be reached: {error}")
            await asyncio.sleep(self._patience.retry_s)

    async def _watch(self) -> None:
        bus = self._bus = MessageBus(bus_type=BusType.SYSTEM)
        async with asyncio.timeout(self._patience.attempt_s):
            await bus.connect()
        ended = asyncio.create_task(bus.wait_for_disconnect(), name="radio: bus")  # type: ignore[no-untyped-call]  # dbus-fast leaves it untyped
        ended.add_done_callback(lambda _: self._stale.set())
        try:
            await self._subscribe(bus)
            while not ended.done():
                self._stale.clear()
                await self._refresh()
                await self._until_stale()
        finally:
            bus.disconnect()
            await asyncio.wait({ended}, timeout=1.0)
            if ended.done() and not ended.cancelled():
                ended.exception()

    async def _until_stale(self) -> None:
        """Wait until the picture must be drawn anew: at a new bluetoothd, or after a while if there is none."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience.attempt_s if self.trouble else None):
                await self._stale.wait()

    async def _subscribe(self, bus: MessageBus) -> None:
        bus.add_message_handler(self._take)
        rules = [f"type='signal',sender='{_DAEMON}',member='NameOwnerChanged',arg0='{BLUEZ}'"]
        rules += [f"type='signal',sender='{BLUEZ}',member='PropertiesChanged',arg0='{ADAPTER}'"]
        rules += [
            f"type='signal',sender='{BLUEZ}',interface='{_OBJECTS}',arg0path='{ROOT}{name}'" for name in self._watched
        ]
        for rule in rules:
            await self._call("/org/freedesktop/DBus", _DAEMON, "AddMatch", "s", [rule], destination=_DAEMON)

    async def _refresh(self) -> None:
        try:
            (objects,) = await self._call("/", _OBJECTS, "GetManagedObjects")
        except BusError as error:
            self._lost("", _NO_SERVICE if error.name in _NOT_RUNNING else f"BlueZ cannot be asked: {error}")
        else:
            self.trouble = None
            self.adapters = {
                path.removeprefix(ROOT): Adapter().updated(interfaces[ADAPTER])
                for path, interfaces in objects.items()
                if ADAPTER in interfaces
            }
            self._tell()

    async def _call(
        self, path: str, interface: str, member: str, signature: str = "", body: Any = (), *, destination: str = BLUEZ
    ) -> list[Any]:
        if self._bus is None or not self._bus.connected:
            raise BusError("", "the D-Bus system bus is not connected")
        message = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
            flags=MessageFlag.NO_AUTOSTART,  # we look; systemd decides what runs
        )
        async with asyncio.timeout(self._patience.attempt_s):
            reply = await self._bus.call(message)
        if reply.message_type is MessageType.ERROR:
            raise BusError(reply.error_name or "", " ".join(str(part) for part in reply.body))
        return list(reply.body)

    def _take(self, message: Message) -> None:
        match message.message_type, message.member, message.body:
            case MessageType.SIGNAL, "NameOwnerChanged", [str(name), _, str(owner)] if name == BLUEZ:
                self._lost("", _NO_SERVICE)
                if owner:
                    self._stale.set()
            case MessageType.SIGNAL, "InterfacesAdded", [str(path), dict(interfaces)] if ADAPTER in interfaces:
                self.trouble = None
                self.adapters[path.removeprefix(ROOT)] = Adapter().updated(interfaces[ADAPTER])
                self._tell()
            case MessageType.SIGNAL, "InterfacesRemoved", [str(path), list(interfaces)] if ADAPTER in interfaces:
                self._lost(path.removeprefix(ROOT))
            case MessageType.SIGNAL, "PropertiesChanged", [str(name), dict(changed), _] if name == ADAPTER:
                self._update((message.path or "").removeprefix(ROOT), changed)
            case _:
                pass

    def _update(self, name: str, changed: Mapping[str, Variant]) -> None:
        before = self.adapters.get(name, Adapter())
        after = self.adapters[name] = before.updated(changed)
        if before.powered and not after.powered:
            self._losses[name] += 1
        self._tell()

    def _lost(self, adapter: str, trouble: str | None = None) -> None:
        """Forget an adapter, or all of them ("")."""
        self._losses[adapter] += 1
        if adapter:
            self.adapters.pop(adapter, None)
        else:
            self.adapters.clear()
            self.trouble = trouble
        self._tell()

    def _tell(self) -> None:
        self.asked = True
        self._change.set()
        self._change = asyncio.Event()
