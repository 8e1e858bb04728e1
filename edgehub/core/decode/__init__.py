"""Bytes to frames: what a beacon says, in every format edgehub reads.

One file a format, each with three functions over the bytes after the company id or the service UUID: ``decode`` makes
the whole frame, ``identity`` cuts out only who sends (the hot path asks no more), ``claims`` tells a broken frame from
other people's traffic. Nothing here raises, whatever the bytes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from edgehub.core.advert import APPLE, COMPANY_SLOTS, EDDYSTONE, ESTIMOTE_NEARABLE, ESTIMOTE_SERVICE, SERVICE_SLOTS
from edgehub.core.decode import eddystone, estimote, ibeacon, nearable
from edgehub.core.decode.eddystone import EddystoneFrame
from edgehub.core.decode.estimote import EstimoteFrame
from edgehub.core.decode.ibeacon import IBeacon
from edgehub.core.decode.nearable import EstimoteNearable

__all__ = ["Frame", "decode", "decode_advert", "malformed", "structures", "to_dict"]

Frame = IBeacon | EddystoneFrame | EstimoteNearable | EstimoteFrame

MANUFACTURER_DATA: Final = 0xFF
SERVICE_DATA_16: Final = 0x16
SLOTS: Final = {MANUFACTURER_DATA: COMPANY_SLOTS, SERVICE_DATA_16: SERVICE_SLOTS}
"""Which numbers count under which AD type: companies and UUIDs are different number spaces."""

_DECODE: Final[Mapping[int, Callable[[bytes], Frame | None]]] = {
    APPLE: ibeacon.decode,
    ESTIMOTE_NEARABLE: nearable.decode,
    ESTIMOTE_SERVICE: estimote.decode,
    EDDYSTONE: eddystone.decode,
}
_CLAIMS: Final[Mapping[int, tuple[str, Callable[[bytes], bool]]]] = {
    APPLE: ("ibeacon", ibeacon.claims),
    ESTIMOTE_NEARABLE: ("nearable", nearable.claims),
    ESTIMOTE_SERVICE: ("estimote", estimote.claims),
    EDDYSTONE: ("eddystone", eddystone.claims),
}


def decode(slot: int, payload: bytes) -> Frame | None:
    """Decode one structure: the bytes after the company id or UUID that `slot` names; None when they must be ignored."""
    read = _DECODE.get(slot)
    return None if read is None else read(payload)


def decode_advert(advert: bytes) -> Frame | None:
    """Decode a whole advert, structures one after another: the first of a known format is the answer."""
    frames = (decode(slot, payload) for slot, payload in structures(advert))
    return next((frame for frame in frames if frame is not None), None)


def structures(advert: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut a whole advert into (slot, payload) of the structures edgehub reads, in the order of the packet.

    A length of zero ends the advert. A structure that runs over the end is not used; what stands before stays good.
    """
    start, size = 0, len(advert)
    while start < size and (length := advert[start]):
        end = start + 1 + length
        if end > size:
            return
        slots = SLOTS.get(advert[start + 1])
        if slots and length >= 3 and (slot := advert[start + 2] | advert[start + 3] << 8) in slots:
            yield slot, advert[start + 4 : end]
        start = end


def malformed(slot: int, payload: bytes) -> str | None:
    """Name the format these bytes say they are and cannot be; None when they are good, or somebody else's traffic."""
    name, claims = _CLAIMS.get(slot, ("", _nobody))
    return name if claims(payload) and decode(slot, payload) is None else None


def _nobody(_payload: bytes) -> bool:
    return False


def to_dict(frame: Frame) -> dict[str, Any]:
    """Give a frame as plain values, its format first; JSON can carry it."""
    return {"format": frame.format, **asdict(frame)}
