"""Shared by all tests: `--long` runs the long ones too."""

import pytest
from hypothesis import Phase, settings

# Without the phase that traces every line to explain a failure: it makes passing tests several times slower. Without a
# deadline: machines that run tests are busy, and no test of ours is about time.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink)
settings.register_profile("edgehub", phases=PHASES, deadline=None)
settings.load_profile("edgehub")


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
