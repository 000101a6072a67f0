"""Dataclasses as rows of a table."""

from dataclasses import dataclass
from datetime import datetime

from pipeline.store.lake import Store
from pipeline.store.rows import column_names, insert_rows


@dataclass(frozen=True)
class Visit:
    """A row of a table of the test's own, with a column that is missing everywhere."""

    name: str
    at: datetime | None
    count: int
    share: float | None
    tags: list[str]


NOON = datetime(2026, 1, 5, 12)
VISITS = [Visit("ada", None, 1, None, ["a", "b"]), Visit("bob", None, 2, None, [])]


def test_rows_come_back_as_they_went_in_also_where_a_column_has_no_value_at_all(store: Store) -> None:
    columns = '"count" integer, "at" timestamp, "name" varchar, extra varchar, share double, tags varchar[]'
    store.write(lambda cursor: cursor.execute(f"create table visits ({columns})"))
    store.write(lambda cursor: insert_rows(cursor, "visits", VISITS))
    store.write(lambda cursor: insert_rows(cursor, "visits", [Visit("carol", NOON, 3, 0.5, ["c"])]))
    rows = store.rows(f'select {column_names(Visit)} from visits order by "name"')
    assert [Visit(*row) for row in rows] == [*VISITS, Visit("carol", NOON, 3, 0.5, ["c"])]


def test_no_rows_are_no_statement(store: Store) -> None:
    revision = store.revision()
    store.write(lambda cursor: insert_rows(cursor, "events", []))
    assert store.revision() == revision
