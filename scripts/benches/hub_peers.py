"""What the hub's intake is measured against: each event inserted and committed by itself, by the plain driver."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import psycopg
from sqlalchemy import URL

EVENTS = 300
TABLE = "create table peer (id bigint primary key, source text, key text unique, body text)"
BODY = '{"visit":"0123456789abcdef","person":"p1","zone":"bar","dwell_s":60.0}'


def one_by_one(database: Path | URL) -> float:
    """Events per second."""
    if isinstance(database, URL):
        return _postgresql(database)
    with closing(sqlite3.connect(database.with_name("peer.db"), isolation_level=None)) as connection:
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=full")
        connection.execute(TABLE)
        began = time.perf_counter()
        for n in range(EVENTS):
            connection.execute("insert into peer values (?, 'gateway/pi', ?, ?)", (n, f"k/{n}", BODY))
        return EVENTS / (time.perf_counter() - began)


def _postgresql(url: URL) -> float:
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("drop table if exists peer")
        connection.execute(TABLE.encode())
        began = time.perf_counter()
        for n in range(EVENTS):
            connection.execute("insert into peer values (%s, 'gateway/pi', %s, %s)", (n, f"k/{n}", BODY))
        taken_s = time.perf_counter() - began
        connection.execute("drop table peer")
        return EVENTS / taken_s
