"""Who may come to the hub: users of its pages and keys of its doors, in a file beside the database.

The file (0600) is written by `edgehub hub user` and `edgehub hub key` while the hub runs, and followed by it. It holds
what proves a secret, never the secret: a password as scrypt, a key as the digest of its 256 random bits.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import structlog

from edgehub.config.secrets import exposed
from edgehub.durable import replace_file
from edgehub.web.secrecy import hash_password, new_token, same, token_digest

log = structlog.get_logger("edgehub.hub")

COLLECTOR, APP, STAMPS = "collector", "app", "stamps"
DOORS = (COLLECTOR, APP, STAMPS)
LEAST_PASSWORD = 10
"""Characters, as NIST SP 800-63B asks for something longer than eight where nothing else protects it."""


class AccessError(Exception):
    """The file cannot be used; says what to do."""


@dataclass(frozen=True, slots=True)
class WriteKey:
    """A key that a source shows at a door. What is shown is ``ID.SECRET``."""

    id: str
    source: str
    """Of data_layer.yaml: in whose words it speaks."""
    door: str
    digest: str


@dataclass(frozen=True, slots=True)
class Access:
    """What the file says."""

    users: Mapping[str, str] = field(default_factory=dict)
    """Name → what is kept of the password."""
    keys: Mapping[str, WriteKey] = field(default_factory=dict)
    """Id → key."""
    seal: str = ""
    """Random, for tokens that the hub makes and later recognises without keeping them."""

    def with_user(self, name: str, password: str) -> "Access":
        """With this user, or this password for the user. Raises ValueError for a password too short."""
        if len(password) < LEAST_PASSWORD:
            raise ValueError(f"a password has at least {LEAST_PASSWORD} characters")
        return replace(self, users={**self.users, name: hash_password(password)})

    def without_user(self, name: str) -> "Access":
        """Without this user. Raises KeyError."""
        users = dict(self.users)
        del users[name]
        return replace(self, users=users)

    def with_key(self, source: str, door: str) -> tuple["Access", str]:
        """With a new key, and the key as its holder shows it: it is never seen again."""
        key_id, secret = os.urandom(4).hex(), new_token()
        key = WriteKey(key_id, source, door, token_digest(secret))
        return replace(self, keys={**self.keys, key_id: key}), f"{key_id}.{secret}"

    def without_key(self, key_id: str) -> "Access":
        """Without this key. Raises KeyError."""
        keys = dict(self.keys)
        del keys[key_id]
        return replace(self, keys=keys)

    def key(self, shown: str) -> WriteKey | None:
        """The key that somebody shows, if it is one of ours."""
        key_id, _, secret = shown.partition(".")
        key = self.keys.get(key_id)
        return key if key is not None and same(token_digest(secret), key.digest) else None


def read_access(path: Path) -> Access:
    """What the file says; nothing when there is none. Raises AccessError."""
    try:
        if (how := exposed(path)) is not None:
            raise AccessError(f"{path}: others on this machine may read this file ({how}). Run: chmod 600 {path}")
        raw = json.loads(path.read_text("utf-8"))
        keys = {key_id: WriteKey(**key) for key_id, key in raw["keys"].items()}
        return Access(dict(raw["users"]), keys, raw["seal"])
    except FileNotFoundError:
        return Access()
    except OSError as error:
        raise AccessError(f"{path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise AccessError(
            f"{path} is damaged ({error}). Take it back from a backup, or remove it and begin anew."
        ) from error


def write_access(path: Path, access: Access) -> None:
    """Write the file, whole or not at all, readable by its owner alone. Raises OSError."""
    sealed = access if access.seal else replace(access, seal=new_token())
    replace_file(path, json.dumps(asdict(sealed), indent=1), private=True)


class AccessFile:
    """The file, as it is now: looked at again when it changed. While it cannot be used, nobody is let in."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._access = Access()
        self.damaged = False

    @property
    def now(self) -> Access:
        """What it says."""
        seen = self._fingerprint()
        if seen != self._seen:
            self._seen = seen
            self._read()
        return self._access

    def password_of(self, user: str) -> str | None:
        """What is kept of a user's password."""
        return self.now.users.get(user)

    @property
    def has_users(self) -> bool:
        """True when pages are for users only: there are some, or nobody can know."""
        return bool(self.now.users) or self.damaged

    def _read(self) -> None:
        try:
            self._access, self.damaged = read_access(self._path), False
        except AccessError as error:
            log.error("access.refused", why=str(error))  # noqa: TRY400  # a state, told in a sentence
            self._access, self.damaged = Access(), True

    def _fingerprint(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return 0, 0
        return found.st_ctime_ns, found.st_ino  # ctime: also a chmod that mends it is a change
