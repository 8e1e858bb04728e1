"""SQL in files: ``-- name: insert_row`` begins a statement, and the next name or the end of the file ends it."""

import re

_NAME = re.compile(r"^-- name: (\w+)[^\n]*\n", re.MULTILINE)


def named_statements(text: str) -> dict[str, str]:
    """Name → statement."""
    parts = _NAME.split(text)
    return {name: statement.strip() for name, statement in zip(parts[1::2], parts[2::2], strict=True)}
