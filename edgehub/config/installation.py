"""edgehub.yaml → Installation: what the installer says once about this machine."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from edgehub.config.fields import Choice, Entry, Field, Number, Secret, Size, Text
from edgehub.config.groups import Group, ListOf, MapOf
from edgehub.config.page import Page
from edgehub.config.problems import START, Mistake
from edgehub.config.secrets import Secrets, exposed
from edgehub.core.data import dataclass

FILE: Final = "edgehub.yaml"


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """How to reach the broker. TLS when ``ca`` is set; files are absolute paths."""

    host: str
    port: int = 8883
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    protocol: str = "5"
    """"5" or "3.1.1"."""


@dataclass(frozen=True, slots=True)
class BluetoothSettings:
    """Which radios to listen with, and where their packets come from."""

    adapters: tuple[str, ...] = ("hci0",)
    source: str = "bluez"
    """"bluez", or "socket:PATH" for a simulated radio."""


@dataclass(frozen=True, slots=True)
class BridgeSettings:
    """Where a Hue bridge is."""

    host: str = "auto"
    """Name or address, with ":PORT" where it is unusual; "auto" will ask the network; this version wants the address."""


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """How much disk the outbox may take."""

    quota_bytes: int = 512 * 2**20


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The page in the browser."""

    host: str = "127.0.0.1"
    port: int = 8080
    pin: str | None = field(default=None, repr=False)

    @property
    def listen(self) -> str:
        """HOST:PORT."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How the log is written."""

    style: str = "auto"
    """"auto", "sentence" or "json"."""
    level: str = "info"


@dataclass(frozen=True, slots=True)
class Installation:
    """All of edgehub.yaml."""

    site: str
    gateway: str
    """This machine's name in topics; "hub" on the hub."""
    role: str = "gateway"
    """"gateway" or "hub"."""
    mqtt: MqttSettings | None = None
    """None: this gateway works alone, without a hub."""
    bluetooth: BluetoothSettings = field(default_factory=BluetoothSettings)
    hue: Mapping[str, BridgeSettings] = field(default_factory=dict)
    storage: StorageSettings = field(default_factory=StorageSettings)
    web: WebSettings | None = None
    logs: LogSettings = field(default_factory=LogSettings)

    @property
    def receivers(self) -> tuple[str, ...]:
        """Names of this machine's receivers: GATEWAY, or GATEWAY/ADAPTER for each of several adapters."""
        adapters = self.bluetooth.adapters
        return (self.gateway,) if len(adapters) == 1 else tuple(f"{self.gateway}/{name}" for name in adapters)


_NAME: Final = "[a-z0-9][a-z0-9-]{0,62}"  # a topic level, a certificate's CN and a file name at once
_TOPIC_NAME = Text("a name for topics", _NAME, "Use lower-case letters, digits and - only, like pi-lounge.")


def topic_name(text: str) -> str:
    """``text``, when a site or gateway may be called that; ValueError says how names are written."""
    if not re.fullmatch(_NAME, text):
        raise ValueError(f'"{text}" is not {_TOPIC_NAME.what}. {_TOPIC_NAME.hint}')
    return text


_HOST = Text("a host name or address", r"[A-Za-z0-9_.\-]+|\[?[0-9A-Fa-f:.]+\]?", "Write it like hub.local or 10.0.0.5.")
_HOST_PORT = Text("an address", r"[A-Za-z0-9_.\-\[\]:]+", "Write it like 10.0.0.7 or 10.0.0.7:8443.")

MQTT = Group({
    "host": Field(_HOST, "Where the broker is.", "hub.local", required=True),
    "port": Field(Number(1, 65535), "Its port; 8883 with ca, 1883 without, unless said.", 8883),
    "ca": Field(Text("a file"), "Certificate of the venue's authority, beside this file. Its presence means TLS.", "ca.crt"),
    "cert": Field(Text("a file"), "This machine's certificate; its CN is the gateway's name.", "pi-lounge.crt"),
    "key": Field(Text("a file"), "The private key of that certificate.", "pi-lounge.key"),
    "username": Field(Text(), "Only for a foreign broker.", "edgehub"),
    "password": Field(Secret(), "Only for a foreign broker.", "!secret mqtt_password"),
    "protocol": Field(Choice(("5", "3.1.1")), "MQTT version; 3.1.1 only for a broker that knows no other.", 5, default="5"),
})  # fmt: skip

BLUETOOTH = Group({
    "adapters": Field(
        ListOf(Text("an adapter", "[A-Za-z0-9]+", "Write it like hci0."), least=1), "Radios to listen with.", ["hci0"], default=("hci0",)
    ),
    "source": Field(
        Text("bluez or socket:PATH", r"bluez|socket:.+", "Write bluez, or socket:PATH for a simulated radio."),
        "Where packets come from: the machine's Bluetooth, or a simulated radio.",
        "bluez",
        default="bluez",
    ),
})  # fmt: skip

BRIDGE = Group({
    "host": Field(_HOST_PORT, "Its address, as the Hue app shows it; auto is for a later version.", "10.0.0.7", default="auto"),
})  # fmt: skip

WEB = Group({
    "listen": Field(
        Text("an address and a port", r"(\S+):[0-9]{1,5}", 'Write it like "127.0.0.1:8080".'),
        "Address and port of the page; 0.0.0.0 lets other machines see it.",
        "127.0.0.1:8080",
        default="127.0.0.1:8080",
    ),
    "pin": Field(Secret(), "What staff type before they may change something.", "!secret staff_pin"),
})  # fmt: skip

SETTINGS = Group({
    "version": Field(Choice(("1",)), "Version of this file's form.", 1, required=True),
    "site": Field(_TOPIC_NAME, "One name for all gateways and the hub of a venue.", "dv-conference", required=True),
    "role": Field(Choice(("gateway", "hub")), "What this machine is.", "gateway", default="gateway"),
    "gateway": Field(_TOPIC_NAME, "This machine's own name; may be left out on the hub.", "pi-lounge"),
    "mqtt": Field(MQTT, "The broker; without it the gateway works alone.", {"host": "hub.local", "ca": "ca.crt"}),
    "bluetooth": Field(BLUETOOTH, "The radio.", {"adapters": ["hci0"]}),
    "hue": Field(MapOf(BRIDGE, "a Hue bridge"), "Hue bridges by nickname.", {"hall": {"host": "10.0.0.7"}}),
    "storage": Field(
        Group({"quota": Field(Size(16 * 2**20), "Most that unsent events may take on disk.", "512 MiB", default=512 * 2**20)}),
        "Disk space.",
        {"quota": "512 MiB"},
    ),
    "web": Field(WEB, "The page in the browser; off without it.", {"listen": "127.0.0.1:8080"}),
    "logs": Field(
        Group({
            "style": Field(
                Choice(("auto", "sentence", "json")), "Sentences on a terminal and JSON under systemd, or always one.", "auto", default="auto"
            ),
            "level": Field(Choice(("debug", "info", "warning", "error")), "The least that is written.", "info", default="info"),
        }),
        "The log.",
        {"level": "info"},
    ),
})  # fmt: skip

# Topic levels that are no gateway: edgehub/v1/SITE/{hub,zones,audiences}/…
_RESERVED: Final = frozenset({"hub", "zones", "audiences"})


def load_installation(directory: Path | str) -> Installation:
    """Return what edgehub.yaml and secrets.yaml of a folder say.

    Raises:
        ConfigError: with every mistake of both files.
    """
    secrets = Secrets.of(Path(directory))
    page = Page(Path(directory) / FILE, secret=secrets.find)
    installation = read_installation(page)
    page.problems.extend(secrets.problems)
    page.raise_mistakes()
    assert installation is not None
    return installation


def read_installation(page: Page) -> Installation | None:
    """Return the installation, or None with the mistakes in ``page``."""
    tree = page.tree()
    if tree is None:
        return None
    values = SETTINGS.read(Entry(page.path.name, START, tree), page)
    for mistake in (*_mistakes(values), *_exposed_key(values, page.path.parent)):
        page.report(Mistake(page.mark(*mistake.path), mistake.message, mistake.hint))
    return None if page.broken else _installation(values, page.path.parent)


@dataclass(frozen=True, slots=True)
class _Inconsistency:
    path: tuple[str, ...]
    message: str
    hint: str


def _mistakes(values: Mapping[str, Any]) -> list[_Inconsistency]:
    found = []
    gateway = values.get("gateway")
    if values.get("role") == "gateway" and "gateway" in values:
        if gateway is None:
            found.append(_Inconsistency((), f'{FILE} has no "gateway"', "Add a line, for example: gateway: pi-lounge"))
        elif gateway in _RESERVED:
            hint = "Give this machine a name of its own, like pi-lounge."
            found.append(_Inconsistency(("gateway",), f'"{gateway}" is taken in the topics of every site', hint))
    mqtt = values.get("mqtt") or {}
    for one, other in (("cert", "key"), ("key", "cert"), ("cert", "ca"), ("password", "username")):
        if mqtt.get(one) and other in mqtt and mqtt[other] is None:
            found.append(_Inconsistency(("mqtt", one), f'"{one}" needs "{other}" beside it', f"Add {other}: …"))
    web = values.get("web") or {}
    if "listen" in web and int(web["listen"].rpartition(":")[2]) > 65535:
        found.append(_Inconsistency(("web", "listen"), "there are only 65535 ports", 'Write it like "127.0.0.1:8080".'))
    return found


def _exposed_key(values: Mapping[str, Any], directory: Path) -> list[_Inconsistency]:
    """A private key that others may read is nobody's; one that is not there yet is told of when it is needed."""
    name = (values.get("mqtt") or {}).get("key")
    with suppress(OSError):
        if name and (mode := exposed(directory / name)):
            message = f"others on this machine may read {name} ({mode})"
            return [_Inconsistency(("mqtt", "key"), message, f"Run: chmod 600 {directory / name}")]
    return []


def _installation(values: Mapping[str, Any], directory: Path) -> Installation:
    hue, bluetooth, storage, logs = (values[name] or {} for name in ("hue", "bluetooth", "storage", "logs"))
    return Installation(
        site=values["site"],
        gateway=values["gateway"] or "hub",
        role=values["role"],
        mqtt=_mqtt(values["mqtt"], directory) if values["mqtt"] else None,
        bluetooth=BluetoothSettings(**bluetooth),
        hue={nickname: BridgeSettings(**bridge) for nickname, bridge in hue.items()},
        storage=StorageSettings(storage["quota"]) if storage else StorageSettings(),
        web=_web(values["web"]) if values["web"] else None,
        logs=LogSettings(**logs),
    )


def _mqtt(mqtt: Mapping[str, Any], directory: Path) -> MqttSettings:
    files = {name: str((directory / mqtt[name]).absolute()) for name in ("ca", "cert", "key") if mqtt[name]}
    port = mqtt["port"] or (8883 if mqtt["ca"] else 1883)
    return MqttSettings(**{**mqtt, **files, "port": port})


def _web(web: Mapping[str, Any]) -> WebSettings:
    host, _, port = web["listen"].rpartition(":")
    return WebSettings(host.strip("[]"), int(port), web["pin"])
