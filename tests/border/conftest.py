"""Shared by the tests of the hub's store: each runs on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.fakes.postgres import NEEDS, Postgres, available


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    if not available():
        pytest.skip(NEEDS)
    with Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path | URL:
    if request.param == "sqlite":
        return tmp_path / "hub.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()
