"""S4: known secrets are planted where they belong; then everything else that the processes leave behind is searched.

A gateway at DEBUG and a hub, a guest whose lamp is lit, a bridge that fails in three ways, a broker that refuses the
password, a page with right and wrong PINs, and a secrets.yaml that is broken while all run.
"""

import asyncio
import base64
import contextlib
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgehub.config import ConfigError, load
from edgehub.gateway.hue import Key, KeyFile
from edgehub.gateway.hue.errors import KeyFileError
from edgehub.mqtt import Mqtt
from edgehub.sim.bridge import BridgeEmulator, Fault
from edgehub.web.listen import Listen
from tests.fakes.air import UUID, Air
from tests.fakes.broker import Broker, free_port
from tests.fakes.intruder import Intruder
from tests.fakes.venue import Venue
from tests.fakes.waiting import until
from tests.system.faults.verdict import Finding

ROOT = Path(__file__).parents[3]
GUEST = 1042
REGISTRATION = f"badge,first_name,colour,bands,consent\n{GUEST},Ada,#ff0000,,lights;offers\n"
ZONES = f"""
version: 1
badges: {{ibeacon: "{UUID}/1"}}
zones:
  bacon:
    name: Bacon table
    heard_by: [pi-bacon]
    lights: {{bridge: hall, room: Snacks, idle: Amber, people: favourite colours}}
"""


@dataclass
class Secrets:
    """What nobody may find, and the one file in which each belongs."""

    password: str = field(default_factory=lambda: f"pw{secrets.token_hex(12)}")
    pin: str = field(default_factory=lambda: f"pin{secrets.token_hex(6)}")
    hue_key: str = field(default_factory=lambda: secrets.token_hex(20))
    private_key: Path = Path()

    def needles(self) -> dict[str, list[bytes]]:
        """Each secret as it may be written: plain, in base64, in hex; of the key its lines and its number too."""
        plain = {name: getattr(self, name).encode() for name in ("password", "pin", "hue_key")}
        found = {name: [text, base64.b64encode(text), text.hex().encode()] for name, text in plain.items()}
        lines = self.private_key.read_bytes().splitlines()[1:-1]
        whole = base64.b64decode(b"".join(lines))
        start = whole.index(b"\x04\x20") + 2  # an octet string of 32 bytes: the number itself
        number = whole[start : start + 32]
        found["private key"] = [*(line for line in lines if len(line) > 30), number, number.hex().encode()]
        return found


@dataclass
class Haul:
    """Everything that was searched, and what was found in it."""

    places: dict[str, int] = field(default_factory=dict)
    hits: list[str] = field(default_factory=list)

    def search(self, place: str, contents: Iterable[tuple[str, bytes]], needles: dict[str, list[bytes]]) -> None:
        """Look for every secret in one kind of place."""
        self.places.setdefault(place, 0)
        for name, content in contents:
            self.places[place] += len(content)
            self.hits += [
                f"{secret} in {place} ({name})"
                for secret, forms in needles.items()
                if any(one in content for one in forms)
            ]


def planted(at: Path, _: int) -> list[Finding]:
    """Search once; then the negative control, and the files that must be refused."""
    return asyncio.run(_planted(at))


async def _planted(at: Path) -> list[Finding]:
    site = Site(at)
    async with Air(at / "air", speed=8.0).open() as air, BridgeEmulator({"Snacks": ["Snacks 1"]}, scenes={"Amber": ("Snacks", "#332200")}) as bridge:  # fmt: skip
        site.furnish(bridge)
        with site.broker, Intruder(site.broker.settings(), "witness") as witness:
            witness.listen(["#"])
            haul = await site.live(air, bridge)
        needles = site.secrets.needles()
        haul.search("MQTT", witness.heard, needles)
    haul.search("logs", site.outputs.items(), needles)
    haul.search("files", site.files(own=False), needles)
    control = Haul()
    control.search("their own files", site.files(own=True), needles)
    found = {hit.split(" in ")[0] for hit in control.hits}
    searched = ", ".join(f"{place} {size:,}" for place, size in haul.places.items())
    ok = not haul.hits and all(haul.places.values())
    refused = await asyncio.to_thread(lambda: list(refusals(site)))
    return [
        Finding("S4", "planted secrets found", 1, f"{len(haul.hits)} hits {haul.hits[:3] or ''} in bytes of {searched}", "0 hits", ok=ok),
        Finding("S4-", "the same search in the secrets' own files", 1, f"{len(found)} of {len(needles)} secrets found",
                "all", ok=found == set(needles)),
        Finding("S4", "files others may read, refused with a sentence", len(refused),
                f"{sum(refused)} of {len(refused)}", "all", ok=all(refused)),
    ]  # fmt: skip


class Site:
    """A venue of one gateway and a hub, with its secrets where they belong."""

    def __init__(self, at: Path) -> None:
        self.at = at
        self.config, self.state = at / "config", at / "state"
        self.config.mkdir()
        self.state.mkdir(mode=0o700)
        self.secrets = Secrets()
        self.outputs: dict[str, bytes] = {}
        self.page = free_port()
        (at / "venue").mkdir()
        self._venue = Venue(at / "venue", "pi-bacon")
        self.broker = Broker(at)
        self.tls_port = free_port()
        self._passwords = at / "passwords"

    def furnish(self, bridge: BridgeEmulator) -> None:
        """Write every file: a broker that wants certificate and password, a page with a PIN, a paired bridge."""
        own = self._venue.authority.folder / "machines/pi-bacon"
        for file in own.iterdir():
            (self.config / file.name).write_bytes(file.read_bytes())
        self.secrets.private_key = self.config / "pi-bacon.key"
        self.secrets.private_key.chmod(0o600)
        self._give("secrets.yaml", f'mqtt_password: "{self.secrets.password}"\nstaff_pin: "{self.secrets.pin}"\n')
        self._give(
            "edgehub.yaml",
            "version: 1\nsite: test\ngateway: pi-bacon\n"
            f"mqtt: {{host: localhost, port: {self.tls_port}, ca: ca.crt, cert: pi-bacon.crt, key: pi-bacon.key, "
            "username: pi-bacon, password: !secret mqtt_password}\n"
            f'bluetooth: {{source: "socket:{self.at / "air"}"}}\nhue:\n  hall: {{host: "{bridge.host}"}}\n'
            f'web: {{listen: "127.0.0.1:{self.page}", pin: !secret staff_pin}}\nlogs: {{level: debug, style: json}}\n',
        )
        self._give("zones.yaml", ZONES)
        self._give("registration.csv", REGISTRATION)
        bridge.users.add(self.secrets.hue_key)
        KeyFile(self.state / "hue-keys.json").put("hall", Key(bridge.bridge_id, self.secrets.hue_key))
        self._know(self.secrets.password)
        certs = self._venue.certs
        plain = self.broker._config.read_text()
        self.broker._config.write_text(
            f"per_listener_settings true\n{plain}listener {self.tls_port} 127.0.0.1\ncafile {certs / 'ca.crt'}\n"
            f"certfile {certs / 'server.crt'}\nkeyfile {certs / 'server.key'}\nrequire_certificate true\n"
            f"password_file {self._passwords}\nallow_anonymous false\nlog_type all\n"
        )

    def _give(self, name: str, text: str) -> None:
        path = self.config / name
        path.touch(mode=0o600)
        path.write_text(text)

    def _know(self, password: str) -> None:
        """Let the broker know this password only; it keeps a hash."""
        self._passwords.unlink(missing_ok=True)
        subprocess.run(
            ["mosquitto_passwd", "-c", "-b", self._passwords, "pi-bacon", password], check=True, capture_output=True
        )

    async def live(self, air: Air, bridge: BridgeEmulator) -> Haul:
        """A short and eventful life; processes are searched while they run."""
        haul, needles = Haul(), self.secrets.needles()
        hub = await self._start("hub", "--site", "test", "--port", str(self.broker.port), "--db", str(self.at / "hub.db"),
                                "--registration", str(self.config / "registration.csv"), "--zones", str(self.config / "zones.yaml"))  # fmt: skip
        gateway = await self._start("run", "--config", str(self.config), "--state", str(self.state))
        async with asyncio.timeout(60):
            await air.listening.wait()
            walk = asyncio.create_task(air.stay(GUEST, 10_000))
            await until(lambda: bridge.lamp("Snacks 1").rgb.startswith("#ff"), 20.0)
            await asyncio.to_thread(self._visit_page)
            for process in (gateway, hub):
                for place, file in (("argv", "cmdline"), ("environment", "environ")):
                    haul.search(place, [_of_process(process.pid, file)], needles)
            await self._break_secrets()
            await self._fail(bridge)
            await self._refuse()
            walk.cancel()
        for name, process in (("gateway", gateway), ("hub", hub)):
            process.terminate()
            said, cried = await process.communicate()
            self.outputs[name] = said + cried
        self.outputs["broker"] = self.broker._log.read_bytes()
        return haul

    async def _start(self, *words: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "edgehub", *words, cwd=ROOT, stdout=pipe, stderr=pipe
        )

    def _visit_page(self) -> None:
        """With the right PIN, and with two that are nearly right."""
        for name, pin in (("right", self.secrets.pin), ("wrong", self.secrets.pin[:-1]), ("none", "")):
            word = base64.b64encode(f"staff:{pin}".encode()).decode()
            for path in ("/", "/api/board"):
                request = urllib.request.Request(
                    f"http://127.0.0.1:{self.page}{path}", headers={"Authorization": f"Basic {word}"}
                )
                with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(request) as answer:
                    self.outputs[f"page {name}{path}"] = answer.read()

    async def _break_secrets(self) -> None:
        """A quote is missing for a while: the gateway, and who asks, are told; what is in the file is not."""
        path = self.config / "secrets.yaml"
        good = path.read_text()
        path.write_text(good.replace('"\nstaff', "\nstaff"))
        check = await self._start("config", "check", "--config", str(self.config), "--state", str(self.state))
        said, cried = await check.communicate()
        self.outputs["config check"] = said + cried
        await asyncio.sleep(2.2)  # the gateway looks once a second
        path.write_text(good)

    async def _fail(self, bridge: BridgeEmulator) -> None:
        for fault in (Fault("http", code=500), Fault("html"), Fault("error", code=1)):
            bridge.fault = fault
            (self.config / "zones.yaml").write_text(ZONES + f"# {fault.kind}\n")
            await asyncio.sleep(1.2)
        bridge.fault = None

    async def _refuse(self) -> None:
        """The broker comes back and knows another password."""
        self.broker.kill()
        self._know("another")
        self.broker.start()
        await asyncio.sleep(1.5)

    def files(self, *, own: bool) -> Iterator[tuple[str, bytes]]:
        """Everything written below the site's folder: the secrets' own files, or all others."""
        theirs = {self.config / "secrets.yaml", self.secrets.private_key, self.state / "hue-keys.json"}
        made_here = self._venue.authority.folder
        for path in self.at.rglob("*"):
            if path.is_file() and made_here not in path.parents and (path in theirs) == own:
                yield str(path.relative_to(self.at)), path.read_bytes()


def _of_process(pid: int, file: str) -> tuple[str, bytes]:
    return str(pid), Path(f"/proc/{pid}/{file}").read_bytes()


def refusals(site: Site) -> Iterator[bool]:
    """Each file with a secret, open to its group or to everybody: is it refused, with a sentence?"""
    for path, said in (
        (site.config / "secrets.yaml", lambda: _mistakes(site)),
        (site.config / "pi-bacon.key", lambda: _mistakes(site)),
        (site.config / "pi-bacon.key", lambda: asyncio.run(_connecting(site))),
        (site.config / "pi-bacon.key", lambda: _serving(site)),
        (site.state / "hue-keys.json", lambda: _keys(site)),
    ):
        for mode in (0o640, 0o604, 0o660):
            yield _refused(path, mode, said)


def _refused(path: Path, mode: int, said: Callable[[], str]) -> bool:
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        sentence = said()
    finally:
        path.chmod(before)
    return ("others" in sentence) and f"{mode:o}" in sentence and "chmod 600" in sentence


def _mistakes(site: Site) -> str:
    try:
        load(site.config, site.state)
    except ConfigError as error:
        return str(error)
    return ""


async def _connecting(site: Site) -> str:
    own = site._venue.settings("pi-bacon")
    async with Mqtt(replace(own, key=str(site.config / "pi-bacon.key")), "pi-bacon") as client:
        await client.take()
        return client.why


def _serving(site: Site) -> str:
    try:
        Listen("127.0.0.1", 0, site.config / "pi-bacon.crt", site.config / "pi-bacon.key").context()
    except OSError as error:
        return str(error)
    return ""


def _keys(site: Site) -> str:
    try:
        KeyFile(site.state / "hue-keys.json").keys()
    except KeyFileError as error:
        return str(error)
    return ""
