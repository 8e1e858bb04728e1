"""`edgehub status` and `edgehub hub` as commands, against a real mosquitto."""

import argparse
import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgehub import cli
from edgehub.core.wire import Epoch, HubStatus, SiteTopics, Status
from edgehub.mqtt import Mqtt
from edgehub.tools.status import configure, folder
from tests.fakes.broker import Broker, free_port

ROOT = Path(__file__).parents[2]
TOPICS = SiteTopics("expo")


def edgehub(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "edgehub", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


async def say(broker: Broker, *said: tuple[str, bytes]) -> None:
    """Leave retained words at the broker."""
    async with Mqtt(broker.settings(), "says") as client:
        await client.take()
        for topic, payload in said:
            await client.publish(topic, payload, retain=True)
        await client.flush(5.0)


def test_an_absent_broker_is_said_in_words() -> None:
    """No trace, one sentence, exit code 1."""
    done = edgehub("status", "--site", "expo", "--port", str(free_port()), "--wait", "1")
    assert done.returncode == 1
    assert "nothing listens there" in done.stdout
    assert "Traceback" not in done.stderr


def test_the_table_shows_each_gateway_and_the_hub(tmp_path: Path) -> None:
    """State, radio, lights, what waits and why; exit code 0 only when all is well."""
    details = {"radio": {"state": "ok"}, "hue": {"hall": {"state": "ok"}}, "backlog": 7, "config": {"state": "ok"}}
    birth = Status("online", "s1", Epoch(1, "f" * 16), details)
    with Broker(tmp_path) as broker:
        where = ("--site", "expo", "--port", str(broker.port), "--wait", "1")
        asyncio.run(
            say(
                broker,
                (TOPICS.hub_status, HubStatus("online", "g").to_json()),
                (TOPICS.gateway("pi-bar").status, birth.to_json()),
            )
        )
        done = edgehub("status", *where)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [
            "hub: online",
            "gateway  state   radio  lights   waiting  config  why",
            "pi-bar   online  ok     hall ok  7        ok",
        ]
        gone = Status("offline", "s2", details={"why": "stopped"})
        asyncio.run(say(broker, (TOPICS.gateway("pi-two").status, gone.to_json())))
        done = edgehub("status", *where)
        assert done.returncode == 1
        assert "pi-two   offline" in done.stdout
        assert "stopped" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_hub_says_goodbye_when_asked_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    """It starts without a registration, says where it is, and ends with 0 and its status offline."""
    with Broker(tmp_path) as broker:
        command = [
            "-m",
            "edgehub",
            "hub",
            "--site",
            "expo",
            "--port",
            str(broker.port),
            "--db",
            str(tmp_path / "hub.db"),
        ]
        hub = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert hub.stdout is not None
        assert hub.stderr is not None
        assert f"broker 127.0.0.1:{broker.port}" in hub.stdout.readline()
        assert json.loads(hub.stderr.readline())["event"] == "hub.online"  # as every log of ours, where nobody looks
        hub.send_signal(number)
        hub.communicate(timeout=10)
        assert hub.returncode == 0
        assert "hub: offline" in edgehub("status", "--site", "expo", "--port", str(broker.port), "--wait", "1").stdout


def test_a_database_that_cannot_be_opened_is_said_in_words(tmp_path: Path) -> None:
    """A folder where the file should be: one sentence, exit code 2."""
    done = edgehub("hub", "--site", "expo", "--db", str(tmp_path))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_without_options_the_installed_folder_is_asked(tmp_path: Path) -> None:
    """`edgehub status` takes /etc/edgehub when it is there; --config and --site say otherwise."""
    parser = argparse.ArgumentParser()
    configure(parser)
    assert folder(parser.parse_args([]), tmp_path) == tmp_path
    assert folder(parser.parse_args([]), tmp_path / "none") is None
    assert folder(parser.parse_args(["--config", "other"]), tmp_path) == Path("other")
    assert folder(parser.parse_args(["--site", "expo"]), tmp_path) is None


@pytest.mark.parametrize("command", ["status", "hub"])
@pytest.mark.parametrize("site", ["a/+/#", "X/#", "$SYS"])
def test_a_name_no_site_can_have_is_refused(
    command: str, site: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wildcard would open every site's topics: the rule is that of edgehub.yaml, told in a sentence, exit code 2."""
    with pytest.raises(SystemExit) as caught:
        cli.main([command, "--site", site, *(["--db", str(tmp_path / "hub.db")] if command == "hub" else [])])
    assert caught.value.code == 2
    assert f'"{site}" is not a name for topics. Use lower-case letters' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("postgresql://edgehub:secret@db/hub", "everybody on this machine can read a password here"),
        ("mysql://edgehub@db/hub", "it is a file or postgresql://"),
        ("postgresql://db:port/hub", "it is neither a file nor postgresql://"),
    ],
)
def test_an_address_that_is_no_database_is_said_in_words(
    address: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A password in it is refused, for every process on the machine could read it."""
    with pytest.raises(SystemExit):
        cli.main(["hub", "--site", "expo", "--db", address])
    assert why in capsys.readouterr().err
