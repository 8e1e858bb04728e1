"""P1 to P3: what is planted about guests is searched for everywhere, before and after they are forgotten.

A hub with its doors, two gateways at DEBUG and a broker, as processes; guests whose names, addresses, tickets, badges and MACs
are like nothing else, so that a hit is a hit.
"""

import asyncio
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from edgehub.hub.access import Access, write_access
from edgehub.hub.store import HubStore
from tests.border.test_retention import DUE_US, HOUR_US, Hall
from tests.fakes.air import UUID
from tests.fakes.broker import Broker, free_port
from tests.fakes.forgetful import Hub
from tests.fakes.intruder import Intruder
from tests.system.faults.rig import ROOT, Part, _product, until
from tests.system.faults.verdict import Finding

SITE, BAR, LOUNGE = "privacy", "pi-bar", "pi-lounge"
FIRST = 48213
GONE_WITHIN_S = 60.0
OUT_WITHIN_S = 5.0
ZONES = f"""version: 1
badges: {{ibeacon: "{UUID}/1"}}
zones:
  bar: {{name: Bar, heard_by: [{BAR}], leave_after: 10s}}
  lounge: {{name: Lounge, heard_by: [{LOUNGE}], leave_after: 10s}}
"""


@dataclass(frozen=True)
class Planted:
    """A guest like no other."""

    number: int
    name: str
    consent: str

    @property
    def badge(self) -> str:
        return str(FIRST + self.number)

    @property
    def email(self) -> str:
        return f"{self.name.lower()}@planted-{self.number}.test"

    @property
    def ticket(self) -> str:
        return f"TKT-{self.name[:4].upper()}-{self.number}"

    @property
    def band(self) -> str:
        return f"The {self.name}s"

    def words(self) -> list[bytes]:
        """As any of it may be written, in lower case; the MAC is made of the badge's number here."""
        mac = (FIRST + self.number).to_bytes(6, "big").hex(":")
        words = (self.name, self.email, self.ticket, self.band, mac, mac.replace(":", "_"))
        return [word.lower().encode() for word in words]

    def number_in(self, content: bytes) -> bool:
        """Whether the badge's number is there, and is no part of another number."""
        number = self.badge.encode()
        return number in content and re.search(rb"(?<![0-9.])" + number + rb"(?![0-9])", content) is not None


ZEBEDEE = Planted(0, "Zebedee", "lights;analytics;screen;music")
WILHELMINA = Planted(1, "Wilhelmina", "lights;analytics")
OTTOLINE = Planted(2, "Ottoline", "analytics")
PERPETUA = Planted(3, "Perpetua", "analytics")
QUENTIN = Planted(4, "Quentin", "analytics")
IGNATIUS = Planted(5, "Ignatius", "")
GUESTS = (ZEBEDEE, WILHELMINA, OTTOLINE, PERPETUA, QUENTIN, IGNATIUS)


@dataclass
class Search:
    """Where it was searched, and what was found."""

    guests: Sequence[Planted]
    badges: bool = True
    """Whether their numbers count: gateways tell one another how they hear the badges of who agreed."""
    size: int = 0
    hits: list[str] = field(default_factory=list)

    def look(self, place: str, content: bytes) -> None:
        """Search one place."""
        self.size += len(content)
        content = content.lower()
        for guest in self.guests:
            self.hits += [f"{one.decode()} in {place}" for one in guest.words() if one in content]
            if self.badges and guest.number_in(content):
                self.hits.append(f"{guest.badge} in {place}")

    def finding(self, row: str, name: str, *, found: bool = False) -> Finding:
        """As a row; ``found`` for a control, which must find something."""
        value = f"{len(self.hits)} hits {self.hits[:4] or ''} in {self.size:,} bytes"
        ok = bool(self.hits) if found else not self.hits and self.size > 0
        return Finding(row, name, 1, value, "not 0" if found else "0 hits", ok=ok)


class Site:
    """The venue, running. Use as ``with``.

    Args:
        at: everything is in it; ``at/staff`` is the staff's own files, in which guests may stand.
        sabotage: of hub and gateways.
    """

    def __init__(self, at: Path, sabotage: str | None = None) -> None:
        self.at, self.staff = at, at / "staff"
        self.staff.mkdir(parents=True)
        (at / "hub").mkdir()
        self.broker = Broker(at, "log_type all")
        self.witness = Intruder(self.broker.settings(), "witness")
        self.rogue = b""
        self.doors = free_port()
        access, self.key = Access().with_key("app", "collector")
        write_access(at / "hub" / "access.json", access)
        self._write_files()
        files = ["--registration", str(self.staff / "registration.csv"), "--zones", str(self.staff / "zones.yaml")]
        doors = ["--data-layer", str(ROOT / "config" / "data_layer.yaml"), "--drop", str(at / "drop"), "--doors", f"127.0.0.1:{self.doors}"]  # fmt: skip
        words = [
            "hub",
            "--site",
            SITE,
            "--port",
            str(self.broker.port),
            "--db",
            str(at / "hub" / "hub.db"),
            *files,
            *doors,
        ]
        self.hub = Part(at / "hub.log", *_product(sabotage), *words)
        self.gateways = {name: Part(at / f"{name}.log", *_product(sabotage), "run", "--config", str(at / name),
                                    "--state", str(at / "state" / name)) for name in (BAR, LOUNGE)}  # fmt: skip
        self.crowd = Part(
            at / "crowd.log", "tests.fakes.crowd", str(at / "air"), str(len(GUESTS)), "--first", str(FIRST)
        )
        self._exits = ExitStack()

    def _write_files(self) -> None:
        lines = [f"{one.badge},{one.name},#ff0000,{one.band},{one.consent},{one.ticket}" for one in GUESTS]
        self.register(lines)
        (self.staff / "zones.yaml").write_text(ZONES)
        for name in (BAR, LOUNGE):
            (self.at / name).mkdir()
            (self.at / "state" / name).mkdir(parents=True, mode=0o700)
            (self.at / name / "zones.yaml").write_text(ZONES)
            (self.at / name / "edgehub.yaml").write_text(
                f"version: 1\nsite: {SITE}\ngateway: {name}\nmqtt: {{host: 127.0.0.1, port: {self.broker.port}}}\n"
                f'bluetooth: {{source: "socket:{self.at / "air"}"}}\nlogs: {{level: debug, style: json}}\n'
            )

    def register(self, lines: Sequence[str] | None = None) -> None:
        """Write the registration, or write it again as it was."""
        path = self.staff / "registration.csv"
        heading = "badge,first_name,colour,bands,consent,ticket_no"
        path.write_text("\n".join([heading, *lines]) + "\n" if lines else path.read_text() + "\n")

    def __enter__(self) -> Self:
        parts = (*self.gateways.values(), self.hub, self.crowd)
        self._exits.callback(lambda: [part.kill() for part in parts if part.process is not None])
        self._exits.enter_context(self.broker)
        self._exits.enter_context(self.witness)
        self.witness.listen(["#"])
        self.hub.start()
        self.crowd.start()
        until((self.at / "air").exists, "the radio is on the air")
        for part in self.gateways.values():
            part.start()
        until(lambda: all(self.profiles(name) for name in self.gateways), "gateways know their guests")
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    # --- what the doors are told

    def tell(self, guests: Iterable[Planted]) -> None:
        """Drop an export that knows more of them, with a row of each that is rejected; and a message nobody can read."""
        rows = [f"{one.ticket},{one.email}\n{one.ticket},{one.email},and,{one.name},too" for one in guests]
        folder = self.at / "drop" / "tickets"
        until(folder.exists, "the drop is open")
        (folder / "export.csv").write_text("\n".join(["ticket_no,email_address", *rows]) + "\n")
        until(lambda: any((folder / "rejected").glob("*")), "the export is read")
        names = [one.email for one in guests]
        self.rogue = json.dumps({"version": 1, "events": [{"rogue": names}]}).encode()
        self.witness.say([f"edgehub/v1/{SITE}/pi-rogue/up/events/0"], self.rogue)
        until(lambda: self.rows("select 1 from quarantine"), "the message is set aside")
        until(
            lambda: all(self.rows("select 1 from profiles where document like ?", f"%{one}%") for one in names),
            "profiles",
        )

    def guest(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`edgehub guest`."""
        command = [sys.executable, "-m", "edgehub", "guest", *words, "--hub", str(self.at / "hub" / "hub.sock")]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    def identify(self, guest: Planted, consent: Sequence[str]) -> None:
        """The app tells what its guest agrees to."""
        body = {
            "messageId": f"m-{guest.number}-{len(consent)}",
            "userId": guest.ticket,
            "traits": {"consent": list(consent)},
        }
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.doors}/v1/identify",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"},
        )
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["success"]

    # --- what others see

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Of the hub's database."""
        with (
            suppress(sqlite3.OperationalError),
            closing(sqlite3.connect(f"file:{self.at}/hub/hub.db?mode=ro", uri=True)) as hub,
        ):
            return hub.execute(sql, values).fetchall()
        return []

    def profiles(self, gateway: str) -> dict[str, dict[str, Any]]:
        """What a gateway has written down of guests."""
        path = self.at / "state" / gateway / "profiles.db"
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return {
                person: json.loads(document)
                for person, document in database.execute("select person, document from profiles")
            }
        return {}

    def person(self, guest: Planted) -> str:
        """The guest's id."""
        [[person]] = self.rows("select person from badges where badge = ?", guest.badge)
        return str(person)

    def visited(self, *guests: Planted) -> None:
        """Wait until a gateway has told of a visit of each."""
        seen = "select 1 from stays where person = ?"
        until(lambda: all(self.rows(seen, self.person(one)) for one in guests), "visits are known")

    def files(self) -> Iterator[tuple[str, bytes]]:
        """All that is on the disks of hub, gateways and broker, but the staff's own files."""
        for path in sorted(self.at.rglob("*")):
            if path.is_file() and self.staff not in path.parents:
                with suppress(FileNotFoundError):
                    yield str(path.relative_to(self.at)), path.read_bytes()

    def retained(self) -> list[tuple[str, bytes]]:
        """What the broker gives to whoever comes now."""
        with Intruder(self.broker.settings(), "late") as late:
            late.listen(["#"])
            self.witness.say(["barrier"], b"")
            late.wait(lambda: "barrier" in {topic for topic, _ in late.heard})
            return late.heard


def personal_data(at: Path) -> list[Finding]:
    """P1, and its control: the same search in what may hold it, the profile pages and the hub's own files."""
    with Site(at) as site:
        site.tell(GUESTS[:2])
        site.visited(ZEBEDEE, WILHELMINA)
        retained = site.retained()
        heard = list(site.witness.heard)
        files = list(site.files())
    wire, logs, control = Search(GUESTS), Search(GUESTS), Search(GUESTS)
    levels, strangers = Search(GUESTS, badges=False), Search([IGNATIUS])
    for topic, payload in [*heard, *retained]:
        if payload == site.rogue:
            continue
        kinds = {"down/profiles": [control], "peers/levels": [levels, strangers]}
        for search in kinds.get("/".join(topic.split("/")[-2:]), [wire]):
            search.look(topic.removeprefix(f"edgehub/v1/{SITE}/"), topic.encode() + b"\n" + payload)
    for name, content in files:
        if name.endswith((".log", ".txt")):
            logs.look(name, content)
    shown = Search([WILHELMINA, OTTOLINE, IGNATIUS])
    pages = b"".join(payload for topic, payload in heard if topic.endswith("/down/profiles"))
    names = [one.name.encode() for one in shown.guests]
    shown.size, shown.hits = len(pages), [name.decode() for name in names if name in pages]
    return [
        wire.finding("P1", "planted data in topics and messages, retained ones too"),
        levels.finding("P1", "planted data but badge numbers in what gateways tell one another of levels"),
        strangers.finding("P1", "the badge of a guest who agreed to nothing, in levels"),
        logs.finding("P1", "planted data in logs at DEBUG and reports"),
        shown.finding("P1", "names of guests who did not agree to screens, in profile pages"),
        control.finding("P1-", "the same search in the profile pages of who agreed", found=True),
    ]


def erasure(at: Path, times: int) -> list[Finding]:
    """P2: with both gateways online, and with one that is away; then a hub and gateways that erase nothing."""
    findings = []
    for number in range(times):
        with Site(at / f"site-{number}") as site:
            site.tell(GUESTS[:2])
            site.visited(ZEBEDEE, WILHELMINA)
            findings += [*forgotten_online(site), *forgotten_offline(site), brought_back(site)]
    with Site(at / "control", "no-erasure") as site:
        site.tell(GUESTS[:1])
        site.visited(ZEBEDEE)
        site.guest("forget", ZEBEDEE.email, "--wait", "3")
        hub, pi = Search([ZEBEDEE]), Search([ZEBEDEE])
        for name, content in site.files():
            (hub if name.startswith("hub/") else pi).look(name, content)
    return [
        *findings,
        hub.finding("P2-", "a hub that only deletes rows", found=True),
        pi.finding("P2-", "gateways that confirm and erase nothing", found=True),
    ]


def forgotten_online(site: Site) -> list[Finding]:
    """Asked for while everybody is there: the command returns with both receipts."""
    revision, said = _forget(site, ZEBEDEE, wait_s=GONE_WITHIN_S)
    took_s = until(lambda: not _search(site, ZEBEDEE).hits, "nothing is found", GONE_WITHIN_S) if revision else 0.0
    ok = said.count("has confirmed.") == 2 and "Gone from the hub." in said
    return [
        _search(site, ZEBEDEE).finding("P2", f"forgotten with both gateways online, searched after {took_s:.1f} s"),
        Finding("P2", "receipts", 2, " ".join(said.split("\n")[:3]), "both have confirmed", ok=ok),
    ]


def forgotten_offline(site: Site) -> list[Finding]:
    """Asked for while a gateway is away, which holds all of it when it comes back."""
    lounge = site.gateways[LOUNGE]
    lounge.end()
    revision, said = _forget(site, WILHELMINA, wait_s=0)
    told = f"{LOUNGE} is offline" in said
    lounge.start()
    receipts = "select gateway from receipts where revision >= ?"
    took_s = until(lambda: len(site.rows(receipts, revision)) == 2, "both confirm", GONE_WITHIN_S)
    return [
        _search(site, WILHELMINA).finding("P2", "forgotten while a gateway was away, searched at its receipt"),
        Finding("P2", "the receipt of who was away", 1, f"after {took_s:.1f} s", f"within {GONE_WITHIN_S:g} s, told before",
                ok=told and took_s <= GONE_WITHIN_S),
    ]  # fmt: skip


def brought_back(site: Site) -> Finding:
    """The registration lists them still, and the nightly export comes again."""
    site.register()
    export = site.at / "drop" / "tickets" / "again.csv"
    export.write_text(f"ticket_no,email_address\n{ZEBEDEE.ticket},{ZEBEDEE.email}\n")
    until(lambda: not export.exists() and "registration.barred" in site.hub.said(), "both are read")
    shutil.rmtree(site.at / "drop" / "tickets" / "reports")  # names of files and numbers of lines: nothing of a guest
    return _search(site, ZEBEDEE, WILHELMINA).finding("P2", "after the lists that name them came again")


def _forget(site: Site, guest: Planted, *, wait_s: float) -> tuple[int, str]:
    done = site.guest("forget", guest.email, "--wait", str(wait_s))
    [[revision]] = site.rows("select max(revision) from people")
    return revision, done.stdout + done.stderr


def _search(site: Site, *guests: Planted) -> Search:
    search = Search(guests)
    for name, content in [*site.files(), *site.retained()]:
        if not name.endswith("/down/profiles"):
            search.look(name, content)
    return search


def consent_and_retention(at: Path) -> list[Finding]:
    """P3: opt-out through three doors, rows of who never agreed, and time that passes in steps."""
    with Site(at / "site") as site:
        site.identify(PERPETUA, ["analytics"])
        site.visited(OTTOLINE, PERPETUA, QUENTIN)
        out = [
            _opt_out(site, OTTOLINE, "at the desk", lambda: site.guest("refuse", OTTOLINE.badge, "analytics")),
            _opt_out(site, PERPETUA, "in the app", lambda: site.identify(PERPETUA, [])),
            _opt_out(site, QUENTIN, "in the registration", lambda: _withdraw(site, QUENTIN)),
        ]
        silent = (OTTOLINE, PERPETUA, QUENTIN, IGNATIUS)
        rows = until_quiet(site, silent)
    followed = Finding("P3", "rows at hub and gateways of guests without consent, while they walk about", len(silent),
                       f"{rows} rows", "0", ok=rows == 0)  # fmt: skip
    return [*out, followed, *asyncio.run(retained_too_long(at / "hub.db"))]


def _withdraw(site: Site, guest: Planted) -> None:
    path = site.staff / "registration.csv"
    path.write_text(path.read_text().replace(f"{guest.band},{guest.consent}", f"{guest.band},"))


def _opt_out(site: Site, guest: Planted, where: str, act: Any) -> Finding:
    person = site.person(guest)

    def out() -> bool:
        return all(site.profiles(name).get(person, {}).get("erased") for name in site.gateways)

    assert not out(), "they are followed before"
    began = time.monotonic()
    act()
    until(out, f"{where}: gateways know")
    took_s = time.monotonic() - began
    return Finding("P3", f"opt-out {where}, until both gateways follow no more", 2, f"{took_s:.2f} s", f"<= {OUT_WITHIN_S:g} s",
                   ok=took_s <= OUT_WITHIN_S)  # fmt: skip


def until_quiet(site: Site, guests: Sequence[Planted]) -> int:
    """Rows about these once what was under way has arrived and everybody has walked about once more."""
    persons = [site.person(one) for one in guests]
    [[before]] = site.rows("select count(*) from stays")
    until(lambda: site.rows("select count(*) from stays")[0][0] >= before + 4, "others walk about")
    count = "select (select count(*) from stays where person = ?1) + (select count(*) from events where subject = 'person:' || ?1 and source like 'gateway/%')"
    rows = sum(int(site.rows(count, person)[0][0]) for person in persons)
    for name in site.gateways:
        with closing(sqlite3.connect(f"file:{site.at}/state/{name}/journal.db?mode=ro", uri=True)) as journal:
            payloads = [bytes(payload) for (payload,) in journal.execute("select payload from outbox")]
        rows += sum(any(person.encode() in payload for person in persons) for payload in payloads)
    return rows


async def retained_too_long(database: Path) -> list[Finding]:
    """A hub with its clock in our hand: half hours pass, and once the clock jumps."""
    async with HubStore(database) as store:
        hall = Hall(Hub(store))
        await hall.retention.look()
        for number in range(30):
            await hall.hub.tell(f"email:guest-{number}@planted.test", f"badge:{FIRST + number}", consent=["analytics"])
        before = await hall.about_guests()
        hall.passes(0.5, by_wall=72)
        await hall.retention.look()
        jumped = await hall.about_guests() == before
        hall.passes(0.5, by_wall=-71.5)
        early = overdue = steps = 0
        while hall.at.wall_us < DUE_US + 3 * HOUR_US:
            await hall.retention.look()
            left = sum((await hall.about_guests()).values())
            early += hall.at.wall_us < DUE_US and not left
            overdue += left if hall.at.wall_us > DUE_US + HOUR_US else 0
            steps += 1
            hall.passes(0.5)
    return [
        Finding("P3", "rows more than an hour overdue", steps, f"{overdue} rows, {early} steps too early", "0", ok=not (overdue or early)),
        Finding("P3", "rows deleted by a clock that jumped three days ahead", 1, "0" if jumped else "some", "0", ok=jumped),
    ]  # fmt: skip
