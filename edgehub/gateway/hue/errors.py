"""What can go wrong with a bridge. Every message says what to do next; none ever holds a key."""

from collections.abc import Mapping
from typing import Any


class BridgeError(Exception):
    """Something is wrong with a Hue bridge."""


class NotPaired(BridgeError):  # noqa: N818 - the contract of the adapter names it so, as all that follow
    """The bridge does not know our key, or we have none."""


class ButtonNotPressed(BridgeError):  # noqa: N818
    """Pairing needs the link button, and nobody pressed it within the last 30 s."""


class BridgeBusy(BridgeError):  # noqa: N818
    """The bridge answered that it cannot do it now."""


class BridgeFull(BridgeBusy):
    """The bridge keeps no more users, groups or scenes."""


class BridgeGone(BridgeError):  # noqa: N818
    """The bridge cannot be reached, or did not answer in time."""


class NotABridge(BridgeGone):
    """Something answered, but not as a Hue bridge does."""


class WrongBridge(BridgeGone):
    """A bridge answered, but not the one we paired with."""


class BadName(BridgeError):  # noqa: N818
    """The bridge has no such lamp, room or scene, or cannot do that with it."""


class KeyFileError(BridgeError):
    """The file with the keys cannot be used as it is."""


def from_reply(error: Mapping[str, Any]) -> BridgeError:
    """The exception for one ``{"error": {"type", "address", "description"}}`` of a bridge's reply."""
    code, words = error.get("type"), str(error.get("description", "no reason given"))[:120]
    match code:
        case 1:
            return NotPaired("the bridge does not know this key: run `edgehub hue pair` again")
        case 101:
            return ButtonNotPressed("the link button was not pressed: press it and try again within 30 s")
        case 3 | 4 | 5 | 6 | 7 | 8:
            return BadName(f"the bridge refused a name or value ({words}): compare with `edgehub hue rooms`")
        case 201:
            return BridgeBusy(f"the lamp is switched off ({words}): it is tried again")
        case 301 | 302 | 402:
            return BridgeFull(f"the bridge is full ({words}): remove unused apps or scenes in the Hue app")
        case _:
            return BridgeBusy(f"the bridge has trouble (error {code}, {words}): it is tried again")


def from_status(status: int) -> BridgeError:
    """The exception for an HTTP status that is not 200."""
    if status in {401, 403}:
        return NotPaired("the bridge does not accept this key: run `edgehub hue pair` again")
    if status == 429 or status >= 500:
        return BridgeBusy(f"the bridge is overloaded (HTTP {status}): it is tried again")
    return NotABridge(f"what answers there is no Hue bridge (HTTP {status}): check the host in edgehub.yaml")
