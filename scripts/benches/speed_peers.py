"""The peers' environment: an environment of its own, from peers.lock, kept in the cache of whoever benches."""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

LOCK = Path(__file__).with_name("peers.lock")


def cache() -> Path:
    """Where the bench keeps what is dear to make again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgehub-bench"


def python() -> str:
    """The interpreter that can import the peers; the first call installs them."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    home = cache() / f"peers-{version}-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    if not (home / "ready").exists():
        _install(home)
    return str(home / "bin" / "python")


def _install(home: Path) -> None:
    print(f"Installing the peers (scripts/benches/peers.lock) in {home} …", file=sys.stderr)
    venv.create(home, with_pip=True, clear=True)
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)], check=True)
    (home / "ready").touch()
