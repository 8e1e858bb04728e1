"""`edgehub decode`: read beacon packets, for a person or for a pipe."""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from edgehub.core.advert import COMPANY_SLOTS, SERVICE_SLOTS
from edgehub.core.decode import Frame, decode, decode_advert, malformed, structures, to_dict

EPILOG: Final = """\
examples:
  edgehub decode 0201061aff4c000215b5b182c7eab14988aa99b5c1517008d90001cf64c5
      a whole advert, as btmon or a phone app shows it; blanks and colons between bytes do not matter
  edgehub decode --company 0x004c 0215b9407f30f5f8466eaff925556b57fe6ded4e8931b6
      manufacturer data, without the two bytes of the company id
  edgehub decode --service feaa 20000b1813000000146700002ac4
      service data, without the two bytes of the UUID
  edgehub decode --jsonl < packets.jsonl
      one {"kind": "manufacturer" | "service" | "advert", "company_id": N, "service_uuid": "feaa", "hex": "..."} a line
      gives one JSON object a line, or null for a packet that is not a beacon's

Exit code: 0 read; 1 nothing known in it, or a line of --jsonl was broken; 2 not hexadecimal.
"""


class PacketError(ValueError):
    """A packet is not written as it must be; the message says what is wrong."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.description = "Read beacon packets: iBeacon, Eddystone, Estimote Nearable and Telemetry."
    parser.epilog = EPILOG
    parser.add_argument("hex", nargs="*", metavar="HEX", help="the bytes; a whole advert unless a structure is named")
    named = parser.add_mutually_exclusive_group()
    named.add_argument(
        "--company", type=_company, metavar="ID", help="HEX is manufacturer data of this company (0x004c)"
    )
    named.add_argument("--service", type=_uuid, metavar="UUID", help="HEX is service data of this 16-bit UUID (feaa)")
    named.add_argument(
        "--jsonl",
        nargs="?",
        const="-",
        metavar="FILE",
        help="read packets from a file of JSON lines (- or none: stdin)",
    )


def run(args: argparse.Namespace) -> int:
    """Read what was given; see EPILOG for the exit codes."""
    if args.jsonl is not None:
        return _run_jsonl(args.jsonl)
    if not args.hex:
        print(
            "edgehub decode: give the bytes of a packet, or --jsonl. `edgehub decode --help` has examples.",
            file=sys.stderr,
        )
        return 2
    try:
        data = _bytes("".join(args.hex))
    except PacketError as error:
        print(f"edgehub decode: {error}", file=sys.stderr)
        return 2
    return _show(data, args.company, args.service)


# --- for a pipe


def _run_jsonl(source: str) -> int:
    if source == "-":
        return _answer(sys.stdin.buffer, "stdin")
    try:
        with Path(source).open("rb") as lines:
            return _answer(lines, source)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        print(f"edgehub decode: {source} cannot be read: {error.strerror}", file=sys.stderr)
        return 2


def _answer(lines: Iterable[bytes], source: str) -> int:
    """Answer each line at once, so that a program may write one and wait for the other."""
    broken = 0
    for number, line in enumerate(lines, start=1):
        try:
            frame = _packet(line)
        except PacketError as error:
            broken += 1
            frame = None
            print(f"{source}:{number}: {error}", file=sys.stderr, flush=True)
        print(json.dumps(None if frame is None else to_dict(frame)), flush=True)
    return 1 if broken else 0


def _packet(line: bytes) -> Frame | None:
    """Decode one line of JSON; raises PacketError when it is none of a packet."""
    try:
        packet = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PacketError(f"not a line of JSON: {error}") from None
    match packet:
        case {"kind": "advert", "hex": str(text)}:
            return decode_advert(_bytes(text))
        case {"kind": "manufacturer", "company_id": int(company), "hex": str(text)}:
            return _structure(company, COMPANY_SLOTS, _bytes(text))
        case {"kind": "service", "service_uuid": str(uuid), "hex": str(text)}:
            return _structure(_uuid_of(uuid), SERVICE_SLOTS, _bytes(text))
    raise PacketError(
        'a packet has "kind" ("manufacturer", "service" or "advert"), its "company_id" or "service_uuid", and "hex"'
    )


def _structure(number: int, slots: frozenset[int], payload: bytes) -> Frame | None:
    """Decode a structure. Companies and UUIDs are different number spaces, so the number must be of the right one."""
    return decode(number, payload) if number in slots else None


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text.strip().removeprefix("0x").replace(":", ""))
    except ValueError:
        raise PacketError(f"not hexadecimal, two digits a byte: {text[:60]!r}") from None


def _uuid_of(text: str) -> int:
    """A 16-bit UUID as a number, written short or in full; raises PacketError."""
    short = text.lower().removeprefix("0x").removeprefix("0000").removesuffix("-0000-1000-8000-00805f9b34fb")
    try:
        return int(short, 16)
    except ValueError:
        raise PacketError(f"not a service UUID: {text[:60]!r}") from None


# --- for a person


def _company(text: str) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        number = -1
    if not 0 <= number <= 0xFFFF:
        raise argparse.ArgumentTypeError(f"{text!r} is not the id of a company, like 0x004c")
    return number


def _uuid(text: str) -> int:
    try:
        return _uuid_of(text)
    except PacketError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _show(data: bytes, company: int | None, service: int | None) -> int:
    if company is not None:
        frame, problem = _structure(company, COMPANY_SLOTS, data), _problem(company, COMPANY_SLOTS, data)
    elif service is not None:
        frame, problem = _structure(service, SERVICE_SLOTS, data), _problem(service, SERVICE_SLOTS, data)
    else:
        frame, problem = _read_advert(data)
    print(_text(to_dict(frame)) if frame else problem)
    return 0 if frame else 1


def _read_advert(data: bytes) -> tuple[Frame | None, str]:
    """Read a whole advert; failing that, a structure that somebody copied with its company id or UUID before it."""
    frame = decode_advert(data)
    if frame is not None:
        return frame, ""
    number = int.from_bytes(data[:2], "little")
    frame = decode(number, data[2:])
    if frame is not None:
        return frame, ""
    slot, payload = next(structures(data), (number, data[2:]))
    return None, _problem(slot, COMPANY_SLOTS | SERVICE_SLOTS, payload)


def _problem(number: int, slots: frozenset[int], payload: bytes) -> str:
    kind = malformed(number, payload) if number in slots else None
    if kind is not None:
        return f"This says it is {kind} and cannot be: its length or a reserved value is wrong ({len(payload)} bytes)."
    return "Nothing known in it: no iBeacon, no Eddystone, no Estimote."


def _text(fields: dict[str, Any]) -> str:
    width = max(map(len, fields))
    return "\n".join(f"{name:<{width}}  {_value(value)}" for name, value in fields.items())


def _value(value: Any) -> str:
    match value:
        case None:
            return "-  (not told)"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}"
        case tuple() | list():
            return ", ".join(_value(part) for part in value)
    return str(value)
