r"""The simulated air: how a simulated radio speaks to a gateway over a stream socket.

The gateway connects and sends one line of JSON, ``{"receiver": NAME}``. The radio answers with one line that starts
the gateway's decision clock, then sends one record per packet heard::

    {"edgehub_radio": 1, "t": DECISION_S, "speed": S, "wall_us": WALL, "receiver": NAME}\n
    f64 t | i8 rssi | u8 flags = 0 | 6 bytes address | u8 length | length bytes: the advertising payload       (repeated)

All numbers are little-endian; the address stands in the order in which people write it. A record carries the whole
advertising payload, so what a real radio would have to parse is parsed here too.
"""

import json
import math
from struct import Struct
from typing import Any, Final, TypeVar

from edgehub.core.advert import COMPANY_SLOTS, Advertisement
from edgehub.core.data import dataclass
from edgehub.core.decode import MANUFACTURER_DATA, SERVICE_DATA_16, structures

VERSION: Final = 1
MAX_LINE_BYTES: Final = 4096
"""A longer opening line is not ours."""

Payloads = tuple[tuple[int, bytes], ...]
Kept = TypeVar("Kept")

_HEADER: Final = Struct("<dbB6sB")
_new: Final = tuple.__new__  # a named tuple's own goes through Python
# A cache smaller than the crowd costs more than none (speed.md), so these hold some 2,000 badges with four frames
# each. Phones rotate their addresses, so a full cache is dropped whole rather than kept for ever.
_MAX_CACHED: Final = 8192


class AirwaveError(ValueError):
    """What came is not the protocol of this module; the connection is of no more use."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The radio's opening line: where its clocks stand at the moment of sending."""

    t: float
    """Decision time in s."""
    speed: float
    """Decision seconds per real second."""
    wall_us: int
    """Wall time of the simulated world in µs since 1970."""
    receiver: str


def pack_request(receiver: str) -> bytes:
    """Return the gateway's opening line."""
    return _line({"receiver": receiver})


def parse_request(line: bytes) -> str:
    """Return the receiver a gateway speaks for; raises AirwaveError when the line is anything else."""
    match _object(line):
        case {"receiver": str(receiver)} if receiver:
            return receiver
        case other:
            raise AirwaveError(f"a gateway opens with its receiver's name, not with {_short(other)}")


def pack_hello(hello: Hello) -> bytes:
    """Return the radio's opening line."""
    return _line(
        {
            "edgehub_radio": VERSION,
            "t": hello.t,
            "speed": hello.speed,
            "wall_us": hello.wall_us,
            "receiver": hello.receiver,
        }
    )


def parse_hello(line: bytes) -> Hello:
    """Return the radio's opening line as a Hello; raises AirwaveError when it is none of this version."""
    match _object(line):
        case {"edgehub_radio": int(version)} if version != VERSION:
            raise AirwaveError(f"the simulated radio speaks version {version}, this edgehub speaks {VERSION}")
        case {
            "edgehub_radio": int(),
            "t": int() | float() as t,
            "speed": int() | float() as speed,
            "wall_us": int(wall_us),
            "receiver": str(receiver),
        } if math.isfinite(t) and math.isfinite(speed) and speed > 0:
            return Hello(float(t), float(speed), wall_us, receiver)
        case other:
            raise AirwaveError(f"this is no simulated radio of edgehub; it opened with {_short(other)}")


def pack_record(at: float, rssi_dbm: int, address: bytes, advertising: bytes) -> bytes:
    """Return one record; ``at`` in decision s, ``address`` 6 bytes as written, at most 255 bytes of ``advertising``."""
    return _HEADER.pack(at, rssi_dbm, 0, address, len(advertising)) + advertising


def advertising_data(payloads: tuple[tuple[int, bytes], ...], flags: int = 0x06) -> bytes:
    """Return the advertising payload a beacon would send for ``(slot, bytes)`` structures: the inverse of `payloads`."""
    parts = [bytes((2, 0x01, flags))]
    for slot, payload in payloads:
        kind = MANUFACTURER_DATA if slot in COMPANY_SLOTS else SERVICE_DATA_16
        parts.append(bytes((len(payload) + 3, kind)) + slot.to_bytes(2, "little") + payload)
    return b"".join(parts)


def payloads(advertising: bytes) -> Payloads:
    """Return the structures edgehub reads as ``(slot, bytes)`` in the order of the packet."""
    return tuple(structures(advertising))


class Decoder:
    """Turns chunks of the stream, cut anywhere, into advertisements; packets with nothing to read are only counted."""

    def __init__(self, receiver: str) -> None:
        self.heard = 0
        """Records read, with or without something for us."""
        self._receiver = receiver
        self._rest = b""
        self._last: dict[bytes, tuple[str, bytes, Payloads]] = {}
        """Address → its name, and its last packet."""
        self._payloads: dict[bytes, Payloads] = {}

    def feed(self, chunk: bytes) -> list[Advertisement]:
        """Return the advertisements completed by ``chunk``; raises AirwaveError when the stream is not ours."""
        # One loop without calls: 20,000 records a second pass here.
        buffer = self._rest + chunk if self._rest else chunk
        receiver, last = self._receiver, self._last
        unpack, header_size = _HEADER.unpack_from, _HEADER.size
        out: list[Advertisement] = []
        start, end, heard = 0, len(buffer) - header_size, 0
        while start <= end:
            at, rssi_dbm, flags, raw, length = unpack(buffer, start)
            body = start + header_size
            if flags or at - at != 0.0:  # the difference is NaN for NaN and infinity
                raise AirwaveError(
                    "the stream of the simulated radio is broken: a record with unknown flags or no time"
                )
            if body + length > len(buffer):
                break
            start = body + length
            heard += 1
            advertising = buffer[body:start]
            sender = last.get(raw)
            if sender is None or sender[1] != advertising:
                sender = self._look(raw, advertising)
            if found := sender[2]:
                out.append(_new(Advertisement, (receiver, sender[0], rssi_dbm, at, found)))
        self._rest = buffer[start:]
        self.heard += heard
        return out

    def _look(self, raw: bytes, advertising: bytes) -> tuple[str, bytes, Payloads]:
        """Remember another packet of an address, which may have sent it before."""
        if (found := self._payloads.get(advertising)) is None:
            found = _keep(self._payloads, advertising, payloads(advertising))
        before = self._last.get(raw)
        return _keep(self._last, raw, (before[0] if before else raw.hex(":").upper(), advertising, found))


def _keep(cache: dict[bytes, Kept], key: bytes, value: Kept) -> Kept:
    if len(cache) >= _MAX_CACHED:
        cache.clear()
    cache[key] = value
    return value


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _object(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise AirwaveError(f"this is no simulated radio of edgehub; it opened with {_short(line)}") from None


def _short(what: object) -> str:
    text = repr(what)
    return text if len(text) <= 80 else text[:77] + "..."
