"""A fake BlueZ on a private system bus, typed as the real one, for the real bleak.

In a test, in the same process (a second connection to the bus)::

    with private_bus() as address:                      # a dbus-daemon of our own
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = address # before bleak connects
        async with FakeBluez(address) as bluez:         # org.bluez with hci0
            ...                                         # start a BleakScanner
            bluez.hear("C0:AD:00:00:00:01", -61, manufacturer={0x004C: b"..."})

It behaves as bluetoothd where that matters to a scanner: manufacturer and service data are merged per device, a level
is only signalled again when it moved by 8 dB unless a client's filter has an RSSI key, data only when it changed unless
a client asked for DuplicateData, sessions belong to connections and end with them, and devices are forgotten only by
``forget``. Faults: ``restart``, ``remove_adapter``/``add_adapter``, ``power``, ``refuse``, ``hang``, ``mute``, ``stall``,
``nonsense`` (wrong D-Bus types).

As a process, for benches (a flood from outside, so that only the scanner's CPU is in the measured process)::

    python -m tests.fakes.bluez --rate 1000 --seconds 30 [--badges 400] [--phones 200] [--adapters hci0]

It prints one line of JSON, ``{"address": "unix:path=..."}``, to be put into DBUS_SYSTEM_BUS_ADDRESS, waits for the
first StartDiscovery, sends for so many seconds, prints ``{"sent": n, "behind_s": x}`` and stays until its stdin closes.
"""

import argparse
import asyncio
import json
import os
import random
import select
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECTS = "org.freedesktop.DBus.ObjectManager"
DEAD_BAND_DB = 8

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/><allow receive_type="method_return"/>
    <allow receive_type="error"/><allow receive_type="signal"/><allow send_destination="*" eavesdrop="false"/>
  </policy>
</busconfig>
"""


class PrivateBus:
    """A system-type dbus-daemon of our own, to be started, killed and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        self.address = f"unix:path={folder / 'bus'}"
        self._config = folder / "bus.conf"
        self._config.write_text(_CONFIG.format(socket=folder / "bus"))
        self._daemon: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Run the daemon; returns when it listens."""
        command = ["dbus-daemon", f"--config-file={self._config}", "--nofork", "--nopidfile", "--print-address=1"]
        self._daemon = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self._daemon.stdout
        self._daemon.stdout.readline()

    def stop(self) -> None:
        """End the daemon, and every connection with it."""
        if self._daemon:
            with self._daemon as daemon:
                daemon.terminate()
        self._daemon = None


@contextmanager
def private_bus() -> Iterator[str]:
    """Run a private bus, and give its address."""
    with tempfile.TemporaryDirectory(prefix="bus-") as folder:
        bus = PrivateBus(Path(folder))
        bus.start()
        try:
            yield bus.address
        finally:
            bus.stop()


@dataclass
class Device:
    """What bluetoothd remembers of a sender: everything it ever said, merged."""

    rssi: int | None = None
    manufacturer: dict[int, bytes] = field(default_factory=dict)
    service: dict[str, bytes] = field(default_factory=dict)


@dataclass
class FakeAdapter:
    """One adapter, its scanning clients by bus name, and the devices it heard."""

    powered: bool = True
    clients: set[str] = field(default_factory=set)
    filters: dict[str, dict[str, Any]] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)


def uuid_of(service: int) -> str:
    """Return a 16-bit service UUID as BlueZ writes it."""
    return f"0000{service:04x}-0000-1000-8000-00805f9b34fb"


class FakeBluez:
    """org.bluez, as an asynchronous context manager."""

    def __init__(self, address: str, adapters: tuple[str, ...] = ("hci0",)) -> None:
        self.adapters = {name: FakeAdapter() for name in adapters}
        self.calls: list[tuple[float, str, str]] = []
        """Every method called on an adapter: (monotonic s, adapter, member)."""
        self.filters: list[dict[str, Any]] = []
        """Every discovery filter set, newest last, as (type, value) by key."""
        self.muted = False
        self._address = address
        self._refusals: dict[str, tuple[str, str] | None] = {}
        self._stalled: set[str] = set()
        self._bus: MessageBus | None = None
        self._outgoing: deque[Message] = deque()
        self._pump: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.crash()

    # -- the daemon

    async def start(self) -> None:
        """Appear on the bus."""
        self._bus = await MessageBus(bus_address=self._address).connect()
        self._bus.add_message_handler(self._take)
        await self._bus.call(
            Message(
                destination="org.freedesktop.DBus",
                path="/org/freedesktop/DBus",
                interface="org.freedesktop.DBus",
                member="AddMatch",
                signature="s",
                body=["type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'"],
            )
        )
        await self._bus.request_name("org.bluez")
        self._outgoing.clear()
        self._pump = asyncio.create_task(self._send(self._bus), name="fake BlueZ")
        for name in self.adapters:  # the real one owns its name first and finds its adapters then
            self._announce(name)

    async def crash(self) -> None:
        """Vanish without a word, sessions and devices forgotten."""
        bus, self._bus = self._bus, None
        for adapter in self.adapters.values():
            adapter.clients.clear()
            adapter.filters.clear()
            adapter.devices.clear()
        if bus and self._pump:
            self._pump.cancel()
            bus.disconnect()
            with suppress(EOFError, OSError):  # the bus went first
                await bus.wait_for_disconnect()

    async def restart(self, down_s: float = 0.05) -> None:
        """Go down and come back as `systemctl restart bluetooth` does: objects removed, name lost, name regained."""
        for name in self.adapters:
            self._signal("/", OBJECTS, "InterfacesRemoved", "oas", [f"/org/bluez/{name}", [ADAPTER]])
        await self.drain()
        await self.crash()
        await asyncio.sleep(down_s)
        await self.start()

    # -- faults

    def remove_adapter(self, name: str = "hci0") -> None:
        """Pull the adapter out."""
        for address in list(self.adapters[name].devices):
            self.forget(address, name)
        del self.adapters[name]
        self._signal("/", OBJECTS, "InterfacesRemoved", "oas", [f"/org/bluez/{name}", [ADAPTER, PROPERTIES]])

    def add_adapter(self, name: str = "hci0") -> None:
        """Plug an adapter in."""
        self.adapters[name] = FakeAdapter()
        self._announce(name)

    def _announce(self, name: str) -> None:
        body = [f"/org/bluez/{name}", {ADAPTER: self._adapter_properties(name)}]
        self._signal("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", body)

    def power(self, name: str, on: bool) -> None:
        """Switch an adapter, as rfkill or a program would; off ends every session on it."""
        adapter = self.adapters[name]
        adapter.powered = on
        if not on:
            adapter.clients.clear()
            self._stalled.discard(name)
        self._adapter_changed(name, "Powered", "Discovering")

    def refuse(self, member: str, error: str, text: str = "") -> None:
        """Answer a method with org.bluez.Error.ERROR from now on."""
        self._refusals[member] = (f"org.bluez.Error.{error}", text or error)

    def hang(self, member: str) -> None:
        """Never answer a method from now on."""
        self._refusals[member] = None

    def heal(self) -> None:
        """End refusals, hangs and silence."""
        self._refusals.clear()
        self._stalled.clear()
        self.muted = False

    def stall(self, name: str = "hci0") -> None:
        """Hear nothing more, say nothing about it, until the adapter is power-cycled: a stalled controller."""
        self._stalled.add(name)

    def nonsense(self, address: str, name: str = "hci0") -> None:
        """Signal a known device with properties of wrong D-Bus types."""
        path = _path(name, address)
        for changed in (
            {"ManufacturerData": Variant("aa{qv}", [{0x4C: Variant("ay", b"\x02\x15")}])},
            {"RSSI": Variant("s", "loud"), "ManufacturerData": Variant("a{qv}", {0x4C: Variant("ay", b"\x02\x15")})},
            {"ServiceData": Variant("a{sv}", {uuid_of(0xFEAA): Variant("s", "text")})},
        ):
            self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [DEVICE, changed, []])

    # -- the air

    def scanning(self, name: str = "hci0") -> bool:
        """Whether anybody scans with the adapter."""
        return name in self.adapters and bool(self.adapters[name].clients)

    def hear(
        self,
        address: str,
        rssi: int,
        manufacturer: Mapping[int, bytes] | None = None,
        service: Mapping[int, bytes] | None = None,
        adapter: str = "hci0",
    ) -> bool:
        """Let an adapter receive a packet; returns whether BlueZ signalled anything about it."""
        if not self.scanning(adapter) or self.muted or adapter in self._stalled:
            return False
        known = self.adapters[adapter].devices.get(address)
        device = known or self.adapters[adapter].devices.setdefault(address, Device())
        changed = self._merge(
            adapter, device, rssi, manufacturer or {}, {uuid_of(s): b for s, b in (service or {}).items()}
        )
        if known is None:
            body = [_path(adapter, address), {DEVICE: self._device_properties(adapter, address, device)}]
            self._signal("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", body)
        elif changed:
            self._signal(_path(adapter, address), PROPERTIES, "PropertiesChanged", "sa{sv}as", [DEVICE, changed, []])
        return known is None or bool(changed)

    def forget(self, address: str, name: str = "hci0") -> None:
        """Remove a device, as BlueZ does some 30 s after its last packet."""
        del self.adapters[name].devices[address]
        self._signal("/", OBJECTS, "InterfacesRemoved", "oas", [_path(name, address), [DEVICE, PROPERTIES]])

    async def drain(self) -> None:
        """Wait until everything signalled so far has left this process."""
        while self._bus and self._outgoing:  # noqa: ASYNC110 - a flood passes here, an event for each would cost more
            await asyncio.sleep(0.001)

    async def _send(self, bus: MessageBus) -> None:
        """Send signals one after the other, each when there is room: dbus-fast 5.2 dies of a full socket (EAGAIN)."""
        while True:
            while self._outgoing and select.select((), (bus._fd,), (), 0)[1]:
                await bus.send(self._outgoing[0])
                self._outgoing.popleft()
            await asyncio.sleep(0.001)

    def _merge(
        self, name: str, device: Device, rssi: int, manufacturer: Mapping[int, bytes], service: Mapping[str, bytes]
    ) -> dict[str, Variant]:
        """Take a packet over into the device; returns the properties bluetoothd would signal."""
        wishes = self.adapters[name].filters.values()
        delta_db = 1 if any("RSSI" in wish for wish in wishes) else DEAD_BAND_DB
        duplicates = any(wish.get("DuplicateData", ("b", False))[1] for wish in wishes)
        changed: dict[str, Variant] = {}
        if device.rssi is None or abs(rssi - device.rssi) >= delta_db:
            device.rssi = rssi
            changed["RSSI"] = Variant("n", rssi)
        if manufacturer and (duplicates or not manufacturer.items() <= device.manufacturer.items()):
            device.manufacturer.update(manufacturer)
            changed["ManufacturerData"] = _manufacturer(device)
        if service and (duplicates or not service.items() <= device.service.items()):
            device.service.update(service)
            changed["ServiceData"] = _service(device)
        return changed

    # -- the protocol

    def _take(self, message: Message) -> Message | bool | None:
        if message.message_type is MessageType.SIGNAL:
            if message.member == "NameOwnerChanged" and not message.body[2]:
                self._client_left(message.body[0])
            return None
        if message.message_type is not MessageType.METHOD_CALL or self._bus is None:
            return None
        path = message.path or ""
        if message.member == "GetManagedObjects":
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [self._objects()])
        if (name := path.removeprefix("/org/bluez/")) in self.adapters:
            return self._adapter_call(name, message)
        return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownObject", f"no object {path}")

    def _adapter_call(self, name: str, message: Message) -> Message | bool:
        member = message.member or ""
        self.calls.append((time.monotonic(), name, member))
        if member in self._refusals:
            refusal = self._refusals[member]
            return True if refusal is None else Message.new_error(message, *refusal)
        match member, message.body:
            case "SetDiscoveryFilter", [dict(wish)]:
                return self._set_filter(name, message, {key: (v.signature, v.value) for key, v in wish.items()})
            case "StartDiscovery", _:
                return self._start_discovery(name, message)
            case "StopDiscovery", _:
                return self._stop_discovery(name, message)
            case "Set", [_, "Powered", Variant() as on]:
                self.power(name, on.value)
                return Message.new_method_return(message)
            case "GetAll", _:
                return Message.new_method_return(message, "a{sv}", [self._adapter_properties(name)])
            case _:
                return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownMethod", member)

    def _set_filter(self, name: str, message: Message, wish: dict[str, Any]) -> Message:
        if wish:
            self.filters.append(wish)
        self.adapters[name].filters[message.sender or ""] = wish
        return Message.new_method_return(message)

    def _start_discovery(self, name: str, message: Message) -> Message:
        adapter = self.adapters[name]
        if not adapter.powered:
            return Message.new_error(message, "org.bluez.Error.NotReady", "Resource Not Ready")
        if message.sender in adapter.clients:
            return Message.new_error(message, "org.bluez.Error.InProgress", "Operation already in progress")
        adapter.clients.add(message.sender or "")
        self._adapter_changed(name, "Discovering")
        return Message.new_method_return(message)

    def _stop_discovery(self, name: str, message: Message) -> Message:
        adapter = self.adapters[name]
        if message.sender not in adapter.clients:
            return Message.new_error(message, "org.bluez.Error.Failed", "No discovery started")
        adapter.clients.discard(message.sender or "")
        self._adapter_changed(name, "Discovering")
        return Message.new_method_return(message)

    def _client_left(self, client: str) -> None:
        for name, adapter in self.adapters.items():
            adapter.filters.pop(client, None)
            if client in adapter.clients:
                adapter.clients.discard(client)
                self._adapter_changed(name, "Discovering")

    def _adapter_changed(self, name: str, *properties: str) -> None:
        changed = {key: value for key, value in self._adapter_properties(name).items() if key in properties}
        self._signal(f"/org/bluez/{name}", PROPERTIES, "PropertiesChanged", "sa{sv}as", [ADAPTER, changed, []])

    def _objects(self) -> dict[str, dict[str, dict[str, Variant]]]:
        objects: dict[str, dict[str, dict[str, Variant]]] = {"/org/bluez": {"org.bluez.AgentManager1": {}}}
        for name, adapter in self.adapters.items():
            objects[f"/org/bluez/{name}"] = {ADAPTER: self._adapter_properties(name)}
            for address, device in adapter.devices.items():
                objects[_path(name, address)] = {DEVICE: self._device_properties(name, address, device)}
        return objects

    def _adapter_properties(self, name: str) -> dict[str, Variant]:
        adapter = self.adapters[name]
        return {
            "Address": Variant("s", f"B8:27:EB:00:00:{int(name.removeprefix('hci')):02X}"),
            "AddressType": Variant("s", "public"),
            "Name": Variant("s", "pi"),
            "Alias": Variant("s", "pi"),
            "Class": Variant("u", 0x6C0000),
            "Powered": Variant("b", adapter.powered),
            "PowerState": Variant("s", "on" if adapter.powered else "off"),
            "Discoverable": Variant("b", False),
            "DiscoverableTimeout": Variant("u", 180),
            "Pairable": Variant("b", False),
            "PairableTimeout": Variant("u", 0),
            "Discovering": Variant("b", bool(adapter.clients)),
            "UUIDs": Variant("as", ["00001800-0000-1000-8000-00805f9b34fb"]),
            "Modalias": Variant("s", "usb:v1D6Bp0246d0542"),
            "Roles": Variant("as", ["central", "peripheral"]),
            "ExperimentalFeatures": Variant("as", []),
        }

    def _device_properties(self, name: str, address: str, device: Device) -> dict[str, Variant]:
        return {
            "Address": Variant("s", address),
            "AddressType": Variant("s", "random"),
            "Alias": Variant("s", address.replace(":", "-")),
            "Adapter": Variant("o", f"/org/bluez/{name}"),
            "Paired": Variant("b", False),
            "Bonded": Variant("b", False),
            "Trusted": Variant("b", False),
            "Blocked": Variant("b", False),
            "LegacyPairing": Variant("b", False),
            "Connected": Variant("b", False),
            "ServicesResolved": Variant("b", False),
            "UUIDs": Variant("as", list(device.service)),
            "RSSI": Variant("n", device.rssi),
            **({"ManufacturerData": _manufacturer(device)} if device.manufacturer else {}),
            **({"ServiceData": _service(device)} if device.service else {}),
        }

    def _signal(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        if self._bus:
            self._outgoing.append(Message.new_signal(path, interface, member, signature, body))


def _path(adapter: str, address: str) -> str:
    return f"/org/bluez/{adapter}/dev_{address.replace(':', '_')}"


def _manufacturer(device: Device) -> Variant:
    return Variant("a{qv}", {company: Variant("ay", data) for company, data in device.manufacturer.items()})


def _service(device: Device) -> Variant:
    return Variant("a{sv}", {uuid: Variant("ay", data) for uuid, data in device.service.items()})


# -- the flood


def _sender(number: int, rng: random.Random) -> tuple[str, dict[int, bytes], dict[int, bytes]]:
    """Return a badge by its number: address and one structure; formats in the shares of speed.md."""
    address = f"C0:AD:{number >> 16 & 255:02X}:{number >> 8 & 255:02X}:{number & 255:02X}:01"
    match number % 10:
        case 0 | 1 | 2 | 3:
            head = bytes.fromhex("0215b9407f30f5f8466eaff925556b57fe6d0001")
            return address, {0x004C: head + number.to_bytes(2, "big") + b"\xb6"}, {}
        case 4 | 5:
            return (
                address,
                {},
                {0xFEAA: bytes.fromhex("00e312345678901234678901") + number.to_bytes(6, "big") + b"\0\0"},
            )
        case 6:
            return address, {0x015D: b"\x01" + number.to_bytes(8, "big") + rng.randbytes(13)}, {}
        case _:
            return address, {}, {0xFE9A: b"\x22" + number.to_bytes(8, "big") + rng.randbytes(11)}


def _phone(rng: random.Random) -> tuple[str, dict[int, bytes], dict[int, bytes]]:
    """Return a phone's packet: an address that rotates, and nothing for us."""
    return "5A:" + rng.randbytes(5).hex(":").upper(), {0x0075: rng.randbytes(12)}, {}


async def flood(
    bluez: FakeBluez, *, rate: float, seconds: float, badges: int, phones: int, seed: int = 1
) -> tuple[int, float]:
    """Send `rate` packets a second for `seconds`, a third of them phones'; returns how many, and how late it ended."""
    rng = random.Random(seed)
    crowd = [_phone(rng) for _ in range(phones)]
    start, sent = time.monotonic(), 0
    while sent < rate * seconds:
        due = min((time.monotonic() - start) * rate, rate * seconds)
        while sent < due:
            if phones and sent % 10 < 3:
                place = rng.randrange(phones)
                if rng.random() < 0.01:
                    crowd[place] = _phone(rng)
                address, manufacturer, service = crowd[place]
            else:
                address, manufacturer, service = _sender(rng.randrange(badges), rng)
            bluez.hear(address, rng.randint(-90, -45), manufacturer, service)
            sent += 1
        await bluez.drain()
        await asyncio.sleep(0.005)
    return sent, time.monotonic() - start - seconds


async def _main(args: argparse.Namespace) -> None:
    with private_bus() as address:
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = address
        async with FakeBluez(address, tuple(args.adapters.split(","))) as bluez:
            print(json.dumps({"address": address}), flush=True)
            while not any(bluez.scanning(name) for name in bluez.adapters):  # noqa: ASYNC110 - whoever comes first
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.2)
            sent, late = await flood(
                bluez, rate=args.rate, seconds=args.seconds, badges=args.badges, phones=args.phones
            )
            print(json.dumps({"sent": sent, "behind_s": round(late, 3)}), flush=True)
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A fake BlueZ that floods its first scanner.")
    parser.add_argument("--rate", type=float, default=1000.0, help="packets per second")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--badges", type=int, default=400)
    parser.add_argument("--phones", type=int, default=200)
    parser.add_argument("--adapters", default="hci0", help="comma-separated")
    asyncio.run(_main(parser.parse_args()))
