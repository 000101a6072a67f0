"""What a question may read: held to what DuckDB's own plan of it reads."""

import json
from functools import lru_cache
from typing import Any

import duckdb
import pytest

from pipeline.store.catalog import Query, catalog
from pipeline.store.dependencies import Moves, tables_behind
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
    """Gives the tables that a plan reads."""
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
    told = built().execute(f"explain (format json) {with_values(query)}").fetchall()[0][1]
    assert scanned(json.loads(told)) <= (tables_behind(query.sql) or set())


def test_a_statement_of_somebody_s_own_may_read_anything() -> None:
    assert tables_behind("select count(*) from events") is None


def test_what_is_not_known_to_be_a_writing_of_rows_changes_all() -> None:
    done = {0: 'created_schema:"main"', 1: "inserted_into_table:7", 2: "inserted_into_table:8,deleted_from_table:7"}

    def read(sql: str, values: list[int] | None = None) -> list[tuple[Any, ...]]:
        if values is None:
            return [(7, "events"), (8, "beats")]
        return [(one, change) for one, change in done.items() if values[0] <= one <= values[1]]

    moves = Moves("known")
    events, beats = frozenset({"events"}), frozenset({"beats"})
    assert [moves.last(events, revision, read) for revision in (0, 1, 2)] == [0, 1, 2]
    done[3] = "inserted_into_table:8"
    assert (moves.last(events, 3, read), moves.last(beats, 3, read), moves.last(None, 3, read)) == (2, 3, 3)
    done[4] = "altered_table:8"
    assert moves.last(events, 4, read) == 4
    done[6] = "inserted_into_table:8"  # The fifth was forgotten before it was read.
    assert moves.last(events, 6, read) == 6
