"""Removes from a store what an earlier version stored and this one knows as a secret: in every text of every table.

Rows are looked for a day or a table at a time and without the writers' turn; only what holds a secret is written anew.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from pipeline.config.secrets import bytes_without_secrets
from pipeline.ingest.redaction import may_hold, without_secrets_in
from pipeline.store.lake import Store
from pipeline.store.writer_lock import Cursor

COLUMNS = """
    select table_name, list(struct_pack(name := column_name, kind := data_type) order by ordinal_position)
    from information_schema.columns
    join information_schema.tables using (table_catalog, table_schema, table_name)
    where table_type = 'BASE TABLE' and table_name <> 'migrations' and table_catalog = current_database()
    group by table_name
    order by table_name
"""
KEPT = ("file", "fingerprint", "file_state")
"A file is known by its path, whatever that is."


@dataclass(frozen=True)
class Scrubbed:
    """How many rows of a table held a secret."""

    table: str
    rows: int


@dataclass(frozen=True)
class Texts:
    """The columns of a table that hold text."""

    table: str
    texts: tuple[str, ...]
    lists: dict[str, tuple[str, str]]
    ids: tuple[str, ...]
    by_day: bool

    @classmethod
    def of(cls, table: str, columns: list[dict[str, str]]) -> "Texts":
        """Sorts a table's columns."""
        kinds = {one["name"]: one["kind"] for one in columns if one["name"] not in KEPT}
        texts = tuple(f'"{name}"' for name, kind in kinds.items() if kind == "VARCHAR")
        lists = {
            f'"{name}"': (kind, "x::varchar") for name, kind in kinds.items() if "VARCHAR" in kind and "[]" in kind
        }
        values = {f'"{name}"': (kind, "") for name, kind in kinds.items() if kind == "JSON"}
        ids = tuple(name for name in texts if name.endswith('_id"'))
        return cls(table, texts, lists | values, ids, "occurred_at" in kinds)

    def suspects(self, chunk: str) -> str:
        """Builds SQL for the rows of a chunk that may hold a secret."""
        return f'select rowid as rid, * from "{self.table}" where {chunk} and ({may_hold(self.texts, self.lists)})'


def scrub(store: Store, *, dry_run: bool = False, progress: Callable[[float], None] = lambda _: None) -> list[Scrubbed]:
    """Removes secrets from every table and returns those that held some; a dry run only counts. Can be run again."""
    tables = [Texts.of(str(name), columns) for name, columns in store.rows(COLUMNS)]
    chunks = [(table, chunk, rows) for table in tables for chunk, rows in chunks_of(store, table)]
    everything, done = sum(rows for _, _, rows in chunks), 0
    found: dict[str, int] = {}
    for table, chunk, rows in chunks:
        found[table.table] = found.get(table.table, 0) + scrub_chunk(store, table, chunk, dry_run)
        done += rows
        progress(done / everything)
    return [Scrubbed(table, rows) for table, rows in found.items() if rows]


def chunks_of(store: Store, table: Texts) -> Iterator[tuple[str, int]]:
    """Yields conditions that divide a table, each with its number of rows."""
    if not table.by_day:
        [(rows,)] = store.rows(f'select count(*) from "{table.table}"')
        yield "true", int(rows)
        return
    days = f'select occurred_at::date as "day", count(*) from "{table.table}" group by all order by all'
    for day, rows in store.rows(days):
        yield ("occurred_at is null" if day is None else f"occurred_at::date = date '{day}'"), int(rows)


def scrub_chunk(store: Store, table: Texts, chunk: str, dry_run: bool) -> int:
    """Removes the secrets of one chunk in one transaction and returns how many rows held some."""
    if store.rows(f"select count(*) from ({table.suspects(chunk)})") == [(0,)] and table.table != "rejects":
        return 0
    cursor = store.cursor()
    try:
        if dry_run:
            return stage_cleaned(cursor, table, chunk)
        return store.write(lambda cursor: exchange(cursor, table, chunk), on=cursor)
    finally:
        cursor.close()


def exchange(cursor: Cursor, table: Texts, chunk: str) -> int:
    """Writes cleaned rows in place of those that held a secret."""
    rows = stage_cleaned(cursor, table, chunk)
    if rows:
        cursor.execute(f'delete from "{table.table}" where {chunk} and rowid in (select rid from temp.scrubbed)')
        cursor.execute(f'insert into "{table.table}" by name select * exclude (rid) from temp.scrubbed')
    return rows


def stage_cleaned(cursor: Cursor, table: Texts, chunk: str) -> int:
    """Puts the cleaned rows of a chunk that held a secret into a temporary table and returns their number."""
    if table.table == "rejects":
        cursor.execute(f"create or replace temp table suspects as select rowid as rid, * from rejects where {chunk}")
        cursor.register("cleaned_bytes", cleaned_bytes(cursor))
        rows = """select s.* replace (coalesce(c."raw", s."raw") as "raw")
            from temp.suspects s left join cleaned_bytes c using (rid)"""
    else:
        cursor.execute(f"create or replace temp table suspects as {table.suspects(chunk)}")
        rows = "select * from temp.suspects"
    cleaned = without_secrets_in(rows, table.texts, table.lists, table.ids)
    # As JSON, in which spaces between the members of a value make no difference: cleaning takes them out.
    cursor.execute(f"""create or replace temp table scrubbed as
        select c.* from ({cleaned}) c join temp.suspects s using (rid)
        where to_json(c)::varchar is distinct from to_json(s)::varchar""")
    [(count,)] = cursor.execute("select count(*) from temp.scrubbed").fetchall()
    return int(count)


def cleaned_bytes(cursor: Cursor) -> pa.Table:
    """Cleans the bytes of rejects, which need not be text; returns those that changed."""
    schema = pa.schema([("rid", pa.int64()), ("raw", pa.binary())])
    batches = []
    for batch in cursor.execute('select rid, "raw" from temp.suspects where "raw" is not null').to_arrow_reader(1000):
        rows = zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)
        changed = [(rid, cleaned) for rid, raw in rows if (cleaned := bytes_without_secrets(raw)) != raw]
        batches.append(
            pa.record_batch([[rid for rid, _ in changed], [cleaned for _, cleaned in changed]], schema=schema)
        )
    return pa.Table.from_batches(batches, schema)
