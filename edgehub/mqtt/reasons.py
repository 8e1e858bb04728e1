"""Why there is no connection: in words for a person."""

import socket
import ssl

from edgehub.config import MqttSettings


def turned_away(settings: MqttSettings) -> str:
    """Why a broker may end a connection before it says a word; TLS 1.3 does not tell."""
    if settings.ca is None:
        return "it ended the connection before it answered (does it want TLS? then set ca, cert and key)"
    return (
        "it ended the connection before it answered: our certificate may be missing, revoked, expired or of another "
        "authority, or its clock is wrong"
    )


def describe(error: Exception, host: str) -> str:
    """Why a connection could not be made, for a person."""
    match error:
        case ConnectionRefusedError():
            return "nothing listens there (is it running?)"
        case socket.gaierror():
            return f"there is no host called {host}"
        case TimeoutError():
            return "it does not answer"
        case ssl.SSLCertVerificationError() if "not yet valid" in str(error):
            return "clock problem: its certificate is not valid yet by the clock of this machine (is the time set?)"
        case ssl.SSLCertVerificationError() if "has expired" in str(error):
            return "its certificate has expired by the clock of this machine"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted ({error.verify_message})"
        case ssl.SSLError():
            return f"TLS failed ({error.reason or 'a file of certificate or key is none'})"
        case FileNotFoundError():
            return f"the file {error.filename or 'of a certificate'} is missing"
    return str(error) or type(error).__name__
