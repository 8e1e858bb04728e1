"""bleak, reduced to what a receiver needs: its callback, its scanner, its connection, its errors in words.

The only module that imports bleak. Scanning is active, because BlueZ reports passive levels only in steps of 8 dB, and
asks for ``DuplicateData`` and an ``RSSI`` floor, because without them BlueZ after 5.87 keeps active levels back in the
same way (radio.md).
"""

import asyncio
import logging
import time
from typing import Any, Final

from bleak import BleakScanner
from bleak.backends.bluezdbus import manager as bleak_manager
from bleak.backends.bluezdbus.scanner import BleakScannerBlueZDBus
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakBluetoothNotAvailableError, BleakDBusError

from edgehub.core.advert import COMPANY_SLOTS, SERVICE_SLOTS, Advertisement
from edgehub.gateway.radio_state import Condition, Listener

RSSI_FLOOR_DBM: Final = -100
"""Nothing weaker says where a badge is. BlueZ drops it only if every program that scans asks so; we drop it anyway."""
_new: Final = tuple.__new__  # a named tuple's own goes through Python
_SLOT_OF_UUID: Final = {f"0000{slot:04x}-0000-1000-8000-00805f9b34fb": slot for slot in SERVICE_SLOTS}

# bleak warns that "the D-Bus connection was lost" whenever we close it on purpose; a real loss we report ourselves.
logging.getLogger(bleak_manager.__name__).addFilter(
    lambda record: "connection to BlueZ was lost" not in str(record.msg)
)


class Ear:
    """bleak's detection callback: one callback in, at most one advertisement out, and nothing of bleak's kept."""

    def __init__(self, receiver: str, listener: Listener) -> None:
        self.adverts = 0
        self.dropped = 0
        self.heard_at = 0.0
        """When anything that carried data was last heard; empty adverts are no sign of life."""
        self._receiver = receiver
        self._deliver = listener.deliver

    def hear(self, device: BLEDevice, data: AdvertisementData) -> None:
        """Take one callback; it must cost next to nothing beside what bleak spends on it (SPD3)."""
        manufacturer, service = data.manufacturer_data, data.service_data
        found: tuple[tuple[int, bytes], ...] = ()
        for company, payload in manufacturer.items():
            if company in COMPANY_SLOTS:
                found += ((company, payload),)
        for uuid, payload in service.items():
            if slot := _SLOT_OF_UUID.get(uuid):
                found += ((slot, payload),)
        self.adverts += 1
        if found or manufacturer or service:
            self.heard_at = at = time.monotonic()  # what the loop's time is, without asking the loop
            if found:
                rssi_dbm = data.rssi
                if rssi_dbm.__class__ is int and rssi_dbm >= RSSI_FLOOR_DBM:
                    self._deliver((_new(Advertisement, (self._receiver, device.address, rssi_dbm, at, found)),))
                else:
                    self.dropped += 1


class _Forgetful(BleakScannerBlueZDBus):
    """bleak's scanner without its memory: in a crowd of rotating addresses it would hold thousands of devices."""

    def create_or_update_device(
        self, key: str, address: str, name: str | None, details: Any, adv: AdvertisementData
    ) -> BLEDevice:
        """Make a device for this callback only."""
        del key, adv
        return BLEDevice(address, name, details)


class Scanner(BleakScanner):
    """One scan with one adapter; a scanner that fell silent is stopped and never started again."""

    def __init__(self, adapter: str, ear: Ear) -> None:
        super().__init__(
            ear.hear,
            scanning_mode="active",
            bluez={"adapter": adapter, "filters": {"Transport": "le", "DuplicateData": True, "RSSI": RSSI_FLOOR_DBM}},
            backend=_Forgetful,
        )


async def hang_up() -> None:
    """Close the D-Bus connection that bleak shares among the scanners of this loop; the next start makes a new one.

    bleak offers no way to ask for it, so this reaches for two private names of the version we pin; were they gone,
    the connection would merely stay.
    """
    manager = getattr(bleak_manager, "_global_instances", {}).pop(asyncio.get_running_loop(), None)
    if bus := getattr(manager, "_bus", None):
        bus.disconnect()
        await asyncio.wait({asyncio.ensure_future(bus.wait_for_disconnect())}, timeout=1.0)


def in_words(adapter: str, error: Exception, waited_s: float) -> tuple[Condition, str]:
    """Return the state and the sentence for a scanner that would not start."""
    match error:
        case TimeoutError() if not error.args:
            return "busy", f"BlueZ did not answer within {waited_s:g} s when asked to scan with {adapter}; trying again"
        case BleakDBusError() if error.dbus_error.endswith(".InProgress"):
            return "busy", (
                f"another program is using {adapter} for a scan of its own, so BlueZ refuses ours (InProgress); "
                "close it (`bluetoothctl`, Home Assistant …) or give edgehub an adapter of its own"
            )
        case BleakDBusError() if error.dbus_error.endswith(".NotReady"):
            return "off", f"{adapter} is not ready, probably switched off; `bluetoothctl power on`"
        case BleakDBusError() if error.dbus_error.endswith((".AccessDenied", ".NotAuthorized", ".NotPermitted")):
            return "busy", f"this user may not scan with {adapter}: {_text(error)}"
        case BleakBluetoothNotAvailableError():
            return "gone", f"{adapter} cannot scan: {error.args[0]}"
        case _:
            return "busy", f"BlueZ cannot scan with {adapter} just now: {_text(error)}; trying again"


def _text(error: Exception) -> str:
    return " ".join(str(part) for part in error.args) or type(error).__name__
