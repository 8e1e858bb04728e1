"""The radio through BlueZ: the real bleak on a private bus, against a fake BlueZ that restarts, vanishes, hangs and lies."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace

import pytest

from edgehub.core.advert import APPLE, EDDYSTONE, ESTIMOTE_NEARABLE, ESTIMOTE_SERVICE, Advertisement
from edgehub.gateway.radio import Patience, Radio, RadioState
from tests.fakes.bluez import FakeBluez, PrivateBus, flood, private_bus

QUICK = Patience(attempt_s=0.5, silence_s=30.0, retry_s=0.02, longest_retry_s=0.1, idle_s=0.05)
BADGE = "C0:AD:00:00:00:01"
IBEACON = bytes.fromhex("0215b5b182c7eab14988aa99b5c1517008d90001cf64c5")
NEARABLE = bytes.fromhex("011efe427eb6f4bc2f040168a1aafe05c1452553")
EDDYSTONE_UID = bytes.fromhex("00e3123456789012346789010000000000010000")
TELEMETRY = bytes.fromhex("2247a038d5eb032640000001414447faffffffff")


@dataclass(frozen=True)
class Settings:
    adapters: tuple[str, ...] = ()
    source: str = "bluez"


class Ear:
    """Collects what a radio says, and waits for it."""

    def __init__(self) -> None:
        self.adverts: list[Advertisement] = []
        self.states: list[RadioState] = []

    def said(self) -> list[str]:
        """Return the names of all states so far."""
        return [state.state for state in self.states]

    async def state(self, name: str, why: str = "", within_s: float = 5.0) -> RadioState:
        """Wait for the newest state to be `name`."""
        await until(
            lambda: bool(self.states) and self.states[-1].state == name and why in self.states[-1].why, within_s
        )
        return self.states[-1]


async def until(true: Callable[[], bool], within_s: float = 5.0) -> None:
    """Wait for something to be true."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 - anything may become true, not one event
            await asyncio.sleep(0.005)


@contextmanager
def system_bus(address: str) -> Iterator[None]:
    """Make an address the system bus of this process: bleak takes it from the environment, as everybody does."""
    before = os.environ.pop("DBUS_SYSTEM_BUS_ADDRESS", None)
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = address
    try:
        yield
    finally:
        del os.environ["DBUS_SYSTEM_BUS_ADDRESS"]
        if before is not None:
            os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = before


@pytest.fixture(scope="module")
def bus() -> Iterator[str]:
    """Run one private bus for this file."""
    with private_bus() as address, system_bus(address):
        yield address


@asynccontextmanager
async def listening(
    bus: str, *, adapters: tuple[str, ...] = (), patience: Patience = QUICK
) -> AsyncIterator[tuple[FakeBluez, Ear, Radio]]:
    """Run a fake BlueZ and a radio that has started to scan."""
    ear = Ear()
    radio = Radio(Settings(adapters), "pi", ear.adverts.extend, ear.states.append, patience=patience)
    async with FakeBluez(bus, adapters or ("hci0",)) as bluez, radio:
        await until(lambda: all(bluez.scanning(name) for name in bluez.adapters))
        yield bluez, ear, radio


async def hears(bluez: FakeBluez, ear: Ear, within_s: float = 5.0) -> None:
    """Let a badge advertise until it is heard anew."""
    before = len(ear.adverts)
    async with asyncio.timeout(within_s):
        while len(ear.adverts) == before:
            bluez.hear(BADGE, -60, {APPLE: IBEACON})
            await asyncio.sleep(0.01)


# -- what is asked for, what is delivered


@pytest.mark.asyncio
async def test_bluez_is_asked_for_every_level_and_every_repeat(bus):
    """The filter that keeps BlueZ from hiding levels is set before the scan starts, and the scan is active."""
    async with listening(bus) as (bluez, _, _):
        assert bluez.filters == [{"Transport": ("s", "le"), "DuplicateData": ("b", True), "RSSI": ("n", -100)}]
        assert [member for _, _, member in bluez.calls] == ["SetDiscoveryFilter", "StartDiscovery"]


@pytest.mark.parametrize(
    ("manufacturer", "service", "payloads"),
    [
        ({APPLE: IBEACON}, {}, ((APPLE, IBEACON),)),
        ({ESTIMOTE_NEARABLE: NEARABLE}, {}, ((ESTIMOTE_NEARABLE, NEARABLE),)),
        ({}, {EDDYSTONE: EDDYSTONE_UID}, ((EDDYSTONE, EDDYSTONE_UID),)),
        ({0x0075: b"phone"}, {0x180F: b"d", ESTIMOTE_SERVICE: TELEMETRY}, ((ESTIMOTE_SERVICE, TELEMETRY),)),
    ],
    ids=["ibeacon", "nearable", "eddystone", "telemetry"],
)
@pytest.mark.asyncio
async def test_every_format_arrives_as_its_bytes(bus, manufacturer, service, payloads):
    """Each of the four structures is delivered with level, address and time, and its neighbours in the packet are not."""
    async with listening(bus) as (bluez, ear, radio):
        before = radio.clock.now()
        bluez.hear(BADGE, -61, manufacturer, service)
        await until(lambda: bool(ear.adverts))
        (advert,) = ear.adverts
        assert advert[:3] == ("pi", BADGE, -61)
        assert before <= advert.at <= radio.clock.now()
        assert advert.payloads == payloads


@pytest.mark.asyncio
async def test_other_companies_and_whispers_are_never_delivered(bus):
    """Phones, other vendors in the shape of an iBeacon, and levels under the floor stop at the border, and are counted."""
    async with listening(bus) as (bluez, ear, radio):
        bluez.hear("5A:00:00:00:00:01", -50, {0x0059: IBEACON})
        bluez.hear("5A:00:00:00:00:02", -50, {}, {0xFD6F: b"exposure"})
        bluez.hear("5A:00:00:00:00:03", -50)
        bluez.hear("5A:00:00:00:00:04", -101, {APPLE: IBEACON})
        await hears(bluez, ear)
        assert {advert.address for advert in ear.adverts} == {BADGE}
        assert radio.states["pi"].dropped == 1
        assert radio.states["pi"].adverts >= 5


@pytest.mark.asyncio
async def test_each_level_counts_also_when_it_hardly_moves(bus):
    """BlueZ keeps level changes under 8 dB to itself unless asked as we ask; every packet gives one advertisement."""
    async with listening(bus) as (bluez, ear, _):
        for rssi in (-60, -61, -60, -60, -62):
            assert bluez.hear(BADGE, rssi, {APPLE: IBEACON})
        await until(lambda: len(ear.adverts) == 5)
        assert [advert.rssi_dbm for advert in ear.adverts] == [-60, -61, -60, -60, -62]


@pytest.mark.asyncio
async def test_a_merged_device_is_one_advertisement_with_both_structures(bus):
    """BlueZ merges what a device ever sent: one callback stays one advertisement, old frame included."""
    async with listening(bus) as (bluez, ear, _):
        bluez.hear(BADGE, -60, {}, {ESTIMOTE_SERVICE: TELEMETRY})
        bluez.hear(BADGE, -60, {APPLE: IBEACON})
        await until(lambda: len(ear.adverts) == 2)
        assert ear.adverts[1].payloads == ((APPLE, IBEACON), (ESTIMOTE_SERVICE, TELEMETRY))


@pytest.mark.asyncio
async def test_several_adapters_are_several_receivers(bus):
    """Two adapters scan side by side under their own names, and one pulled out leaves the other alone."""
    async with listening(bus, adapters=("hci0", "hci1")) as (bluez, ear, radio):
        bluez.hear(BADGE, -60, {APPLE: IBEACON}, adapter="hci0")
        bluez.hear(BADGE, -70, {APPLE: IBEACON}, adapter="hci1")
        await until(lambda: len(ear.adverts) == 2)
        assert {(advert.receiver, advert.rssi_dbm) for advert in ear.adverts} == {("pi/hci0", -60), ("pi/hci1", -70)}
        await until(lambda: {state.state for state in radio.states.values()} == {"ok"})
        bluez.remove_adapter("hci1")
        gone = await ear.state("gone")
        assert gone.receiver == "pi/hci1"
        assert "hci1 is not there; there is hci0" in gone.why
        assert radio.states["pi/hci0"].state == "ok"
        bluez.hear(BADGE, -61, {APPLE: IBEACON}, adapter="hci0")
        await until(lambda: len(ear.adverts) == 3)
        assert radio.states["pi/hci0"].restarts == 0


# -- faults


@pytest.mark.parametrize("times", [5, pytest.param(100, marks=pytest.mark.long)])
@pytest.mark.asyncio
async def test_bluetoothd_restarts_and_scanning_goes_on(bus, times):
    """B1: however often bluetoothd restarts or crashes, the radio scans again and hears within 10 s."""
    async with listening(bus) as (bluez, ear, radio):
        for turn in range(times):
            await hears(bluez, ear)
            if turn % 2:
                await bluez.crash()
                await ear.state("gone", "not running")
                await bluez.start()
            else:
                await bluez.restart()
            await hears(bluez, ear, within_s=10.0)
            await ear.state("ok")
        assert radio.states["pi"].restarts >= times


@pytest.mark.asyncio
async def test_an_adapter_vanishes_and_returns(bus):
    """B2: pulled out, the state says so at once and tells what to do; plugged in, it scans without help."""
    async with listening(bus) as (bluez, ear, _):
        await hears(bluez, ear)
        bluez.remove_adapter()
        assert "plug one in" in (await ear.state("gone")).why
        bluez.add_adapter()
        await hears(bluez, ear)
        await ear.state("ok")


@pytest.mark.asyncio
async def test_an_adapter_is_switched_off_and_on(bus):
    """B2: switched off by somebody, the state says so; switched on, it scans."""
    async with listening(bus) as (bluez, ear, _):
        await hears(bluez, ear)
        bluez.power("hci0", on=False)
        assert "bluetoothctl power on" in (await ear.state("off")).why
        bluez.power("hci0", on=True)
        await hears(bluez, ear)
        await ear.state("ok")


@pytest.mark.asyncio
async def test_without_bluez_the_gateway_runs_and_waits_in_one_state(bus):
    """No bluetoothd at all is one state with a remedy, not a stream of errors; it scans when bluetoothd comes."""
    ear, patience = Ear(), replace(QUICK, silence_s=0.1)
    async with Radio(Settings(), "pi", ear.adverts.extend, ear.states.append, patience=patience) as radio:
        await ear.state("gone", "plug a Bluetooth adapter in")
        await asyncio.sleep(0.6)
        assert ear.said() == ["gone"]
        assert radio.states["pi"].resets == 0
        async with FakeBluez(bus) as bluez:
            await until(bluez.scanning)
            await hears(bluez, ear)


@pytest.mark.asyncio
async def test_without_a_system_bus_the_gateway_runs():
    """A machine (or container) without D-Bus is a state as well."""
    ear = Ear()
    with system_bus("unix:path=/nowhere/bus"):
        async with Radio(Settings(), "pi", ear.adverts.extend, ear.states.append, patience=QUICK):
            await ear.state("gone", "system bus of this machine cannot be reached")


@pytest.mark.asyncio
async def test_the_bus_itself_restarts(tmp_path):
    """`systemctl restart dbus` ends every connection; the radio is back when the bus and bluetoothd are."""
    ear, private = Ear(), PrivateBus(tmp_path)
    private.start()
    radio = Radio(Settings(), "pi", ear.adverts.extend, ear.states.append, patience=QUICK)
    with system_bus(private.address):
        async with radio:
            async with FakeBluez(private.address) as bluez:
                await until(bluez.scanning)
                await hears(bluez, ear)
                private.stop()
                await ear.state("gone")
            private.start()
            async with FakeBluez(private.address) as bluez:
                await until(bluez.scanning)
                await hears(bluez, ear)
                await ear.state("ok")
    private.stop()


@pytest.mark.parametrize(
    ("error", "state", "why"),
    [
        ("InProgress", "busy", "another program is using hci0"),
        ("NotReady", "off", "hci0 is not ready"),
        ("Failed", "busy", "cannot scan with hci0 just now"),
        ("NotAuthorized", "busy", "this user may not scan"),
    ],
)
@pytest.mark.asyncio
async def test_a_refused_start_is_said_in_plain_words_and_tried_again(bus, error, state, why):
    """B3: whatever BlueZ answers, the state says what it means, and the scan starts when the cause is gone."""
    async with listening(bus) as (bluez, ear, _):
        bluez.refuse("StartDiscovery", error)
        bluez.power("hci0", on=False)
        bluez.power("hci0", on=True)
        await ear.state(state, why)
        bluez.heal()
        await hears(bluez, ear)
        await ear.state("ok")


@pytest.mark.parametrize("member", ["StartDiscovery", "SetDiscoveryFilter"])
@pytest.mark.asyncio
async def test_a_call_that_is_never_answered_ends(bus, member):
    """B3: a hanging call ends after the deadline of an attempt, each attempt does, and the scan starts when BlueZ answers."""
    async with listening(bus) as (bluez, ear, _):
        bluez.hang(member)
        began = time.monotonic()
        bluez.power("hci0", on=False)
        bluez.power("hci0", on=True)
        await ear.state("busy", "did not answer within 0.5 s")
        assert time.monotonic() - began < 2.0
        bluez.heal()
        await hears(bluez, ear)


@pytest.mark.asyncio
async def test_a_stop_that_is_never_answered_does_not_hold_up_the_gateway(bus):
    """A gateway stops in good time although BlueZ hangs."""
    async with listening(bus, patience=replace(QUICK, attempt_s=15.0)) as (bluez, _, _):
        bluez.hang("StopDiscovery")
        began = time.monotonic()
    assert time.monotonic() - began < 4.5


@pytest.mark.asyncio
async def test_a_silent_radio_is_met_with_the_ladder_in_order(bus):
    """B4: silence counts since the scanner's start; first a new scanner, then one power cycle, then a person is asked."""
    patience = replace(QUICK, silence_s=0.4)
    async with listening(bus, patience=patience) as (bluez, ear, radio):
        await hears(bluez, ear)
        await ear.state("ok")
        bluez.muted = True
        silent_from = time.monotonic()
        await ear.state("deaf", "starting a new scanner")
        assert 0.3 <= time.monotonic() - silent_from < 1.0
        await ear.state("deaf", "switching hci0 off and on again")
        await ear.state("deaf", "systemctl restart bluetooth")
        assert [member for _, _, member in bluez.calls].count("Set") == 2
        assert radio.states["pi"].resets == 1
        assert not radio.states["pi"].healthy
        bluez.heal()
        await hears(bluez, ear)
        await ear.state("ok")


@pytest.mark.asyncio
async def test_a_stalled_controller_is_cured_by_its_power_cycle(bus):
    """The one fault a restart of the scan never cures (testbed.md): hearing again after the second silence, by itself."""
    async with listening(bus, patience=replace(QUICK, silence_s=0.4)) as (bluez, ear, radio):
        await hears(bluez, ear)
        bluez.stall()
        await hears(bluez, ear, within_s=10.0)
        await ear.state("ok")
        assert radio.states["pi"].resets == 1


@pytest.mark.asyncio
async def test_empty_packets_are_no_sign_of_life(bus):
    """A radio that hears only packets without data is deaf for our purposes."""
    async with listening(bus, patience=replace(QUICK, silence_s=0.4)) as (bluez, ear, _):
        bluez.hear("5A:00:00:00:00:03", -50)
        await ear.state("deaf")


@pytest.mark.asyncio
async def test_wrong_types_from_the_bus_silence_nothing(bus, caplog):
    """B5: properties of wrong D-Bus types never reach the gateway, and the next good packet does."""
    async with listening(bus) as (bluez, ear, _):
        await hears(bluez, ear)
        before = len(ear.adverts)
        with caplog.at_level(logging.CRITICAL):
            bluez.nonsense(BADGE)
            await bluez.drain()
            await asyncio.sleep(0.1)
        assert all(type(advert.rssi_dbm) is int for advert in ear.adverts[before:])
        bluez.hear("C0:AD:00:00:00:02", -60, {APPLE: IBEACON})
        await until(lambda: ear.adverts[-1].address == "C0:AD:00:00:00:02")


@pytest.mark.asyncio
async def test_a_crowd_of_strangers_leaves_nothing_in_memory(bus):
    """B6: thousands of rotating addresses, forgotten by BlueZ, are forgotten here; no device object is kept."""
    async with listening(bus) as (bluez, ear, radio):
        for number in range(4000):
            address = f"5A:00:00:00:{number >> 8:02X}:{number & 255:02X}"
            bluez.hear(address, -60, {0x0075: b"phone"})
            bluez.forget(address)
            if number % 100 == 0:
                await bluez.drain()
                await asyncio.sleep(0)
        await hears(bluez, ear)
        from bleak.backends.bluezdbus import manager

        (instance,) = [m for loop, m in manager._global_instances.items() if loop is asyncio.get_running_loop()]
        assert radio.states["pi"].adverts >= 4000
        assert len(instance._properties) < 50
        assert [len(cb.__self__.seen_devices) for cb in instance._advertisement_callbacks["/org/bluez/hci0"]] == [0]


@pytest.mark.asyncio
async def test_a_flood_is_heard_whole(bus):
    """A thousand packets a second through a real bus and the real bleak: all are heard, none is invented."""
    async with listening(bus) as (bluez, ear, radio):
        sent, _ = await flood(bluez, rate=1000, seconds=1.5, badges=400, phones=200)
        await until(lambda: radio.states["pi"].adverts == sent)
        assert len(ear.adverts) == sum(number % 10 >= 3 for number in range(sent))


@pytest.mark.asyncio
async def test_nothing_is_left_open(bus):
    """Twenty radios made and unmade leave no file descriptor and no task behind."""
    async with FakeBluez(bus) as bluez:
        counts = []
        for _ in range(20):
            ear = Ear()
            async with Radio(Settings(), "pi", ear.adverts.extend, ear.states.append, patience=QUICK):
                await until(bluez.scanning)
            await until(lambda: not bluez.scanning())
            counts.append((len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())))  # noqa: PTH208 - no paths wanted
    assert counts[-1] == counts[1]
