"""Many rows at once, in the driver's own words: for thousands of them SQLAlchemy's care for each is half of the time.

PostgreSQL is given the rows of the busiest statements as one JSON text, which it makes rows of itself: a message there
and back for each row would be most of the time.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from edgehub.core.wire.fields import dump_text

Rows = Sequence[Mapping[str, Any]]
Write = Callable[[Connection, Rows], None]
"""A statement; runs with each of these rows."""

BUSY = ("insert_event", "put_stay", "mark_stale", "put_profile")
"""No two rows of one commit have the same key."""
_INSERT = re.compile(r"insert into (\w+) \(([^)]+)\)\s*values \(([^)]+)\)\s*(.*)", re.DOTALL)
_COLUMNS = text(
    "select table_name, column_name, data_type from information_schema.columns where table_schema = current_schema()"
)


def writes(statements: Mapping[str, TextClause], connection: Connection) -> dict[str, Write]:
    """How each statement is run on this database, whose tables are there."""
    dialect = connection.dialect
    made = {name: _by_row(statement, dialect) for name, statement in statements.items()}
    if dialect.name == "postgresql":
        types = {(table, column): kind for table, column, kind in connection.execute(_COLUMNS)}
        made |= {name: _as_json(statements[name].text, types) for name in BUSY}
    return made


def _by_row(statement: TextClause, dialect: Dialect) -> Write:
    compiled = statement.compile(dialect=dialect)
    sql, names = str(compiled), compiled.positiontup if isinstance(compiled, SQLCompiler) else None

    def placed(connection: Connection, rows: Rows) -> None:
        assert names is not None
        connection.exec_driver_sql(sql, [tuple([clean(row[name]) for name in names]) for row in rows])

    def named(connection: Connection, rows: Rows) -> None:
        connection.exec_driver_sql(sql, [{name: clean(value) for name, value in row.items()} for row in rows])

    return named if names is None else placed


def _as_json(sql: str, types: Mapping[tuple[str, str], str]) -> Write:
    found = _INSERT.fullmatch(sql.strip())
    assert found is not None, "an insert"
    table, columns, values, rest = found.groups()
    names = [value.strip().removeprefix(":") for value in values.split(",")]
    kinds = dict(zip(names, (types[table, column.strip()] for column in columns.split(",")), strict=True))
    told = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    rows_sql = f"select {', '.join(names)} from json_to_recordset(%(rows)s) as told ({told})"  # noqa: S608  # of our own files
    whole = f"insert into {table} ({columns}) {rows_sql} {rest}"

    def run(connection: Connection, rows: Rows) -> None:
        plain = [{name: _plain(row[name]) for name in kinds} for row in rows]
        connection.exec_driver_sql(whole, {"rows": dump_text(plain)})

    return run


def _plain(value: Any) -> Any:
    """As JSON can say it, and PostgreSQL reads it."""
    return f"\\x{value.hex()}" if type(value) is bytes else clean(value)


def clean(value: Any) -> Any:
    """A text without what one of the databases cannot keep: NUL, and half a surrogate pair. Others stay as they are."""
    if type(value) is not str or (value.isascii() and "\0" not in value):
        return value
    return value.replace("\0", "\ufffd").encode(errors="replace").decode()
