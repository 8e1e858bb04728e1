"""An advertisement: what a radio callback is reduced to before anything is decided."""

from typing import Final, NamedTuple

# The four structures edgehub reads; everything else on the air is dropped before any parsing.
# Company identifiers and 16-bit service UUIDs are different number spaces, but these four do not collide,
# so one number, the *slot*, names the structure.
APPLE: Final = 0x004C
ESTIMOTE_NEARABLE: Final = 0x015D
ESTIMOTE_SERVICE: Final = 0xFE9A
EDDYSTONE: Final = 0xFEAA

COMPANY_SLOTS: Final = frozenset({APPLE, ESTIMOTE_NEARABLE})
SERVICE_SLOTS: Final = frozenset({ESTIMOTE_SERVICE, EDDYSTONE})


class Advertisement(NamedTuple):
    """One reception of one packet by one receiver.

    ``payloads`` holds the structures of interest as ``(slot, bytes)``, the bytes after the company id or the UUID, in
    the order of the packet. BlueZ merges the structures of a device over time, so one callback may carry an old one:
    an Advertisement counts as one sighting whatever it carries.
    """

    receiver: str
    address: str
    """Of the sender, for finding the last frame again; never stored and never sent."""
    rssi_dbm: int
    at: float
    """Decision time in s."""
    payloads: tuple[tuple[int, bytes], ...]
