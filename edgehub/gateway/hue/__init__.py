"""Philips Hue: one bridge each behind ``LightBackend``, with phue fenced off in a thread of its own.

errors   what can go wrong with a bridge, each saying what to do next
keys     hue-keys.json: the only place the key of a bridge is kept
http     one request at a time, over within 3 s whatever the other end does
driver   phue, bent to raise, to hurry and to keep secrets; the only module that imports it
house    rooms, lamps and scenes as a bridge tells them
worker   the thread: connects, shows wishes, looks at the lamps now and then
bridge   HueBridge, what the rest of the gateway sees
"""

from edgehub.gateway.hue.bridge import HueBridge, HueMetrics
from edgehub.gateway.hue.errors import (
    BadName,
    BridgeBusy,
    BridgeError,
    BridgeFull,
    BridgeGone,
    ButtonNotPressed,
    KeyFileError,
    NotABridge,
    NotPaired,
    WrongBridge,
)
from edgehub.gateway.hue.keys import Key, KeyFile

__all__ = [
    "BadName",
    "BridgeBusy",
    "BridgeError",
    "BridgeFull",
    "BridgeGone",
    "ButtonNotPressed",
    "HueBridge",
    "HueMetrics",
    "Key",
    "KeyFile",
    "KeyFileError",
    "NotABridge",
    "NotPaired",
    "WrongBridge",
]
