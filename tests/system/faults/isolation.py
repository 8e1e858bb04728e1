"""S1: who can speak for, listen to or push away another, at the broker as shipped and with certificates of `edgehub pki`."""

import itertools
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgehub.config import MqttSettings
from edgehub.tools.authority import AuthorityError
from tests.fakes.intruder import Intruder
from tests.fakes.venue import SITE, Venue
from tests.system.faults.verdict import Finding

ROOT = f"edgehub/v1/{SITE}"
DOWN = ("down/ack", "down/profiles", "down/command", "down/config")
UP = ("status", "up/events/0", "up/ask", "up/anchor", "peers/levels")
ODD_NAMES = ("+", "#", "pi/0", "pi-0/up", "$SYS", "pi-+", "a#")
"""What no certificate may be called; signed here by hand, as another authority might."""


@dataclass
class Tally:
    """What was tried, and what should not have worked and did."""

    tried: int = 0
    worked: list[str] = field(default_factory=list)

    def add(self, what: str, worked: bool) -> None:
        """Count one try."""
        self.tried += 1
        if worked:
            self.worked.append(what)

    def finding(self, name: str) -> Finding:
        """As a row."""
        shown = f", like {self.worked[0]}" if self.worked else ""
        value = f"{len(self.worked)} of {self.tried} tries worked{shown}"
        return Finding("S1", name, self.tried, value, "0", ok=not self.worked and self.tried > 0)


def isolation(at: Path, gateways: int) -> list[Finding]:
    """The whole matrix, over MQTT 5 and 3.1.1, and its negative control: the same broker without its access list."""
    names = [f"pi-{number}" for number in range(gateways)]
    venue = Venue(at, *names, "lost")
    venue.authority.revoke("lost")
    with venue:
        speaking, listening, taking = matrix(venue, names)
        findings = [
            speaking.finding("foreign publishes and wills"),
            listening.finding("foreign messages heard"),
            taking.finding("takeovers by client id"),
            odd_names(venue).finding("names with + # / $"),
            strangers(venue).finding("strangers: anonymous, revoked, of another authority, without TLS"),
            old_protocol(venue),
        ]
    return [*findings, without_access_list(at / "control", names[:2])]


def matrix(venue: Venue, names: Sequence[str]) -> tuple[Tally, Tally, Tally]:
    """Each gateway, under each client id, at everybody else's topics."""
    speaking, listening, taking = Tally(), Tally(), Tally()
    with ExitStack() as stack:
        hub = stack.enter_context(Intruder(venue.settings("hub"), "hub"))
        hub.listen([f"{ROOT}/#"])
        for name, protocol in itertools.product(names, ("5", "3.1.1")):
            settings = venue.settings(name)
            claims = client_ids(name, names)
            for claimed in claims if protocol == "5" else claims[:2]:  # what it may not, it may not by either
                with Intruder(settings, claimed, protocol=protocol) as one:
                    speak(one, hub, name, foreign(name, names), speaking, who=f"{name} as {claimed} by {protocol}")
                    eavesdrop(one, hub, name, foreign(name, names), listening)
            will(settings, hub, foreign(name, names)[0], protocol, speaking)
        take_over(venue, names, taking)
    return speaking, listening, taking


def client_ids(name: str, names: Sequence[str]) -> list[str]:
    """What a client may claim to be."""
    other = next(one for one in names if one != name)
    return [name, other, "hub", "", "+", "#", f"{other}/up", "$SYS"]


def foreign(name: str, names: Sequence[str]) -> list[str]:
    """Topics that are not a gateway's to speak to; what others say upwards and hear from above is not its to hear."""
    others = [one for one in names if one != name]
    theirs = [f"{ROOT}/{other}/{rest}" for other in others for rest in (*UP, *DOWN)]
    mine = [f"{ROOT}/{name}/{rest}" for rest in DOWN]
    return [*theirs, *mine, f"{ROOT}/hub/status", f"{ROOT}/audiences/fans", f"edgehub/v1/elsewhere/{name}/status",
            f"$SYS/broker/{name}", f"anything/{name}"]  # fmt: skip


def may_hear(name: str, topic: str) -> bool:
    """What the access list lets a gateway hear."""
    rest = topic.removeprefix(f"{ROOT}/")
    return rest.endswith(("/peers/levels", "/status")) or rest.startswith((f"{name}/down/", "zones/"))


def speak(one: Intruder, hub: Intruder, name: str, topics: Sequence[str], tally: Tally, *, who: str) -> None:
    """Publish to all of them; the hub hears which went through. Its own topic, last, must."""
    token = who.encode()
    one.say(list(topics), token)
    one.say([f"{ROOT}/{name}/status"], b"last " + token)
    assert hub.wait(lambda: (f"{ROOT}/{name}/status", b"last " + token) in hub.heard), f"{who} could not say its own"
    passed = {topic for topic, payload in hub.heard if payload == token}
    for topic in topics:
        tally.add(f"{who} to {topic}", topic in passed)


def eavesdrop(one: Intruder, hub: Intruder, name: str, topics: Sequence[str], tally: Tally) -> None:
    """Ask for everything in every way; then the hub speaks to all of them. What is its own, last, must arrive."""
    wide = ["#", "+/#", f"{ROOT}/#", f"{ROOT}/+/down/#", f"{ROOT}/+/up/#", "$SYS/#", f"$share/all/{ROOT}/#"]
    one.listen([*wide, *topics, f"{ROOT}/{name}/down/#"])
    mine = f"{ROOT}/{name}/down/stamp"
    hub.say([*(topic for topic in topics if topic.startswith(ROOT)), mine], b"secret")
    assert one.wait(lambda: mine in {topic for topic, _ in one.heard}), f"{name} could not hear its own"
    heard = {topic for topic, _ in one.heard if not may_hear(name, topic)}
    for topic in topics:
        tally.add(f"{name} hears {topic}", topic in heard)
    for topic in heard.difference(topics):
        tally.add(f"{name} hears {topic}", worked=True)


def will(settings: MqttSettings, hub: Intruder, topic: str, protocol: str, tally: Tally) -> None:
    """A will in another's name, by a client that then vanishes; a barrier after it shows that it is not just late."""
    with Intruder(settings, "anyone", protocol=protocol, will=(topic, b"will")) as one:
        one.vanish()
        one.wait(lambda: not one.connected)
    hub.say([f"{ROOT}/zones/barrier"], b"x")
    tally.add(f"will to {topic}", hub.wait(lambda: (topic, b"will") in hub.heard, 0.3))


def take_over(venue: Venue, names: Sequence[str], tally: Tally) -> None:
    """Everybody is connected; each then claims to be each of the others. Nobody but oneself is pushed away."""
    with ExitStack() as stack:
        steady = {name: stack.enter_context(Intruder(venue.settings(name), name)) for name in ("hub", *names)}
        for name, other in itertools.permutations(names, 2):
            before = {one: client.losses for one, client in steady.items()}
            for claimed in (other, "hub"):
                with Intruder(venue.settings(name), claimed):
                    pass
            pushed = {one for one, client in steady.items() if client.losses > before[one]} - {name}
            tally.add(f"{name} pushes {', '.join(pushed)} away", bool(pushed))
            stack.enter_context(again := Intruder(venue.settings(name), name))
            steady[name] = again


def odd_names(venue: Venue) -> Tally:
    """`edgehub pki` signs none of them; and where another authority did, they open nothing."""
    tally = Tally()
    with Intruder(venue.settings("hub"), "hub") as hub:
        hub.listen([f"{ROOT}/#"])
        for number, name in enumerate(ODD_NAMES):
            tally.add(f"pki issues {name}", issues(venue, name))
            with Intruder(signed_by_hand(venue, name, number), "anyone") as one:
                if not one.connected:
                    continue
                for topic, token in ((f"{ROOT}/pi-0/{rest}", f"{name} {rest}".encode()) for rest in UP):
                    one.say([topic], token)
                    tally.add(f"{name} to {topic}", hub.wait(lambda: (topic, token) in hub.heard, 0.05))  # noqa: B023
                one.listen(["#", f"{ROOT}/#", f"{ROOT}/pi-0/down/#"])
                hub.say([f"{ROOT}/pi-0/{rest}" for rest in DOWN], b"secret")
                one.wait(lambda: bool(one.heard), 0.1)
                tally.add(
                    f"{name} hears {one.heard[:1]}",
                    any(topic.startswith(f"{ROOT}/pi-0/down") for topic, _ in one.heard),
                )
    return tally


def issues(venue: Venue, name: str) -> bool:
    """Whether our command makes a certificate for this name."""
    try:
        venue.authority.issue(name)
    except AuthorityError:
        return False
    return True


def signed_by_hand(venue: Venue, name: str, number: int) -> MqttSettings:
    """A certificate our command would not make, of the venue's own authority."""
    authority, ca = venue.authority, venue.authority.folder / "ca"
    key, certificate = ca / f"odd-{number}.key", ca / f"odd-{number}.crt"
    escaped = name.replace("/", "\\/").replace("+", "\\+")
    authority._sign(authority._request(escaped, key), certificate, 1, "-extensions", "machine")
    return replace(venue.settings("hub"), cert=str(certificate), key=str(key))


def strangers(venue: Venue) -> Tally:
    """None of these gets a connection, over either version of MQTT."""
    tally = Tally()
    for (who, settings), protocol in itertools.product(stranger_settings(venue), ("5", "3.1.1")):
        with Intruder(settings, "pi-0", protocol=protocol) as one:
            tally.add(f"{who} by {protocol}", one.connected)
    return tally


def stranger_settings(venue: Venue) -> Iterator[tuple[str, MqttSettings]]:
    """How each of them would come in."""
    settings = venue.settings("pi-0")
    [lost] = (venue.folder / "pki/revoked").glob("lost-*")
    yield "anonymous", replace(settings, cert=None, key=None)
    yield "revoked", replace(settings, cert=str(lost / "lost.crt"), key=str(lost / "lost.key"))
    yield (
        "the broker's own",
        replace(settings, cert=str(venue.certs / "server.crt"), key=str(venue.certs / "server.key")),
    )
    yield "without TLS", MqttSettings("localhost", venue.port)
    forged = venue.folder / "forged"
    forged.mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=pi-0",
         "-keyout", forged / "pi-0.key", "-out", forged / "pi-0.crt"], check=True, capture_output=True,
    )  # fmt: skip
    yield "signed by itself", replace(settings, cert=str(forged / "pi-0.crt"), key=str(forged / "pi-0.key"))


def old_protocol(venue: Venue) -> Finding:
    """MQTT 3.1.1 with a good certificate: refused where mosquitto can, else held to the same access list (above)."""
    name = "MQTT 3.1.1 is refused"
    with Intruder(venue.settings("pi-0"), "pi-0", protocol="3.1.1") as one:
        if one.connected:
            return Finding.skipped(
                "S1", name, "mosquitto before 2.1 has no accept_protocol_versions; the matrix above ran over it too"
            )
    return Finding("S1", name, 1, "refused", "refused", ok=True)


def without_access_list(at: Path, names: Sequence[str]) -> Finding:
    """The same broker but for one line: what the matrix must then find."""
    at.mkdir()
    venue = Venue(at, *names, without="acl_file")
    speaking = Tally()
    with venue, Intruder(venue.settings("hub"), "hub") as hub, Intruder(venue.settings(names[0]), names[0]) as one:
        hub.listen([f"{ROOT}/#"])
        speak(one, hub, names[0], foreign(names[0], names), speaking, who=names[0])
    value = f"{len(speaking.worked)} of {speaking.tried} tries worked"
    return Finding("S1-", "without the access list", speaking.tried, value, "not 0", ok=bool(speaking.worked))
