"""The shipped broker configuration, on a real mosquitto: who may say and hear what, by certificate."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

CONFIG = Path(__file__).parents[2] / "config"
SITE = "edgehub/v1/dv-conference"
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")

pytestmark = pytest.mark.skipif(
    not MOSQUITTO or not shutil.which("openssl"), reason="mosquitto or openssl is not installed"
)


def openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def certificate(folder: Path, name: str, file: str) -> None:
    """A certificate of the venue's authority for one name."""
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{file}.key", "-out", f"{file}.csr")  # fmt: skip
    openssl(folder, "x509", "-req", "-in", f"{file}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-out", f"{file}.crt")  # fmt: skip


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A mosquitto with the shipped files; only paths, the port and the place of the log are of this test."""
    folder = tmp_path_factory.mktemp("broker")
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=venue", "-keyout", "ca.key", "-out", "ca.crt")  # fmt: skip
    for name in ("localhost", "pi-lounge", "pi-bar", "hub"):
        certificate(folder, name, {"localhost": "server"}.get(name, name))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shutil.copy(CONFIG / "mosquitto.acl", folder / "edgehub.acl")
    text = (CONFIG / "mosquitto.conf").read_text().replace("/etc/mosquitto/certs", str(folder))
    text = text.replace("/etc/mosquitto/edgehub.acl", str(folder / "edgehub.acl"))
    text = text.replace("listener 8883", f"listener {port} 127.0.0.1").replace("log_dest syslog", "log_dest stderr")
    # Its own user could not read the folder of a test that runs as root.
    (folder / "mosquitto.conf").write_text(f"user {getpass.getuser()}\n{text}")
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen([str(MOSQUITTO), "-c", folder / "mosquitto.conf"], stderr=log) as process,
    ):
        try:
            _wait_for(port)
            yield folder, port
        finally:
            process.terminate()
    assert ": Error: " not in (folder / "log").read_text()


def _wait_for(port: int) -> None:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("mosquitto did not start with the shipped configuration")


class Client:
    """A client with a certificate, or without one."""

    def __init__(self, broker: tuple[Path, int], name: str, *, certified: bool = True) -> None:
        folder, port = broker
        self.heard: list[str] = []
        self.answers: dict[int, int] = {}
        self.connected: bool | None = None
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="anything", protocol=mqtt.MQTTv5)
        own = (str(folder / f"{name}.crt"), str(folder / f"{name}.key")) if certified else (None, None)
        self._client.tls_set(str(folder / "ca.crt"), *own)
        self._client.on_connect = self._on_connect
        self._client.on_publish = lambda _c, _u, mid, reason, _p: self.answers.update({mid: reason.value})
        self._client.on_subscribe = lambda _c, _u, mid, _reasons, _p: self.answers.update({mid: 0})
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = lambda _c, _u, message: self.heard.append(message.topic)
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 0
        try:
            self._client.connect("localhost", port, keepalive=15, clean_start=True, properties=session)
        except OSError:
            self.connected = False
        self._client.loop_start()

    def _on_connect(self, _client: object, _user: object, _flags: object, reason: object, _properties: object) -> None:
        self.connected = reason == "Success"

    def _on_disconnect(self, *_why: object) -> None:
        self.connected = False

    def __enter__(self) -> Self:
        self.wait(lambda: self.connected is not None)
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def wait(self, done) -> bool:
        until = time.monotonic() + 3
        while not done() and time.monotonic() < until:
            time.sleep(0.01)
        return done()

    def may_say(self, topic: str) -> bool:
        """Whether the broker took a message; without a subscriber it says so, and that is fine."""
        sent = self._client.publish(f"{SITE}/{topic}", b"{}", qos=1)
        assert self.wait(lambda: sent.mid in self.answers)
        return self.answers[sent.mid] in {0, 16}

    def listen(self, topic: str) -> None:
        _, mid = self._client.subscribe(f"{SITE}/{topic}", qos=1)
        assert self.wait(lambda: mid in self.answers)


def test_a_gateway_speaks_in_its_own_branch_only(broker: tuple[Path, int]) -> None:
    """Its certificate says who it is; another's branch, the hub's and the rest of the world are refused."""
    with Client(broker, "pi-lounge") as gateway:
        assert gateway.connected
        for topic in (
            "pi-lounge/status",
            "pi-lounge/up/events/0",
            "pi-lounge/up/ask",
            "pi-lounge/peers/levels",
            "zones/bacon",
        ):
            assert gateway.may_say(topic), topic
        for topic in ("pi-bar/status", "pi-bar/up/events/0", "pi-bar/peers/levels", "pi-lounge/down/ack", "hub/status"):
            assert not gateway.may_say(topic), topic


def test_a_gateway_hears_its_peers_and_the_hub_but_not_what_is_meant_for_others(broker: tuple[Path, int]) -> None:
    """Levels and states of neighbours reach it, and what the hub sends down to it; nobody else's mail does."""
    with Client(broker, "pi-bar") as bar, Client(broker, "hub") as hub:
        bar.listen("#")
        for topic in ("+/peers/levels", "+/status", "pi-bar/down/#", "pi-lounge/down/#", "pi-lounge/up/#"):
            bar.listen(topic)
        for topic in (
            "pi-lounge/down/profiles",
            "pi-lounge/up/events/0",
            "pi-lounge/peers/levels",
            "hub/status",
            "pi-bar/down/ack",
        ):
            assert hub.may_say(topic), topic
        bar.wait(lambda: f"{SITE}/pi-bar/down/ack" in bar.heard)

        assert set(bar.heard) == {f"{SITE}/pi-lounge/peers/levels", f"{SITE}/hub/status", f"{SITE}/pi-bar/down/ack"}


def test_nobody_comes_in_without_a_certificate(broker: tuple[Path, int]) -> None:
    """TLS alone is not enough."""
    with Client(broker, "nobody", certified=False) as stranger:
        assert not stranger.connected
