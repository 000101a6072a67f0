"""Compaction: many partial rows become one row a key, many small files, or files with many deleted rows, become one.

The views `identities`, `hourly` and `cycles` answer the same before and after, which tests compare. Every reader keeps
its snapshot.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline.store.ducklake_workarounds import CATALOG, LAKE, rewrite_files
from pipeline.store.lake import Store
from pipeline.store.writer_lock import Cursor

SPARE_ROWS = 1000
"Fewer partial rows than this are not worth a transaction."
SMALL_FILE = 16 * 1024 * 1024
"Bytes; larger Parquet files are left as they are, so that no row is rewritten round after round."
TURN_BYTES = 32 * 1024 * 1024
"What is written anew in one turn, about a second's work, so that no other writer waits for long."
MANY_FILES = 8
DELETED_SHARE = 0.25
DATA_FILES = f"""
    select
        t.table_name as table_name,
        parse_filename(f.path) as name,
        f.file_size_bytes as bytes,
        coalesce(d.delete_count, 0) >= {DELETED_SHARE} * f.record_count as is_worn,
        f.file_size_bytes < {SMALL_FILE} as is_small
    from {CATALOG}.ducklake_data_file f
    join {CATALOG}.ducklake_table t on t.table_id = f.table_id and t.end_snapshot is null
    left join {CATALOG}.ducklake_delete_file d on d.data_file_id = f.data_file_id and d.end_snapshot is null
    where f.end_snapshot is null"""
TABLES_TO_MERGE = f"""
    select table_name, count(*) filter (where is_worn or is_small)
    from ({DATA_FILES})
    group by table_name
    having count(*) filter (where is_small) >= {MANY_FILES} or bool_or(is_worn)"""
NEXT_FILES = f"""
    select data_file
    from ducklake_list_files('{LAKE}', '{{table}}')
    join ({DATA_FILES}) on table_name = '{{table}}' and name = parse_filename(data_file)
    where is_worn or is_small
    qualify sum(bytes) over (order by bytes, name) <= {TURN_BYTES} or row_number() over (order by bytes, name) = 1
    order by name"""
"Smallest first, so that those which are many go together; the names are in the order of writing."


FOLDS = {
    "identity_parts": (
        "object, hash(upn, source_name, target_id)",
        "identity_fold('{parts}', true)",
        "job_id, source_id",
    ),
    "hourly_parts": (
        '"hour", tenant_id, job_id, "action", status, benign, error_code, last_step',
        "hourly_fold('{parts}')",
        '"hour", job_id',
    ),
    "cycle_parts": ("job_id, cycle_id", "cycle_fold('{parts}')", "began_at, job_id, cycle_id"),
    "account_writers": ("account, source_id", "account_writer_fold('{parts}')", "account, source_id"),
}
"Tables of partial rows: what is one row afterwards, the model's fold of them, and the order of its rows."


def foldable_rows(store: Store, _now: datetime) -> Mapping[str, int]:
    """Counts the partial rows that folding would save, where they are half as many as what remains."""
    savings = {}
    for table, (key, _fold, _order) in FOLDS.items():
        rows, groups = store.rows(f"select count(*), count(distinct ({key})) from {table}")[0]
        savings[table] = rows - groups if rows - groups >= max(SPARE_ROWS, groups // 2) else 0
    return savings


def fold_tables(store: Store, work: Mapping[str, int], _now: datetime) -> None:
    """Makes many partial rows of one key into one: folded outside the turn, exchanged within it."""
    for table in work:
        cursor = store.cursor()
        try:
            fold_table(store, cursor, table)
        finally:
            cursor.close()


def fold_table(store: Store, cursor: Cursor, table: str) -> None:
    """Folds the rows there are now; rows that arrive meanwhile have higher row ids and stay."""
    last, rows = one_row(cursor, f"select max(rowid), count(*) from {table}")
    if not rows:
        return
    _key, fold, order = FOLDS[table]
    cursor.execute(f"create or replace temp table chosen_parts as select * from {table} where rowid <= {last}")
    cursor.execute(f"create or replace temp table folded as from {fold.format(parts='chosen_parts')} order by {order}")
    cursor.execute("drop table temp.chosen_parts")

    def exchange(cursor: Cursor) -> None:
        if one_row(cursor, f"select count(*) from {table} where rowid <= {last}") == (rows,):
            cursor.execute(f"delete from {table} where rowid <= ?", [last])
            cursor.execute(f"insert into {table} by name from temp.folded")

    store.write(exchange, on=cursor)
    cursor.execute("drop table temp.folded")


def files_to_merge(store: Store, _now: datetime) -> Mapping[str, int]:
    """Counts the files to write anew, in tables that have many small ones or a worn one."""
    return {str(table): int(count) for table, count in store.rows(TABLES_TO_MERGE)}


def merge_files(store: Store, work: Mapping[str, int], now: datetime) -> None:
    """Merges each table's files, some in each turn, until there are none to merge."""
    for table in work:
        for _turn in range(work[table]):
            if table not in files_to_merge(store, now):
                break
            store.write(lambda cursor, table=table: merge_next_files(cursor, table))  # type: ignore[misc]


def merge_next_files(cursor: Cursor, table: str) -> None:
    """Writes one turn's files anew."""
    files = [str(file) for (file,) in cursor.execute(NEXT_FILES.format(table=table)).fetchall()]
    rewrite_files(cursor, table, files)


def one_row(cursor: Cursor, sql: str) -> tuple[Any, ...]:
    """Returns the one row of an answer."""
    return tuple(cursor.execute(sql).fetchall()[0])
