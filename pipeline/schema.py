"""The files that define the store, as statements for any DuckDB database: a lake or a plain file."""

import hashlib
from pathlib import Path
from typing import Protocol

HERE = Path(__file__).parent
PARTS = (
    "schema.sql",
    "derived.sql",
    "footings.sql",
    "cycles.sql",
    "issues.sql",
    "wire.sql",
    "leavers.sql",
    "scope.sql",
    "groups.sql",
    "completeness.sql",
    "quarantine.sql",
    "tokens.sql",
)
"What is written, and what follows from it, in the order in which one part uses another."


class Executes(Protocol):
    """Something that runs SQL."""

    def execute(self, query: str, /) -> object:
        """Runs one or several statements."""


def build_schema(cursor: Executes) -> None:
    """Makes every table and view in the cursor's current database, a lake or a plain DuckDB file."""
    for part in PARTS:
        cursor.execute(schema_text(part))


def schema_text(name: str) -> str:
    """Gives one of the files that define the store."""
    return (HERE / name).read_text(encoding="utf-8")


def schema_version() -> str:
    """Names the schema by its text, so that a change of any part rebuilds the views."""
    return hashlib.sha256("".join(map(schema_text, PARTS)).encode()).hexdigest()[:16]
