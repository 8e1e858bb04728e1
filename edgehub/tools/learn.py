"""`edgehub learn badge`: which badge is being held to this Pi, and the line that gives it to a guest."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edgehub.core.learn import BASELINE_S, NEEDED_S, Candidate, Learner, Verdict

if TYPE_CHECKING:
    from edgehub.config import Config
    from edgehub.core.advert import Advertisement
    from edgehub.gateway.radio import Clock, RadioState

DESCRIPTION = """\
Names an unknown badge. Keep it two steps away from this Pi for ten seconds, then hold it to the Pi: of all
badges in the room, it is the one whose signal rose. Prints its badge key and the line for registration.csv."""

EPILOG = """\
examples:
  edgehub learn badge                           with the radio of this machine's /etc/edgehub
  edgehub learn badge --config config           another folder
  edgehub learn badge --seconds 25              more time to hold it

It may run beside the daemon: BlueZ lets both listen. Nothing is stored and no file is changed.

exit codes: 0 one badge named, 1 none or several rose, 2 the configuration has mistakes, 3 no radio"""

NAMED: Final = 0
UNCLEAR: Final = 1
MISTAKES: Final = 2
NO_RADIO: Final = 3
PATIENCE_S: Final = 3.0
"""For a receiver to begin to listen."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    commands = parser.add_subparsers(dest="command", required=True, metavar="badge")
    badge = commands.add_parser(
        "badge",
        help="the badge held to this Pi",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    badge.add_argument("--config", type=Path, default=Path("/etc/edgehub"), metavar="DIR", help="default: %(default)s")
    badge.add_argument(
        "--seconds", type=float, default=15.0, help=f"to listen, at least {NEEDED_S:g}; default: %(default)g"
    )


def run(args: argparse.Namespace) -> int:
    """Listen, judge, print."""
    import structlog

    from edgehub.config import ConfigError, load

    try:
        config = load(args.config)
    except ConfigError as error:
        print("\n\n".join(map(str, error.problems)), file=sys.stderr)
        return MISTAKES
    # What the radio logs, this command says in sentences.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        return asyncio.run(_learn(config, max(args.seconds, NEEDED_S)))
    except KeyboardInterrupt:
        print("\nStopped; nothing was learned.")
        return UNCLEAR


async def _learn(config: "Config", seconds: float) -> int:
    from edgehub.gateway.radio import Patience, Radio

    installation = config.installation
    session = _Session(config)
    radio = Radio(
        installation.bluetooth, installation.gateway, session.hear, session.note, patience=Patience(hello_s=1.0)
    )
    async with radio:
        if trouble := await session.trouble(PATIENCE_S):
            print(f"No radio: {trouble}.", file=sys.stderr)
            return NO_RADIO
        verdict = await session.listen(radio.clock, seconds)
    print("\n".join(sentences(verdict, session.owner)))
    return NAMED if verdict.badge else UNCLEAR


class _Session:
    """One badge to be learned: takes what the radio hears, guides whoever holds the badge."""

    def __init__(self, config: "Config") -> None:
        self._scheme = config.venue.badges
        self._markers = {marker.badge: marker.id for marker in config.venue.markers.values()}
        self._lines = {guest.badge: guest.line for guest in config.registration or ()}
        self._learner: Learner | None = None
        self._states: dict[str, RadioState] = {}
        self._listening = asyncio.Event()

    def hear(self, batch: "Sequence[Advertisement]") -> None:
        """Take a batch from the radio."""
        from edgehub.core.badge import badge_keys

        if self._learner is None:
            return
        for receiver, address, rssi_dbm, at, payloads in batch:
            keys = {key for slot, payload in payloads for key in badge_keys(self._scheme, slot, payload)}
            if keys:
                self._learner.hear(receiver, address, keys, rssi_dbm, at)

    def note(self, state: "RadioState") -> None:
        """Take a receiver's state from the radio."""
        self._states[state.receiver] = state
        if state.listening:
            self._listening.set()

    async def trouble(self, within_s: float) -> str | None:
        """Return why no receiver listens, or None as soon as one does."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._listening.wait(), within_s)
            return None
        return "; ".join(state.why for state in self._states.values()) or "it says nothing"

    async def listen(self, clock: "Clock", seconds: float) -> Verdict:
        """Guide through the seconds, which are those of the radio's clock, and judge at their end."""
        start = clock.now()
        self._learner = learner = Learner(start)
        print(f"Listening. Keep the badge two steps away from this Pi for {BASELINE_S:g} seconds ...", flush=True)
        await _until(clock, start + BASELINE_S)
        print("Now hold it to the Pi, and keep it there ...", flush=True)
        await _until(clock, start + seconds)
        return learner.verdict(clock.now())

    def owner(self, badge: Candidate) -> str | None:
        """Return whose the badge is already, without telling a name."""
        for key in badge.keys:
            if marker := self._markers.get(key):
                return f"the marker {marker!r} of zones.yaml"
            if line := self._lines.get(key):
                return f"in registration.csv already, line {line}"
        return None


async def _until(clock: "Clock", decision: float) -> None:
    await asyncio.sleep(max(0.0, clock.at(decision) - asyncio.get_running_loop().time()))


def sentences(verdict: Verdict, owner: Callable[[Candidate], str | None]) -> Iterable[str]:
    """Say a verdict in words, and what to do next."""
    match verdict:
        case Verdict(badge=Candidate() as badge):
            yield f"Badge {badge.keys[0]} (rose by {badge.rise_db:.0f} dB to {badge.level_dbm:.0f} dBm)."
            yield from _named(badge, owner(badge))
        case Verdict(rivals=(_, *_) as rivals):
            yield f"{len(rivals)} badges came near together, so none is named:"
            yield from (f"  {rival.keys[0]}  {rival.level_dbm:.0f} dBm" for rival in rivals[:5])
            yield "Step back with all of them, and try again with one."
        case _:
            yield f"No badge came near ({verdict.heard} heard). Is it switched on, and was it two steps away before?"
            yield "Badges in Secure UUID, Secure Monitoring or EID mode hide who they are: switch that off."


def _named(badge: Candidate, owner: str | None) -> Iterable[str]:
    if len(badge.keys) > 1:
        yield f"It also calls itself {', '.join(badge.keys[1:])}."
    if owner:
        yield f"It is {owner}."
        return
    yield "Whose? This line in registration.csv makes it a guest's; fill in first_name,colour,bands,consent:"
    yield f"{badge.keys[0]},,,,"
