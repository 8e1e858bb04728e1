"""The password of a broker: from a file that is its owner's alone, never from the environment or the command line."""

import argparse
from pathlib import Path

import pytest

from edgehub.tools.hub import add_broker, broker_settings


def asked(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_broker(parser)
    return parser.parse_args(words)


def secret(path: Path, mode: int = 0o600) -> Path:
    path.write_text("s3cret\n")
    path.chmod(mode)
    return path


def test_the_password_is_read_from_a_file(tmp_path: Path) -> None:
    """Without the end of the line; the path alone is on the command line."""
    path = secret(tmp_path / "password")
    settings = broker_settings(asked("--username", "hub", "--password-file", str(path)))
    assert (settings.username, settings.password) == ("hub", "s3cret")


def test_a_file_that_others_may_read_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what to do, and so is one that is not there; no word of what is in it."""
    path = secret(tmp_path / "password", 0o644)
    for name, said in ((path, "chmod 600"), (tmp_path / "none", "cannot be read")):
        with pytest.raises(SystemExit):
            asked("--username", "hub", "--password-file", str(name))
        told = capsys.readouterr().err
        assert said in told
        assert "s3cret" not in told


def test_a_credential_of_systemd_serves_as_well(tmp_path: Path) -> None:
    """Only for a user name; a file that was named wins."""
    secret(tmp_path / "mqtt_password", 0o400)
    named = tmp_path / "named"
    named.write_text("other")
    named.chmod(0o600)
    assert broker_settings(asked("--username", "hub"), str(tmp_path)).password == "s3cret"
    assert broker_settings(asked(), str(tmp_path)).password is None
    words = ("--username", "hub", "--password-file", str(named))
    assert broker_settings(asked(*words), str(tmp_path)).password == "other"
