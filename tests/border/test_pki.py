"""`edgehub pki`: what it makes is closed, lasts, and is never overwritten."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edgehub.cli import main
from edgehub.tools.authority import BEGIN, Authority, AuthorityError


def openssl(*words: object) -> str:
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, text=True).stdout


def pki(folder: Path, *words: str) -> int:
    return main(["pki", words[0], "--dir", str(folder), *words[1:]])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki") / "venue"
    assert pki(folder, "init", "--at", "hub.local", "--at", "10.0.0.5") == 0
    assert pki(folder, "issue", "pi-lounge") == 0
    return folder


def test_every_machine_gets_a_folder_of_its_own(made: Path) -> None:
    """Authority, certificate and key for a machine; the list of revoked ones for the broker too."""
    files = {folder.name: sorted(file.name for file in folder.iterdir()) for folder in (made / "machines").iterdir()}
    assert files == {
        "broker": ["ca.crt", "crl.pem", "server.crt", "server.key"],
        "hub": ["ca.crt", "hub.crt", "hub.key"],
        "pi-lounge": ["ca.crt", "pi-lounge.crt", "pi-lounge.key"],
    }


def test_keys_are_for_their_owner_alone(made: Path) -> None:
    """No key and no folder of this can be read by others, whatever the umask was."""
    keys = list(made.rglob("*.key"))
    assert len(keys) == 4
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}
    assert {folder.stat().st_mode & 0o777 for folder in (made, *made.rglob("*")) if folder.is_dir()} == {0o700}


def test_certificates_are_valid_for_a_machine_that_wakes_up_in_the_past(made: Path) -> None:
    """All begin in 2023, for a Pi has no clock; machines' last five years, the authority and its list twenty."""
    now = datetime.now(UTC)
    for file, years in (("machines/pi-lounge/pi-lounge.crt", 5), ("machines/broker/server.crt", 5), ("ca.crt", 20)):
        begin, end = openssl("x509", "-in", made / file, "-noout", "-startdate", "-enddate").splitlines()
        assert begin == "notBefore=Jan  1 00:00:00 2023 GMT"
        until = datetime.strptime(end, "notAfter=%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
        assert abs(until - now - timedelta(days=365.25 * years)) < timedelta(days=1)
    assert f"nextUpdate={openssl('x509', '-in', made / 'ca.crt', '-noout', '-enddate')[9:27]}"[:18] in openssl(
        "crl", "-in", made / "crl.pem", "-noout", "-nextupdate"
    )


def test_the_brokers_certificate_is_no_clients_and_no_clients_is_a_brokers(made: Path) -> None:
    """A stolen Pi cannot play the broker."""
    certificate = made / "machines/broker/server.crt"
    broker = openssl("x509", "-in", certificate, "-noout", "-purpose")
    assert "SSL server : Yes" in broker
    assert "SSL client : No" in broker
    places = openssl("x509", "-in", certificate, "-noout", "-ext", "subjectAltName")
    assert "DNS:hub.local, IP Address:10.0.0.5, DNS:localhost, IP Address:127.0.0.1" in places
    machine = openssl("x509", "-in", made / "machines/pi-lounge/pi-lounge.crt", "-noout", "-purpose")
    assert "SSL server : No" in machine
    assert "SSL client : Yes" in machine


@pytest.mark.parametrize("name", ["pi+bar", "pi#", "a/b", "$sys", "+", "#", "", "pi bar", "Pi", "pi\n", "pi-lounge/../hub", "zones",
                                  "audiences", "broker", "x" * 64, "pi/CN=hub", "pi,CN=hub", "pï"])  # fmt: skip
def test_names_that_mean_something_else_at_the_broker_are_refused(
    made: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wildcard in a certificate's name would open the topics of others; nothing is issued, and the reason is said."""
    before = sorted(made.rglob("*"))
    assert pki(made, "issue", "pi-new", name) == 2
    assert capsys.readouterr().err.startswith("edgehub pki: ")
    assert sorted(made.rglob("*")) == before


@pytest.mark.parametrize("place", ["hub local", "", "a,DNS:evil", "-x", "hub.local\nx=1"])
def test_places_that_are_none_are_refused(tmp_path: Path, place: str) -> None:
    """The broker's certificate lists host names and addresses only."""
    assert pki(tmp_path / "pki", "init", f"--at={place}") == 2


def test_nothing_is_ever_overwritten(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither an authority nor a machine's certificate, whoever asks twice."""
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    assert pki(made, "init", "--at", "hub.local") == 2
    assert pki(made, "issue", "pi-lounge") == 2
    assert pki(made, "issue", "hub") == 2
    assert pki(made, "broker", "--at", "hub.local") == 2
    assert "nothing is ever overwritten" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in made.rglob("*") if path.is_file()} == before


def test_a_revoked_certificate_is_listed_and_its_name_free_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The old one fails by the list, the new one of the same name does not; the broker's folder has the newest list."""
    assert pki(tmp_path / "pki", "init", "--at", "localhost") == 0
    assert pki(tmp_path / "pki", "issue", "pi") == 0
    assert pki(tmp_path / "pki", "revoke", "pi") == 0
    assert pki(tmp_path / "pki", "revoke", "pi") == 2
    assert pki(tmp_path / "pki", "issue", "pi") == 0
    [old] = tmp_path.glob("pki/revoked/pi-*/pi.crt")
    checked = [
        "verify",
        "-CAfile",
        tmp_path / "pki/ca.crt",
        "-CRLfile",
        tmp_path / "pki/machines/broker/crl.pem",
        "-crl_check",
    ]
    assert "OK" in openssl(*checked, tmp_path / "pki/machines/pi/pi.crt")
    with pytest.raises(subprocess.CalledProcessError):
        openssl(*checked, old)
    capsys.readouterr()
    assert pki(tmp_path / "pki", "show") == 0
    states = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert states == [["broker", "valid"], ["hub", "valid"], ["pi", "revoked"], ["pi", "valid"]]


def test_what_ends_soon_is_said(made: Path) -> None:
    """Ninety days ahead, and expired afterwards."""
    until = Authority(made, datetime.now(UTC)).certificates()[0].until
    later = Authority(made, until + timedelta(days=1)).certificates()[0]
    assert (later.state, later.days_left(until - timedelta(days=89))) == ("expired", 89)


def test_a_machine_whose_clock_is_wrong_makes_no_certificates(tmp_path: Path) -> None:
    """In 1970 nothing it signed would ever be valid."""
    with pytest.raises(AuthorityError, match="clock says 2022-12-31: set it first"):
        Authority(tmp_path, BEGIN - timedelta(days=1))


def test_a_folder_without_an_authority_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what to do first."""
    assert pki(tmp_path, "show") == 2
    assert "edgehub pki init" in capsys.readouterr().err
