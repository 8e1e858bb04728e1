"""Secrets as they are kept: only what proves them, never themselves."""

import hashlib
import hmac
import secrets

# OWASP's recommendation for machines with little memory (Password Storage Cheat Sheet): 32 MiB, about a third of a
# second on a Pi 4, for each guess.
COST, BLOCK, LANES = 2**15, 8, 3
MEMORY = 64 * 2**20
SALT_BYTES = 16
NOBODYS = f"scrypt${COST}${BLOCK}${LANES}${bytes(SALT_BYTES).hex()}${bytes(32).hex()}"
"""Looks like what is kept of a password, and is nobody's: to find that out takes as long as for somebody's."""


def hash_password(password: str) -> str:
    """What to keep of a password: ``scrypt$COST$BLOCK$LANES$SALT$HASH``. Dear on purpose: call it in a thread."""
    salt = secrets.token_bytes(SALT_BYTES)
    return f"scrypt${COST}${BLOCK}${LANES}${salt.hex()}${_stretched(password, salt, COST, BLOCK, LANES).hex()}"


def password_matches(password: str, kept: str) -> bool:
    """True when ``kept`` was made from this password. Raises ValueError when ``kept`` is not of our making."""
    kind, cost, block, lanes, salt, made = kept.split("$")
    if kind != "scrypt":
        raise ValueError(f"passwords kept as {kind} are unknown here")
    return hmac.compare_digest(
        _stretched(password, bytes.fromhex(salt), int(cost), int(block), int(lanes)), bytes.fromhex(made)
    )


def _stretched(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=block, p=lanes, maxmem=MEMORY, dklen=32)


def new_token() -> str:
    """256 random bits, for letters, addresses and headers."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """What to keep of a token: nobody guesses 256 random bits, so a fast hash is as good as a dear one."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def same(said: str, right: str) -> bool:
    """Whether two texts are one, in a time that does not tell how far they agree."""
    return hmac.compare_digest(said.encode(errors="surrogatepass"), right.encode(errors="surrogatepass"))
