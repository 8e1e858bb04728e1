"""Where a server of ours listens: loopback unless told otherwise, and what to say when others on the network can listen in."""

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from edgehub.config import refuse_exposed

ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104  # named here to be warned of


class ListenError(ValueError):
    """Nobody can listen like this; says how it is written."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Address and port, and the certificate that makes it TLS."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    cert: Path | None = None
    key: Path | None = None

    @classmethod
    def parse(cls, text: str, cert: Path | None = None, key: Path | None = None) -> "Listen":
        """Read HOST:PORT; without a host it is this machine alone. Raises ListenError."""
        host, _, port = text.rpartition(":")
        if not (port.isascii() and port.isdigit() and int(port) < 2**16):
            raise ListenError(f'"{text}" is not HOST:PORT, for example 127.0.0.1:8080')
        if (cert is None) != (key is None):
            raise ListenError("a certificate needs its key, and a key its certificate")
        return cls(host.strip("[]") or "127.0.0.1", int(port), cert, key)

    @property
    def loopback(self) -> bool:
        """True when only programs of this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def tls(self) -> bool:
        """True when nobody on the way can read or change what travels."""
        return self.cert is not None

    def context(self) -> ssl.SSLContext | None:
        """For the server. Raises OSError, with the file's name, when certificate or key cannot be used."""
        if self.cert is None:
            return None
        if self.key is not None:
            refuse_exposed(self.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.cert, self.key)
        return context

    def url(self, port: int) -> str:
        """How a browser on this machine finds it, on the port it got."""
        host = "localhost" if self.loopback or self.host in ANY else self.host
        return f"http{'s' if self.tls else ''}://{f'[{host}]' if ':' in host else host}:{port}/"

    def warning(self, what: str) -> str | None:
        """A sentence for whoever starts it, when others can read what travels."""
        if self.loopback or self.tls:
            return None
        return (
            f"{what} listens on {self.host} without TLS: whoever is on that network can read keys, passwords and guests' "
            "data. Give it --tls-cert and --tls-key, or put a proxy with TLS in front and listen on 127.0.0.1."
        )
