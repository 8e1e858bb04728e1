"""hue-keys.json in the state directory: the only place where the key of a bridge is kept."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, field
from pathlib import Path
from typing import Any, Final

from edgehub.core.data import dataclass
from edgehub.durable import replace_file
from edgehub.gateway.hue.errors import KeyFileError, NotPaired

NAME: Final = "hue-keys.json"


@dataclass(frozen=True, slots=True)
class Key:
    """What pairing with a bridge left behind."""

    bridge_id: str
    """16 hex digits; another bridge at the same address is refused."""
    username: str = field(repr=False)
    """The secret itself, by Hue's name for it."""
    scheme: str | None = None
    """"http" or "https", as the bridge was found; None is found out on first use."""
    certificate: str | None = None
    """SHA-256 (hex) of the bridge's own certificate; another one is refused."""


class KeyFile:
    """The keys of all bridges by nickname, in a file that only its owner may read.

    Args:
        path: of the file, usually hue-keys.json in the state directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def key(self, nickname: str) -> Key:
        """The key of a bridge. Raises NotPaired without one, KeyFileError when the file is unsafe or broken."""
        key = self.keys().get(nickname)
        if key is None:
            raise NotPaired(f"there is no key for this bridge: run `edgehub hue pair {nickname}`")
        return key

    def keys(self) -> Mapping[str, Key]:
        """All keys. Raises KeyFileError when the file is unsafe or broken."""
        try:
            with self.path.open(encoding="utf-8") as file:
                self._refuse_if_readable(os.fstat(file.fileno()).st_mode)
                return {nickname: Key(**entry) for nickname, entry in json.load(file)["bridges"].items()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise KeyFileError(f"{self.path} cannot be read ({error.strerror}): check its owner") from error
        except (ValueError, KeyError, TypeError, AttributeError):
            # The cause may quote the file, and the file holds keys.
            raise KeyFileError(f"{self.path} is damaged: remove it and pair the bridges again") from None

    def put(self, nickname: str, key: Key) -> None:
        """Keep a key beside those of other bridges. The file is whole at every moment. Raises KeyFileError."""
        keys = {**self.keys(), nickname: key}
        entries = {name: asdict(each) for name, each in sorted(keys.items())}
        try:
            self._replace({"version": 1, "bridges": entries})
        except OSError as error:
            raise KeyFileError(f"{self.path} cannot be written ({error.strerror}): check its directory") from error

    def _replace(self, content: Mapping[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self.path, json.dumps(content, indent=2), private=True)

    def _refuse_if_readable(self, mode: int) -> None:
        if mode & 0o077:
            raise KeyFileError(f"{self.path} can be read by others (mode {mode & 0o777:o}): run chmod 600 {self.path}")
