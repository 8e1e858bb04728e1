"""A real PostgreSQL of our own, from Debian's package: a folder of its own, a Unix socket, and nobody else on it."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import psycopg
from sqlalchemy import URL

STARTS_WITHIN_S = 30.0
NEEDS = "PostgreSQL is missing: apt install postgresql (scripts/test does it)"


def program(name: str) -> str | None:
    """Where Debian keeps it: the newest version there is."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    return shutil.which(name, path=os.pathsep.join(str(folder) for folder in reversed(folders))) or shutil.which(name)


def available() -> bool:
    """True when there is one to start, by somebody it lets start it: root has to become another user."""
    return program("initdb") is not None and (os.geteuid() != 0 or _owner() is not None)


def _owner() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam("postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
    except KeyError:
        return None


class Postgres:
    """A server as a context manager.

    Args:
        durable: False where nothing is measured and nothing crashes: it does not wait for the disk then.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        self._databases = 0
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        owner = _owner()
        assert owner is not None, NEEDS
        self._directory = Path(tempfile.mkdtemp(prefix="edgehub-pg-"))
        os.chown(self._directory, owner.pw_uid, owner.pw_gid)
        self._become = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        try:
            self._start()
        except BaseException:
            shutil.rmtree(self._directory, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)  # "fast": it does not wait for those who are connected
        self._process.wait(30)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _start(self) -> None:
        data = self._directory / "data"
        make = [program("initdb"), "-D", data, "-U", "edgehub", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, cwd="/", **self._become)  # type: ignore[call-overload]
        settings = ["listen_addresses=", f"unix_socket_directories={self._directory}", "max_wal_size=2GB"]
        if not self._durable:
            settings += ["fsync=off", "full_page_writes=off"]
        words = [program("postgres"), "-D", data, *(word for setting in settings for word in ("-c", setting))]
        with (self._directory / "log").open("wb") as out:
            self._process = subprocess.Popen(words, stdout=out, stderr=out, cwd="/", **self._become)  # type: ignore[call-overload]
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                psycopg.connect(self._conninfo("postgres")).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise AssertionError((self._directory / "log").read_text()) from error
                time.sleep(0.05)
            else:
                return

    def _conninfo(self, database: str) -> str:
        return f"host={self._directory} user=edgehub dbname={database}"

    def database(self) -> URL:
        """The address of a new, empty database."""
        self._databases += 1
        name = f"hub{self._databases}"
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name}".encode())
        return URL.create("postgresql", "edgehub", database=name, query={"host": str(self._directory)})

    def query(self, url: URL, sql: str) -> list[tuple[object, ...]]:
        """All rows, asked from outside."""
        with psycopg.connect(self._conninfo(url.database or "")) as connection:
            return connection.execute(sql.encode()).fetchall()
