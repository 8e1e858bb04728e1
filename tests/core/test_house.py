"""The house rules that no linter knows."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "edgehub"

ROOMS = {
    "bleak": {"gateway/radio_bleak.py"},
    "phue": {"gateway/hue/driver.py"},
    "paho": {"mqtt/link.py"},
    "yaml": {"config/yaml.py"},
    "aiosqlite": {"gateway/store/database.py", "hub/store/__init__.py"},
}


@pytest.mark.parametrize("library", sorted(ROOMS))
def test_a_library_that_may_be_replaced_lives_in_one_module(library: str) -> None:
    """Replacing it touches one file (one per store for the database)."""
    users = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if library in set(imports(path))}
    assert users
    assert users <= ROOMS[library]


def imports(path: Path) -> Iterator[str]:
    """Top-level names a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
