"""``edgehub hue pair`` and ``edgehub hue rooms``: get a key from a Hue bridge, and see what the bridge has."""

import argparse
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from edgehub.gateway.hue.driver import Driver
    from edgehub.gateway.hue.errors import BridgeError
    from edgehub.gateway.hue.keys import KeyFile

BUTTON_S: Final = 30
BLINK_S: Final = 1.0

OK: Final = 0
USAGE: Final = 2
# Each failure its own exit code, for scripts that set up a venue.
UNREACHABLE: Final = 3
NOT_A_BRIDGE: Final = 4
NOT_PRESSED: Final = 5
FULL: Final = 6
KEY_FILE: Final = 7
NOT_PAIRED: Final = 8
TROUBLE: Final = 9

_EXAMPLES = """
examples:
  edgehub hue pair hall                          the bridge called "hall" in /etc/edgehub/edgehub.yaml
  edgehub hue pair hall --host 192.168.1.20      before there is a configuration
  edgehub hue rooms hall                         its rooms, scenes and lamps, as zones.yaml names them

The key is kept in hue-keys.json in the state directory, readable by its owner only.
exit codes: 0 done, 2 usage or configuration, 3 unreachable, 4 not a bridge (or another one), 5 button not pressed,
6 bridge full, 7 key file, 8 not paired, 9 the bridge has trouble
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.description = "Pair with a Philips Hue bridge, and see its rooms."
    parser.epilog = _EXAMPLES
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="pair|rooms")
    pair = verbs.add_parser("pair", help="get a key: press the link button of the bridge within 30 s")
    pair.add_argument("--again", action="store_true", help="pair even if there is a key that works")
    pair.add_argument(
        "--wait", type=float, default=BUTTON_S, metavar="SECONDS", help="for the button; default: %(default)s"
    )
    rooms = verbs.add_parser("rooms", help="list rooms, scenes and lamps")
    for verb in (pair, rooms):
        verb.add_argument("bridge", metavar="BRIDGE", help="nickname of the bridge in edgehub.yaml, like hall")
        verb.add_argument("--host", help="address of the bridge; default: the one in edgehub.yaml")
        verb.add_argument("--config", type=Path, default=Path("/etc/edgehub"), help="default: %(default)s")
        verb.add_argument("--state", type=Path, help="default: $STATE_DIRECTORY, else /var/lib/edgehub")


def run(args: argparse.Namespace) -> int:
    """Pair, or list."""
    from edgehub.config import ConfigError, state_directory
    from edgehub.gateway.hue import BridgeError, KeyFile
    from edgehub.gateway.hue.keys import NAME

    try:
        host = args.host or _configured_host(args.config, args.bridge)
        keys = KeyFile(state_directory(args.state) / NAME)
        return _pair(args, host, keys) if args.verb == "pair" else _list(args.bridge, host, keys)
    except BridgeError as error:
        print(f"edgehub hue: {error}", file=sys.stderr)
        return _code(error)
    except (ConfigError, LookupError) as error:
        print(error.args[0] if isinstance(error, LookupError) else error, file=sys.stderr)
        return USAGE


def _pair(args: argparse.Namespace, host: str, keys: "KeyFile") -> int:
    from edgehub.gateway.hue.driver import Driver

    nickname = args.bridge
    known = keys.keys().get(nickname)  # a file that may not be used is found out before anybody runs to the button
    if known is not None and not args.again and _works(Driver(host, known)):
        print(f'Already paired with bridge "{nickname}" at {host}: nothing to do. (--again makes a new key.)')
        return OK
    driver = Driver(host)
    try:
        _find(driver, host)
        _wait_for_button(driver, args.wait)
        assert driver.key is not None
        keys.put(nickname, driver.key)
        print(f"Paired. The key is in {keys.path}, for its owner only.")
        _blink(driver)
    finally:
        driver.line.close()
    return OK


def _works(driver: "Driver") -> bool:
    """True when the key opens the bridge; anything in doubt is looked into by pairing."""
    from edgehub.gateway.hue import BridgeError

    try:
        driver.house()
    except BridgeError:
        return False
    else:
        return True
    finally:
        driver.line.close()


def _find(driver: "Driver", host: str) -> None:
    bridge_id = driver.bridge_id()
    print(f"Found bridge {bridge_id} at {host}.")
    if driver.line.scheme == "https":
        print("It is spoken to over https; its certificate names this bridge and is remembered.")


def _wait_for_button(driver: "Driver", wait_s: float) -> None:
    """Ask once a second, counting down. Raises ButtonNotPressed at the end, and BridgeError for anything else."""
    from edgehub.gateway.hue import ButtonNotPressed

    print(f"Press the round link button on the bridge now; there are {wait_s:g} s.")
    deadline = time.monotonic() + wait_s
    while True:
        try:
            driver.pair(f"edgehub#{socket.gethostname()[:19]}")
        except ButtonNotPressed:
            left = deadline - time.monotonic()
            if left <= 0:
                print()
                raise ButtonNotPressed(
                    f"the link button was not pressed within {wait_s:g} s: run the command again, then press it"
                ) from None
            print(f"\r{left:3.0f} s left ", end="", flush=True)
            time.sleep(min(1.0, left))
        else:
            print()
            return


def _blink(driver: "Driver") -> None:
    """Switch one lamp over and back once, so that whoever stands there sees which bridge it was."""
    lamps = [lamp for lamp in driver.lamps().values() if lamp.reachable]
    if not lamps:
        print("The bridge has no lamp that can be reached, so none blinks.")
        return
    lamp = lamps[0]
    print(f'The lamp "{lamp.name}" blinks once.')
    driver.show(lamp.id, {"on": not lamp.seen.on})
    time.sleep(BLINK_S)
    driver.show(lamp.id, lamp.seen.command())


def _list(nickname: str, host: str, keys: "KeyFile") -> int:
    from edgehub.gateway.hue.driver import Driver

    driver = Driver(host, keys.key(nickname))
    try:
        house = driver.house()
    finally:
        driver.line.close()
    for room in house.rooms:
        lamps = [house.lamps[lamp] for lamp in room.lamps if lamp in house.lamps]
        print(room.name)
        print(f"  scenes: {', '.join(scene.name for scene in house.scenes_of(room)) or 'none'}")
        for lamp in lamps:
            kind = "colour" if lamp.gamut else "white only"
            print(f"  lamp:   {lamp.name} ({kind}{'' if lamp.reachable else ', cannot be reached: is it powered?'})")
    return OK


def _configured_host(directory: Path, nickname: str) -> str:
    """The host of a bridge in edgehub.yaml."""
    from edgehub.config import load_installation
    from edgehub.gateway.hue import BridgeGone
    from edgehub.gateway.hue.house import suggestion

    bridges = load_installation(directory).hue
    if nickname not in bridges:
        raise LookupError(
            f'there is no Hue bridge called "{nickname}" in edgehub.yaml. {suggestion(nickname, bridges)}'
        )
    host = bridges[nickname].host
    if host == "auto":
        raise BridgeGone("looking for bridges is not in this version: give its address, --host 192.168.1.20")
    return host


def _code(error: "BridgeError") -> int:
    from edgehub.gateway import hue

    codes = [
        (hue.NotABridge, NOT_A_BRIDGE),
        (hue.WrongBridge, NOT_A_BRIDGE),
        (hue.BridgeGone, UNREACHABLE),
        (hue.ButtonNotPressed, NOT_PRESSED),
        (hue.BridgeFull, FULL),
        (hue.KeyFileError, KEY_FILE),
        (hue.NotPaired, NOT_PAIRED),
    ]
    return next((code for kind, code in codes if isinstance(error, kind)), TROUBLE)
