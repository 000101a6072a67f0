"""Folds partial rows together: a transaction leaves a set of them, and the views read faster over one row a key.

The views `identities`, `hourly` and `cycles` answer the same before and after; tests/test_upkeep.py compares.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.store.lake import Cursor, Store

SPARE_ROWS = 1000
"Fewer partial rows than this are not worth a transaction."


@dataclass(frozen=True)
class Fold:
    """How a table of partial rows becomes one row a key; its view folds in the same way."""

    key: str
    sql: str


FOLDS = {
    "identity_parts": Fold(
        "job_id, source_id",
        """
        select
            job_id,
            source_id,
            max(named_key) as named_key,
            arg_max_null(app_name, named_key) as app_name,
            arg_max_null(source_type, named_key) as source_type,
            arg_max_null(upn, named_key) as upn,
            arg_max_null(source_name, named_key) as source_name,
            max(target_key) as target_key,
            arg_max(target_id, target_key) as target_id,
            max(last_event_at) as last_event_at,
            max(state_key) as state_key,
            arg_max(state, state_key) as state,
            arg_max(benign, state_key) as benign,
            arg_max_null(error_code, state_key) as error_code,
            max(last_success_at) as last_success_at,
            sum(attempts)::bigint as attempts,
            sum(failures)::bigint as failures,
            sum(benign_skips)::bigint as benign_skips
        from {parts}
        group by job_id, source_id
        order by job_id, source_id
        """,
    ),
    "hourly_parts": Fold(
        '"hour", tenant_id, job_id, "action", status, benign, error_code, last_step',
        """
        select
            "hour",
            tenant_id,
            job_id,
            max(app_name) as app_name,
            "action",
            status,
            benign,
            error_code,
            last_step,
            sum(events)::bigint as events,
            sum(duration_ms)::bigint as duration_ms
        from {parts}
        group by "hour", tenant_id, job_id, "action", status, benign, error_code, last_step
        order by "hour", job_id
        """,
    ),
    "cycle_parts": Fold(
        "job_id, cycle_id",
        """
        select
            job_id,
            cycle_id,
            max(app_name) as app_name,
            min(began_at) as began_at,
            max(ended_at) as ended_at,
            sum(events)::bigint as events,
            sum(succeeded)::bigint as succeeded,
            sum(failed)::bigint as failed,
            sum(skipped)::bigint as skipped,
            sum(warnings)::bigint as warnings,
            sum(worked_ms)::bigint as worked_ms,
            sum(retries)::bigint as retries,
            list_distinct(flatten(list(object_keys))) as object_keys,
            len(list_distinct(flatten(list(object_keys))))::bigint as objects
        from {parts}
        group by job_id, cycle_id
        order by min(began_at), job_id, cycle_id
        """,
    ),
}


def spare_parts(store: Store, _now: datetime) -> Mapping[str, int]:
    """Counts the partial rows that folding would save, where they are half as many as what remains."""
    spare = {}
    for table, fold in FOLDS.items():
        rows, groups = store.rows(f"select count(*), count(distinct ({fold.key})) from {table}")[0]
        spare[table] = rows - groups if rows - groups >= max(SPARE_ROWS, groups // 2) else 0
    return spare


def fold_parts(store: Store, found: Mapping[str, int], _now: datetime) -> None:
    """Makes many partial rows of one key into one: folded outside the turn, exchanged within it."""
    for table in found:
        cursor = store.cursor()
        try:
            fold_table(store, cursor, table)
        finally:
            cursor.close()


def fold_table(store: Store, cursor: Cursor, table: str) -> None:
    """Folds the rows there are now; rows that arrive meanwhile have higher row ids and stay."""
    last, rows = only(cursor, f"select max(rowid), count(*) from {table}")
    if not rows:
        return
    chosen = f"select * from {table} where rowid <= {last}"
    cursor.execute(f"create or replace temp table folded as {FOLDS[table].sql.format(parts=f'({chosen})')}")

    def exchange(cursor: Cursor) -> None:
        if only(cursor, f"select count(*) from {table} where rowid <= {last}") == (rows,):
            cursor.execute(f"delete from {table} where rowid <= ?", [last])
            cursor.execute(f"insert into {table} by name from temp.folded")

    store.write(exchange, on=cursor)
    cursor.execute("drop table temp.folded")


def only(cursor: Cursor, sql: str) -> tuple[Any, ...]:
    """Gives the one row of an answer."""
    return tuple(cursor.execute(sql).fetchall()[0])
