"""TLS to the broker: whom we trust, and who we say we are."""

import ssl
from pathlib import Path

from edgehub.config import MqttSettings, refuse_exposed


class _Socket(ssl.SSLSocket):
    """A TLS connection that is closed when its handshake fails: paho leaves that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def tls_context(settings: MqttSettings) -> ssl.SSLContext:
    """The context for the files these settings name.

    Raises:
        OSError: a file is not there, is no certificate or key, or is a key that others may read.
    """
    context = ssl.create_default_context(cafile=settings.ca)
    context.sslsocket_class = _Socket
    if settings.cert is not None:
        if settings.key is not None:
            refuse_exposed(Path(settings.key))
        context.load_cert_chain(settings.cert, settings.key)
    return context
