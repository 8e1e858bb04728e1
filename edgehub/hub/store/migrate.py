"""Numbered migrations, brought up to date in one transaction: a store is of one version or of the next."""

import re
from importlib.resources import files

from sqlalchemy import Connection

from edgehub.hub.store.engines import Engines

_SQL = files(__package__) / "sql"
_COMMENT = re.compile(r"--[^\n]*")


class TooNewError(Exception):
    """The store was written by a later edgehub."""


def migrate(engines: Engines) -> None:
    """Bring the schema up to date. Raises TooNewError."""
    scripts = sorted(entry.name for entry in _SQL.iterdir() if re.fullmatch(r"hub_\d+\.sql", entry.name))
    with engines.writer.begin() as connection:
        version = _version(connection)
        if version > len(scripts):
            raise TooNewError(f"it is of version {version}, and this edgehub knows {len(scripts)}: update edgehub")
        for name in scripts[version:]:
            for statement in _statements((_SQL / name).read_text()):
                sql = engines.words(statement)
                connection.exec_driver_sql(sql, execution_options={"no_parameters": True})  # "%" stands for itself
        if version < len(scripts):
            _set_version(connection, len(scripts))


def _statements(script: str) -> list[str]:
    return [statement for part in _COMMENT.sub("", script).split(";") if (statement := part.strip())]


def _version(connection: Connection) -> int:
    if connection.dialect.name == "sqlite":
        return int(connection.exec_driver_sql("pragma user_version").scalar_one())
    # Two hubs that start at once on one new server: the second waits, and finds the tables made.
    connection.exec_driver_sql("select pg_advisory_xact_lock(hashtext('edgehub hub'))")
    if connection.exec_driver_sql("select to_regclass('meta')").scalar_one() is None:
        return 0
    return int(connection.exec_driver_sql("select value from meta where key = 'version'").scalar_one())


def _set_version(connection: Connection, version: int) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"pragma user_version={version}")
        return
    connection.exec_driver_sql("delete from meta where key = 'version'")
    connection.exec_driver_sql(f"insert into meta (key, value) values ('version', '{version}')")  # noqa: S608  # a number
