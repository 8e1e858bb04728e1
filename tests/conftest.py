"""Shared by all tests: `--long` runs the long ones too."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --long."""
    parser.addoption("--long", action="store_true", help="run the long tests too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long tests unless asked for them."""
    if config.getoption("--long"):
        return
    skip = pytest.mark.skip(reason="long: run with scripts/test --long")
    for item in items:
        if "long" in item.keywords:
            item.add_marker(skip)
