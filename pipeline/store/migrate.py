"""The files that define the store, as statements for any DuckDB database: a lake or a plain file."""

import hashlib
from pathlib import Path
from typing import Any, Protocol

MODEL = Path(__file__).parents[1] / "model"
PARTS = (
    "migrations/0001_tables.sql",
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


WRITTEN = """
select table_name from {catalog}.ducklake_table t left join {catalog}.ducklake_table_stats s using (table_id)
where t.end_snapshot is null and coalesce(s.record_count, 0) = {rows}
"""


class Executes(Protocol):
    """Something that runs SQL."""

    def execute(self, query: str, /) -> Any:
        """Runs one or several statements."""


def build_schema(cursor: Executes) -> None:
    """Makes every table and view in the cursor's current database, a lake or a plain DuckDB file."""
    for part in PARTS:
        cursor.execute(schema_text(part))


def write_once(cursor: Executes, catalog: str) -> None:
    """Puts an empty row into each of the lake's tables that never had one; `take_back` removes it in the next commit.

    Measured with DuckDB 1.5.5: a question that names a table without statistics takes 4 ms more for each of its
    columns.
    """
    for (table,) in cursor.execute(WRITTEN.format(catalog=catalog, rows=0)).fetchall():
        cursor.execute(f'insert into "{table}" default values')


def take_back(cursor: Executes, catalog: str) -> None:
    """Removes empty rows from tables that never had another one."""
    for (table,) in cursor.execute(WRITTEN.format(catalog=catalog, rows=1)).fetchall():
        empty = f'select rowid from "{table}" where columns(*) is null'
        cursor.execute(f'delete from "{table}" where rowid in ({empty})')


def schema_text(name: str) -> str:
    """Gives one of the files that define the store."""
    return (MODEL / name).read_text(encoding="utf-8")


def schema_version() -> str:
    """Names the schema by its text, so that a change of any part rebuilds the views."""
    return hashlib.sha256("".join([*map(schema_text, PARTS), WRITTEN]).encode()).hexdigest()[:16]
