"""The venue's certificate authority: a folder that plain `openssl ca` keeps, too.

It calls the `openssl` command rather than a Python library: Debian has it wherever it has TLS, a Pi gets no megabyte
more, and whoever looks after the venue in ten years can go on without edgehub: serials, list of revoked certificates
and configuration are openssl's own files, in ``ca/``.

    ca.crt              to every machine             machines/pi-lounge/   what to copy to pi-lounge, and nowhere else
    crl.pem             to the broker                machines/broker/      what to copy to the broker
    ca/ca.key           stays here                   revoked/              what was revoked
"""

import ipaddress
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from edgehub.config import topic_name

BEGIN = datetime(2023, 1, 1, tzinfo=UTC)
"""Everything is valid from here on. A Pi has no clock of its own and wakes up in the past, but systemd lets none begin
before its own release, and no Debian that edgehub runs on has one as old as this."""
MACHINE_YEARS = 5
AUTHORITY_YEARS = 20
"""The list of revoked certificates is valid as long: an expired one would shut everybody out of the broker."""
RESERVED = frozenset({"zones", "audiences", "broker"})
"""The first two stand where a gateway's name stands in a topic; the third is the broker's own folder."""

CONFIG = """\
# Of the venue's authority. By hand, in this folder:  openssl ca -config openssl.cnf -help
[ca]
default_ca = venue

[venue]
database = index.txt
unique_subject = yes
new_certs_dir = certs
certificate = ../ca.crt
private_key = ca.key
rand_serial = yes
crlnumber = crlnumber
default_md = sha256
policy = name_only
copy_extensions = none

[name_only]
commonName = supplied

[req]
distinguished_name = name
prompt = no
[name]

[authority]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash

[machine]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""
BROKER = """\
[machine]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {places}
"""
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
"""P-256: what every TLS library of the last ten years speaks, and cheap for a Pi."""


State = Literal["valid", "expired", "revoked"]


class AuthorityError(Exception):
    """What cannot be done, in a sentence that says what to do instead."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate this authority has signed."""

    name: str
    state: State
    until: datetime
    serial: str

    def days_left(self, now: datetime) -> int:
        """Whole days until it ends."""
        return (self.until - now).days


def machine_name(name: str) -> str:
    """``name``, when a certificate may carry it: it becomes user name, client id and topic level at the broker."""
    try:
        topic_name(name)
    except ValueError as error:
        raise AuthorityError(str(error)) from None
    if name in RESERVED:
        raise AuthorityError(f'"{name}" has another meaning; give the machine a name like pi-lounge')
    return name


class Authority:
    """The authority in a folder. ``now`` is the wall clock's time when it is used."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self.folder = folder.absolute()
        self.now = now
        self._ca = self.folder / "ca"
        if shutil.which("openssl") is None:
            raise AuthorityError("the openssl command is missing here: apt install openssl")
        if now < BEGIN:
            raise AuthorityError(f"this machine's clock says {now:%Y-%m-%d}: set it first")

    # --- what it does

    def create(self) -> None:
        """Make the authority in a folder of its own: key, certificate, empty list of revoked certificates."""
        if self.folder.exists() and any(self.folder.iterdir()):
            raise AuthorityError(f"{self.folder} is not empty, and nothing is ever overwritten; name another folder")
        for folder in (self.folder, self._ca, self._ca / "certs", self.folder / "machines", self.folder / "revoked"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._ca / "openssl.cnf").write_text(CONFIG)
        (self._ca / "index.txt").write_text("")
        (self._ca / "crlnumber").write_text("01\n")
        request = self._request("edgehub venue authority", self._ca / "ca.key")
        self._sign(request, self.folder / "ca.crt", AUTHORITY_YEARS, "-selfsign", "-extensions", "authority")
        self._list_revoked()

    def issue(self, name: str) -> Path:
        """A key and certificate for a machine that speaks to the broker; the folder to copy."""
        return self._issue(machine_name(name), f"{name}.crt", f"{name}.key")

    def issue_broker(self, places: Sequence[str]) -> Path:
        """A key and certificate for the broker, valid at these host names and addresses, and on its own machine."""
        alternatives = ",".join(_place(one) for one in dict.fromkeys((*places, "localhost", "127.0.0.1")))
        folder = self._issue("broker", "server.crt", "server.key", BROKER.format(places=alternatives))
        self._list_revoked()
        return folder

    def revoke(self, name: str) -> Path:
        """Let the broker refuse a machine from now on; the list to copy to it."""
        valid = [one for one in self.certificates() if one.name == name and one.state == "valid"]
        if not valid:
            raise AuthorityError(f"no valid certificate carries the name {name[:64]!r}; edgehub pki show lists them")
        [certificate] = valid
        self._openssl("ca", "-batch", "-config", "openssl.cnf", "-revoke", f"certs/{certificate.serial}.pem")
        self._list_revoked()
        machine = self.folder / "machines" / name
        if machine.is_dir():
            machine.rename(self.folder / "revoked" / f"{name}-{certificate.serial}")
        return self.folder / "crl.pem"

    def certificates(self) -> list[Certificate]:
        """Every certificate it has signed but its own, in the order of signing."""
        index = self._ca / "index.txt"
        if not index.is_file():
            raise AuthorityError(f"{self.folder} holds no authority; make one: edgehub pki init --at HOST")
        return [self._entry(*line.split("\t")) for line in index.read_text().splitlines()][1:]

    # --- how

    def _issue(self, name: str, certificate: str, key: str, extensions: str | None = None) -> Path:
        folder = self.folder / "machines" / name
        if folder.exists() or any(one.name == name and one.state == "valid" for one in self.certificates()):
            raise AuthorityError(
                f"{name} has a certificate, and nothing is ever overwritten; first: edgehub pki revoke {name}"
            )
        unfinished = self.folder / "machines" / f".{name}"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        request = self._request(name, unfinished / key)
        options = ["-extensions", "machine"]
        if extensions is not None:
            (self._ca / f"{name}.cnf").write_text(extensions)
            options += ["-extfile", f"{name}.cnf"]
        self._sign(request, unfinished / certificate, MACHINE_YEARS, *options)
        shutil.copy(self.folder / "ca.crt", unfinished / "ca.crt")
        unfinished.rename(folder)  # whole or not at all
        return folder

    def _request(self, name: str, key: Path) -> str:
        """A new key, and a request to sign it for a name."""
        return self._openssl(
            "req", "-new", "-config", "openssl.cnf", *CURVE, "-subj", f"/CN={name}", "-keyout", str(key)
        )

    def _sign(self, request: str, certificate: Path, years: int, *options: str) -> None:
        period = "-startdate", _stamp(BEGIN), "-enddate", _stamp(self._end(years))
        words = "-config", "openssl.cnf", "-in", "/dev/stdin", "-out", str(certificate), *period, *options
        self._openssl("ca", "-batch", "-notext", *words, given=request)
        certificate.chmod(0o644)  # no secret, whatever our umask is

    def _list_revoked(self) -> None:
        period = "-crl_lastupdate", _stamp(BEGIN), "-crl_nextupdate", _stamp(self._end(AUTHORITY_YEARS))
        made = self.folder / "crl.pem"
        self._openssl("ca", "-gencrl", "-config", "openssl.cnf", "-out", str(made), *period)
        made.chmod(0o644)
        if (broker := self.folder / "machines" / "broker").is_dir():  # whoever copies that folder again copies this one
            shutil.copy(made, broker / "crl.pem")

    def _end(self, years: int) -> datetime:
        return self.now + timedelta(days=365.25 * years)

    def _entry(self, state: str, until: str, _revoked: str, serial: str, _file: str, subject: str) -> Certificate:
        form = "%y%m%d%H%M%SZ" if len(until) == 13 else "%Y%m%d%H%M%SZ"  # from 2050 on years have four digits
        end = datetime.strptime(until, form).replace(tzinfo=UTC)
        now: State = "revoked" if state == "R" else "expired" if end < self.now else "valid"
        return Certificate(subject.removeprefix("/CN="), now, end, serial)

    def _openssl(self, *words: str, given: str = "") -> str:
        """What `openssl` answers; new files are their owner's alone."""
        done = subprocess.run(  # noqa: S603 - names were checked, all other words are ours
            ["openssl", *words],  # noqa: S607 - Debian's, wherever it is
            cwd=self._ca,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            umask=0o077,
            env={"PATH": os.environ.get("PATH", os.defpath)},
        )
        if done.returncode:
            raise AuthorityError(f"openssl {words[0]} failed: {done.stderr.strip()[-300:]}")
        return done.stdout


def _stamp(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%SZ")


def _place(text: str) -> str:
    """A host name or address as a certificate lists it."""
    try:
        return f"IP:{ipaddress.ip_address(text)}"
    except ValueError:
        pass
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", text):
        raise AuthorityError(f"{text[:80]!r} is no host name or address; write it like hub.local or 10.0.0.5")
    return f"DNS:{text.lower()}"
