"""The one name of a badge: its *badge key*, whichever of its packets was heard and however the staff wrote it.

=====================================  ====================================================================
``1042``                               an iBeacon of the venue's UUID and major: the minor
``7-1042``                             an iBeacon of the venue's UUID, when the scheme names no major
``ibeacon:UUID/MAJOR/MINOR``           any other iBeacon
``eddystone:NAMESPACE/INSTANCE``       an Eddystone UID
``estimote:SHORTID``                   a beacon that sends Telemetry or Connectivity: the first half of its identifier
``nearable:ID``                        a sticker, and also the iBeacon it sends beside its Nearable packet
=====================================  ====================================================================

Hex digits are lower case. EID, URL and TLM frames name nobody.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

from edgehub.core.advert import APPLE, EDDYSTONE, ESTIMOTE_NEARABLE, ESTIMOTE_SERVICE
from edgehub.core.decode import eddystone, estimote, ibeacon, nearable
from edgehub.core.venue import BadgeScheme

STICKER_UUID: Final = bytes.fromhex("d0d3fa86ca7645ec9bd96af4")
"""How the UUID of a sticker's iBeacon starts; its id follows, through major and minor (node-bleacon)."""

IDENTITY: Final[Mapping[int, Callable[[bytes], bytes | None]]] = {
    APPLE: ibeacon.identity,
    EDDYSTONE: eddystone.identity,
    ESTIMOTE_SERVICE: estimote.identity,
    ESTIMOTE_NEARABLE: nearable.identity,
}
"""By slot: cuts out the bytes that say who sends; None when they do not say, or are malformed."""


def name(scheme: BadgeScheme, slot: int, who: bytes) -> str:
    """Name the badge that an identity of this slot stands for."""
    if slot == APPLE:
        return _ibeacon_key(scheme, who)
    if slot == EDDYSTONE:
        return f"eddystone:{who[:10].hex()}/{who[10:].hex()}"
    return f"{'nearable' if slot == ESTIMOTE_NEARABLE else 'estimote'}:{who.hex()}"


def badge_keys(scheme: BadgeScheme, slot: int, payload: bytes) -> tuple[str, ...]:
    """Name the badge that a structure comes from: one key, or none when the structure does not say."""
    cut = IDENTITY.get(slot)
    who = None if cut is None else cut(payload)
    return () if who is None else (name(scheme, slot, who),)


def _ibeacon_key(scheme: BadgeScheme, who: bytes) -> str:
    if who.startswith(STICKER_UUID):
        return f"nearable:{who[12:].hex()}"
    uuid, major, minor = str(UUID(bytes=who[:16])), int.from_bytes(who[16:18], "big"), int.from_bytes(who[18:], "big")
    if scheme.ibeacon_uuid is None or uuid != scheme.ibeacon_uuid.lower():
        return f"ibeacon:{uuid}/{major}/{minor}"
    if scheme.ibeacon_major is None:
        return f"{major}-{minor}"
    return str(minor) if major == scheme.ibeacon_major else f"ibeacon:{uuid}/{major}/{minor}"


# --- what staff write

_NUMBER: Final = r"0*(\d{1,5})"
_WRITTEN: Final = {  # compiled when first tried: most lists hold plain numbers
    "minor": _NUMBER,
    "pair": rf"{_NUMBER}\s*[-/]\s*{_NUMBER}",
    "ibeacon": rf"ibeacon:([0-9a-f]{{8}}(?:-?[0-9a-f]{{4}}){{3}}-?[0-9a-f]{{12}})/{_NUMBER}/{_NUMBER}",
    "eddystone": r"eddystone:([0-9a-f]{20})/?([0-9a-f]{12})",
    "estimote": r"estimote:([0-9a-f]{16})(?:[0-9a-f]{16})?",
    "nearable": r"nearable:([0-9a-f]{16})",
}


def canonical_badge(text: str, scheme: BadgeScheme) -> str | None:
    """Give the badge key for what staff wrote in a list or beside a marker; None when it names no badge of this venue.

    Case, blanks around it and leading zeros do not matter; an Estimote identifier may be given whole.
    """
    written = text.strip().lower()
    for form, pattern in _WRITTEN.items():
        if match := re.fullmatch(pattern, written):
            return _key(form, match.groups(), scheme)
    return None


def _key(form: str, parts: tuple[str, ...], scheme: BadgeScheme) -> str | None:
    match form, parts, scheme:
        case "minor", (minor,), BadgeScheme(str(uuid), int(major)):
            return _checked(scheme, uuid, str(major), minor)
        case "pair", (major, minor), BadgeScheme(str(uuid), _):
            return _checked(scheme, uuid, major, minor)
        case "ibeacon", (uuid, major, minor), _:
            return _checked(scheme, uuid, major, minor)
        case "eddystone", (namespace, instance), _:
            return f"eddystone:{namespace}/{instance}"
        case "estimote" | "nearable", (id_hex, *_), _:
            return f"{form}:{id_hex}"
    return None


def _checked(scheme: BadgeScheme, uuid: str, major: str, minor: str) -> str | None:
    """The key of an iBeacon by its parts; None when a number does not fit into 16 bits."""
    if max(int(major), int(minor)) > 0xFFFF:
        return None
    return _ibeacon_key(scheme, UUID(uuid).bytes + int(major).to_bytes(2, "big") + int(minor).to_bytes(2, "big"))
