"""What a question may read: held to what DuckDB's own plan of it reads."""

import json
from functools import lru_cache
from typing import Any

import duckdb
import pytest

from pipeline.store.catalog import Query, catalog
from pipeline.store.dependencies import TableChanges, tables_behind
from pipeline.store.lake import Cursor
from pipeline.store.migrate import build_schema

PLACES = {"TIMESTAMP": "timestamp '2026-01-05'", "BIGINT": "1", "INTEGER": "1", "DOUBLE": "0.5"}
WORDS = {"bucket": "'day'", "noise": "'in'"}


@lru_cache
def built() -> Cursor:
    cursor = duckdb.connect()
    build_schema(cursor)
    return cursor


def scanned(plan: Any) -> set[str]:
    """Returns the tables that a plan reads."""
    if isinstance(plan, list):
        return set().union(*map(scanned, plan))
    table = plan.get("extra_info", {}).get("Table")
    return ({str(table).rpartition(".")[2]} if table else set()) | scanned(plan.get("children", []))


def with_values(query: Query) -> str:
    """Writes values for a question's parameters into it, all of them given, so that no part of it is left out."""
    sql = query.sql
    for one in sorted(query.parameters, key=lambda each: -len(each.name)):
        sql = sql.replace(f"${one.name}", PLACES.get(one.type, WORDS.get(one.name, "'x'")))
    return sql


@pytest.mark.parametrize("query", catalog().values(), ids=lambda query: query.name)
def test_no_table_that_a_plan_reads_is_missing(query: Query) -> None:
    plan = built().execute(f"explain (format json) {with_values(query)}").fetchall()[0][1]
    assert scanned(json.loads(plan)) <= (tables_behind(query.sql) or set())


def test_a_question_depends_on_its_own_tables_and_no_others() -> None:
    tables = {name for (name,) in built().execute("select table_name from duckdb_tables()").fetchall()}
    read = {name: (tables_behind(query.sql) or frozenset()) & tables for name, query in catalog().items()}
    assert read["extent"] == {"events", "exchanges", "job_snapshots"}
    assert read["beats_lately"] == {"background_jobs"}
    assert not [name for name, names in read.items() if not names]


def test_a_statement_from_elsewhere_may_read_anything() -> None:
    assert tables_behind("select count(*) from events") is None


def test_a_snapshot_that_did_more_than_write_rows_or_is_not_on_record_changes_all_tables() -> None:
    done = {1: "inserted_into_table:7", 2: "inserted_into_table:8,deleted_from_table:7", 3: "inserted_into_table:8"}

    def read(sql: str, values: list[int] | None = None) -> list[tuple[Any, ...]]:
        if values is None:
            return [(7, "events"), (8, "background_jobs")]
        return [(one, change) for one, change in done.items() if values[0] <= one <= values[1]]

    changes = TableChanges("catalog", 0)
    events, jobs = frozenset({"events"}), frozenset({"background_jobs"})
    assert not changes.changed(events, 0, 0, read)
    assert changes.changed(events, 0, 1, read)
    assert [changes.changed(jobs, after, 1, read) for after in (0, 1)] == [False, False]
    assert changes.changed(jobs, 1, 2, read)
    assert [changes.changed(events, after, 3, read) for after in (1, 2)] == [True, False]
    assert [changes.changed(None, after, 3, read) for after in (2, 3)] == [True, False]
    done[4] = "altered_table:8"
    assert [changes.changed(events, after, 4, read) for after in (3, 4)] == [True, False]
    done[6] = "inserted_into_table:8"  # The fifth was expired before it was read.
    assert changes.changed(events, 4, 6, read)


def test_an_answer_from_before_the_record_begins_is_outdated() -> None:
    changes = TableChanges("catalog", 5)
    assert changes.changed(frozenset({"events"}), 4, 5, lambda *_: [])
    assert not changes.changed(frozenset({"events"}), 5, 5, lambda *_: [])
