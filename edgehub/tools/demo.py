"""``edgehub demo``: a whole simulated venue on this machine, with a page. No hardware, no root."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgehub.sim.judge import Summary
    from edgehub.sim.stage import Settings

EPILOG = """\
What is simulated: guests who walk, their badges' packets and the air between badges and receivers, the Hue bridge.
What is real: seven gateways and a hub, each a process, the broker between them, the page, and phue at the bridge.

--speed S makes the venue's time run S times as fast. Lamps, broker and hub keep real time, and so do the latencies
that are printed. --minutes counts minutes of the venue: --minutes 30 --speed 10 takes three minutes.

--headless ends with one line of JSON on standard output:
  guests, visits          people invited; stays that reached the hub
  zone_accuracy           share of all guest seconds that the hub has in the right zone (or in none), by the truth
  lights_shown            how often a lamp took a guest's colour
  walking_in_to_light_median_s   from a guest's step through the door to their colour in the lamps, real time
  advert_to_request_ms    from the deciding advert to the request to the bridge, p50 and p99 of the slowest gateway
  events                  accepted: committed by gateways; acknowledged: by the hub; lost and doubled: must be 0
exit codes: 0 nothing was lost, 1 something was lost or could not run, 2 usage, 130 ended before the doors opened

examples:
  edgehub demo                                     40 guests; the page at http://localhost:8080/
  edgehub demo --people 400 --speed 2
  edgehub demo --headless --minutes 10 --speed 10  a check of a minute
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.description = "A whole venue on this machine: simulated guests, real gateways, a real hub, and a page."
    parser.epilog = EPILOG
    parser.add_argument("--people", type=_count, default=40, metavar="N", help="guests (default: %(default)s)")
    parser.add_argument("--speed", type=_speed, default=1.0, metavar="S", help="how fast the venue's time runs")
    parser.add_argument("--seed", type=int, default=7, help="another number, another day (default: %(default)s)")
    parser.add_argument("--minutes", type=_minutes, metavar="M", help="end after so many minutes of the venue")
    parser.add_argument("--headless", action="store_true", help="no page needed; one line of JSON at the end")
    parser.add_argument("--broker", type=_address, metavar="HOST:PORT", help="an MQTT 5 broker to use, without TLS")
    parser.add_argument(
        "--port", type=_page_port, metavar="PORT", help="of the page (default: 8080, or the next free one)"
    )
    parser.add_argument("--state", type=Path, metavar="DIR", help="keep all files here (default: none are kept)")


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 when nothing was lost."""
    if args.headless and args.minutes is None:
        print("edgehub demo: --headless needs --minutes", file=sys.stderr)
        return 2
    if args.port and not _free(args.port):
        print(f"edgehub demo: port {args.port} is in use; leave out --port, or name another", file=sys.stderr)
        return 2
    if args.state is not None:
        return _run(args, args.state) if _usable(args.state) else 2
    import tempfile

    with tempfile.TemporaryDirectory(prefix="edgehub-demo-", ignore_cleanup_errors=True) as directory:
        return _run(args, Path(directory))


def _run(args: argparse.Namespace, directory: Path) -> int:
    """Have the demo in this directory, whose logs are kept when it fails."""
    from edgehub.sim.processes import DemoError
    from edgehub.sim.stage import Settings

    settings = Settings(
        directory=directory.absolute(),
        people=args.people,
        speed=args.speed,
        seed=args.seed,
        minutes=args.minutes,
        broker=args.broker,
        port=_port(args),
    )
    try:
        summary = _interruptible(settings)
    except DemoError as error:
        print(f"edgehub demo: {error}", file=sys.stderr)
        return 1
    if summary is None:
        return 130
    print(summary.to_json() if args.headless else summary.in_words())
    return 0 if summary.nothing_lost else 1


def _interruptible(settings: "Settings") -> "Summary | None":
    """Run until it is over; Ctrl-C, a closed terminal and `kill` end it in order. None: before the doors opened."""
    import asyncio
    import signal

    from edgehub.sim.demo import Ending
    from edgehub.sim.demo import run as run_demo

    began = time.monotonic()

    def say(words: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {words}", file=sys.stderr, flush=True)

    async def main() -> "Summary":
        ending = Ending()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, ending.ask)
        return await run_demo(settings, say, ending)

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        return None


def _port(args: argparse.Namespace) -> int:
    """Of the page: as asked for, else 8080 or the next free one; with 0, or when nobody looks, any."""
    from edgehub.sim.broker import free_port

    if args.port:
        return int(args.port)
    return free_port() if args.headless or args.port == 0 else _next_free(8080)


def _next_free(port: int) -> int:
    """This port, or the next one nobody listens on."""
    return next(filter(_free, range(port, port + 100)), port)


def _free(port: int) -> bool:
    """True when we may listen there."""
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _usable(directory: Path) -> bool:
    """True when files can be made there; else it is said why not."""
    import tempfile

    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return True
    except OSError as error:
        print(f"edgehub demo: --state {directory} cannot be used ({error.strerror})", file=sys.stderr)
        return False


def _count(text: str) -> int:
    return int(_number(text, int, 1, 5000, "a whole number from 1 to 5000"))


def _page_port(text: str) -> int:
    return int(_number(text, int, 0, 65535, "a port, from 0 to 65535 (0: any that is free)"))


def _speed(text: str) -> float:
    return _number(text, float, 0.1, 100, "a number from 0.1 to 100")


def _minutes(text: str) -> float:
    return _number(text, float, 0.001, 10_000, "a number of minutes, more than 0")


def _number(text: str, kind: type[float], least: float, most: float, wanted: str) -> float:
    """Read a number of an option; argparse says what is wanted instead of anything else."""
    try:
        number = kind(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
    return number


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError("write it like 127.0.0.1:1883")
    return host, int(port)
