"""Writes many small files, and files with many deleted rows, anew as one.

DuckLake's own `ducklake_merge_adjacent_files` is not used: it takes from the catalog what older snapshots read, and
with SQLite a question that runs meanwhile finds the table empty. Instead rows are written again and the old ones
deleted, as any writer would, so that every reader keeps its snapshot.
"""

from collections.abc import Mapping
from datetime import datetime

from pipeline.store.lake import CATALOG, LAKE, Cursor, Store

SMALL_FILE = 16 * 1024 * 1024
"Bytes; larger Parquet files are left as they are, so that no row is rewritten round after round."
TURN_BYTES = 32 * 1024 * 1024
"What is written anew in one turn, about a second's work, so that no other writer waits for long."
MANY_FILES = 8
DELETED_SHARE = 0.25
LISTED = f"""
    select
        t.table_name as table_name,
        parse_filename(f.path) as name,
        f.file_size_bytes as bytes,
        coalesce(d.delete_count, 0) >= {DELETED_SHARE} * f.record_count as worn,
        f.file_size_bytes < {SMALL_FILE} as small
    from {CATALOG}.ducklake_data_file f
    join {CATALOG}.ducklake_table t on t.table_id = f.table_id and t.end_snapshot is null
    left join {CATALOG}.ducklake_delete_file d on d.data_file_id = f.data_file_id and d.end_snapshot is null
    where f.end_snapshot is null"""
RAGGED = f"""
    select table_name, count(*) filter (where worn or small)
    from ({LISTED})
    group by table_name
    having count(*) filter (where small) >= {MANY_FILES} or bool_or(worn)"""
CHOSEN = f"""
    select data_file
    from ducklake_list_files('{LAKE}', '{{table}}')
    join ({LISTED}) on table_name = '{{table}}' and name = parse_filename(data_file)
    where worn or small
    qualify sum(bytes) over (order by bytes, name) <= {TURN_BYTES} or row_number() over (order by bytes, name) = 1
    order by name"""
"Smallest first, so that those which are many go together; the names are in the order of writing."


def ragged_files(store: Store, _now: datetime) -> Mapping[str, int]:
    """Counts the files to write anew, in tables that have many small ones or a worn one."""
    return {str(table): int(count) for table, count in store.rows(RAGGED)}


def merge(store: Store, found: Mapping[str, int], now: datetime) -> None:
    """Merges each table's files, some in each turn, until none is ragged."""
    for table in found:
        for _turn in range(found[table]):
            if table not in ragged_files(store, now):
                break
            store.write(lambda cursor, table=table: rewrite(cursor, table))  # type: ignore[misc]


def rewrite(cursor: Cursor, table: str) -> None:
    """Writes one turn's files anew."""
    files = [str(file) for (file,) in cursor.execute(CHOSEN.format(table=table)).fetchall()]
    cursor.execute(f"insert into {table} select * from {table} where filename in $files", {"files": files})
    cursor.execute(f"delete from {table} where filename in $files", {"files": files})
