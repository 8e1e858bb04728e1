"""One request at a time to a bridge, over within its deadline whatever the other end does.

The timeout of ``http.client`` is per read, so a bridge that drips a byte a second holds it for ever (20 s were
measured for a short reply). Here every read and write gets what is *left* of one deadline.
"""

import contextlib
import hashlib
import io
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any, Final, cast

from edgehub.gateway.hue.errors import BridgeGone, NotABridge, WrongBridge

DEADLINE_S: Final = 3.0
LONGEST_REPLY: Final = 2 * 1024 * 1024
"""Bytes; 63 lamps and 200 scenes make some 150 KB."""
_IGNORE_TIME: Final = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME: a Pi without a clock must still know its bridge."""


class Line:
    """The connection to a bridge: kept alive, rebuilt after any trouble. For one thread, but for ``abort``.

    Args:
        host: address of the bridge, with a port where it is not the usual one.
        scheme: "http" or "https"; None tries both, the encrypted one first where ports tell them apart.
        certificate: SHA-256 (hex) the bridge's certificate must have; None takes what comes and remembers it.
        deadline_s: for each exchange, connecting included.
    """

    def __init__(
        self, host: str, scheme: str | None = None, certificate: str | None = None, deadline_s: float = DEADLINE_S
    ) -> None:
        name, _, port = host.partition(":")
        self.host = host
        self.scheme = scheme
        self.certificate = certificate
        self.sent_at: float | None = None
        """When the last request had been handed to the network (monotonic s)."""
        self.until: float | None = None
        """When the exchange under way must be over (monotonic s); None while there is none."""
        self._name, self._port = name, int(port) if port.isdigit() else None
        self._deadline_s = deadline_s
        self._until = 0.0
        self._socket: socket.socket | None = None

    def exchange(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Send a request, return status and body. Raises BridgeGone, after which the next one connects anew."""
        self.until = self._until = time.monotonic() + self._deadline_s
        self.sent_at = None
        try:
            if self.scheme is None:
                self._find_scheme()
            return self._exchange(method, path, body)
        finally:
            self.until = None

    def certificate_name(self) -> str:
        """Common name in the bridge's certificate, in lower case. Raises BridgeGone."""
        self._until = time.monotonic() + self._deadline_s
        with self._trouble(), _dial(self._name, self._port or 443, self._until) as plain:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            # OpenSSL reads the name only from a certificate it trusts; so trust the one that was shown before.
            context.load_verify_locations(cadata=_certificate(self._name, self._port or 443, self._until))
            context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | _IGNORE_TIME
            with context.wrap_socket(plain) as secure:
                subject = cast("dict[str, Any]", secure.getpeercert() or {}).get("subject", ())
        names = [value for part in subject for key, value in part if key == "commonName"]
        return str(names[0]).lower() if names else ""

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def abort(self) -> None:
        """Break off an exchange under way, from another thread: its reads end at once."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _find_scheme(self) -> None:
        """Http or https, whichever answers as HTTP; each gets half of the time."""
        schemes = ("http", "https") if self._port is not None else ("https", "http")
        until, trouble = self._until, BridgeGone("nothing was tried")
        for number, scheme in enumerate(schemes, start=1):
            self._until, self.scheme = until - (2 - number) * self._deadline_s / 2, scheme
            try:
                status, _ = self._exchange("GET", "/api/config", None)
            except BridgeGone as error:
                trouble = error if number == 1 or not isinstance(trouble, NotABridge) else trouble
            else:
                if not 300 <= status < 400:  # a redirection sends us to the other one
                    self._until = until
                    return
            self.close()
        self.scheme = None
        raise trouble

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        with self._trouble():
            sock, request = self._connected(), self._request(method, path, body)
            sock.settimeout(self._left())
            sock.sendall(request)
            self.sent_at = time.monotonic()
            response = HTTPResponse(cast("Any", _Hurried(sock, self._left)), method=method)
            response.begin()
            content = response.read(LONGEST_REPLY)
            if response.length:
                raise IncompleteRead(content, response.length)
            if response.will_close:
                self.close()
            return response.status, content

    def _request(self, method: str, path: str, body: bytes | None) -> bytes:
        """Head and body in one piece: after every call to the system a busy event loop may be in the interpreter.

        Written by hand, which takes a tenth of what ``http.client`` does (SPD5).
        """
        if not path.isascii() or not path.isprintable() or " " in path:  # ids in it are the bridge's
            raise NotABridge(f"{self.host} gave an id that no address can hold: check the host in edgehub.yaml")
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nAccept-Encoding: identity\r\n"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return f"{head}\r\n".encode() + (body or b"")

    def _connected(self) -> socket.socket:
        if self._socket is None or _stale(self._socket):
            self.close()
            self._socket = self._dial()
        return self._socket

    def _dial(self) -> socket.socket:
        plain = _dial(self._name, self._port or (443 if self.scheme == "https" else 80), self._until)
        if self.scheme != "https":
            return plain
        try:
            secure = _unverified().wrap_socket(plain)
        except BaseException:
            plain.close()
            raise
        self._pin(secure)
        return secure

    def _pin(self, secure: ssl.SSLSocket) -> None:
        """Bridges sign for themselves, so no authority vouches for them: theirs is the certificate shown at pairing."""
        seen = hashlib.sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()
        if self.certificate not in {None, seen}:
            secure.close()
            raise WrongBridge(f"{self.host} shows another certificate than at pairing: if that is right, pair again")
        self.certificate = seen

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        """Turn whatever sockets and HTTP can raise into a sentence, and hang up."""
        try:
            yield
        except (OSError, HTTPException, ValueError) as error:
            self.close()
            raise self._explained(error) from None  # the cause may quote the address, and the address holds the key
        except BridgeGone:
            self.close()
            raise

    def _explained(self, error: Exception) -> BridgeGone:
        match error:
            case TimeoutError():
                return BridgeGone(f"{self.host} did not answer within {self._deadline_s:g} s: is the bridge powered?")
            case socket.gaierror() | UnicodeError():
                return BridgeGone(f"no machine called {self._name!r} is known: give the bridge's IP address")
            case ConnectionRefusedError():
                return BridgeGone(f"{self.host} refuses connections: is that the bridge's address?")
            case ssl.SSLError():
                return NotABridge(f"{self.host} does not speak TLS as a bridge does: check the host in edgehub.yaml")
            case IncompleteRead():
                return BridgeGone(f"{self.host} broke off in the middle of an answer: it is tried again")
            case HTTPException() | ValueError() if not isinstance(error, ConnectionError):
                return NotABridge(f"{self.host} does not speak HTTP as a bridge does: check the host in edgehub.yaml")
            case _:
                return BridgeGone(f"the connection to {self.host} broke: is the bridge on this network?")


class _Hurried:
    """What ``http.client`` takes for its socket, to read an answer: every step gets only what is left of the deadline."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock, self._left = sock, left

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_HurriedReader(self._sock, self._left))


class _HurriedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock, self._left = sock, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._left())
        return self._sock.recv_into(buffer)


def _dial(name: str, port: int, until: float) -> socket.socket:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    sock = socket.create_connection((name, port), timeout=left)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the certificate is pinned instead
    return context


def _certificate(name: str, port: int, until: float) -> bytes:
    """The certificate somebody shows (DER), believed by nobody yet."""
    with _dial(name, port, until) as plain, _unverified().wrap_socket(plain) as secure:
        return secure.getpeercert(binary_form=True) or b""


def _stale(sock: socket.socket) -> bool:
    """True when the other end has hung up, or says something nobody asked for."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
