"""The two files that define the store, as statements for any DuckDB database: a lake or a plain file."""

import hashlib
from pathlib import Path
from typing import Protocol

HERE = Path(__file__).parent


class Executes(Protocol):
    """Something that runs SQL."""

    def execute(self, query: str, /) -> object:
        """Runs one or several statements."""


def build_schema(cursor: Executes) -> None:
    """Makes every table and view in the cursor's current database, a lake or a plain DuckDB file."""
    cursor.execute(schema_text("schema.sql"))
    cursor.execute(schema_text("derived.sql"))


def schema_text(name: str) -> str:
    """Gives one of the two files that define the store."""
    return (HERE / name).read_text(encoding="utf-8")


def schema_version() -> str:
    """Names the schema by its text, so that a change of either file rebuilds the views."""
    return hashlib.sha256((schema_text("schema.sql") + schema_text("derived.sql")).encode()).hexdigest()[:16]
