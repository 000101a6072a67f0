"""Staged rows are made fit to be stored: no NUL in a text, no number and no instant beyond all bounds.

The instant that a row needs is not among them: without it a row is none. All are looked for in one scan of what is
staged, and hardly ever found. Nested members are made fit where they are read, in formats/events.py.
"""

from pipeline.ingest.bounds import out_of_bounds
from pipeline.ingest.characters import fit_json_sql, fit_sql
from pipeline.ingest.records.wire import quoted
from pipeline.store.lake import Cursor

INSTANTS = {"events": "occurred_at", "exchanges": "occurred_at", "job_snapshots": "observed_at"}
"The instant that a row of a table must have."


MOST = 10**15
"More milliseconds than there were since the year 2000, and more objects than there are; sums of it still fit."
BODIES = ("request_body", "response_body")
"Columns of JSON as text, of which members are taken out later."
Kinds = tuple[list[str], list[str], list[str]]
COLUMNS: dict[str, Kinds] = {}
"The columns of each staging table, which are the same in every store of this version."


def columns_of(cursor: Cursor, table: str) -> Kinds:
    """Lists the columns of a staging table that hold a text, a number, or an instant that need not be there."""
    if table not in COLUMNS:
        described = cursor.execute(f"select * from temp.staged_{table} limit 0").description or []
        kinds = [(str(name), str(kind)) for name, kind, *_ in described]
        texts, numbers, moments = (
            [name for name, kind in kinds if kind == wanted and name != INSTANTS[table]]
            for wanted in ("VARCHAR", "BIGINT", "TIMESTAMP")
        )
        COLUMNS[table] = texts, numbers, moments
    return COLUMNS[table]


def unfit_condition(cursor: Cursor, table: str) -> str:
    """Builds SQL that is true for a staged row with an unfit value, else false or null."""
    texts, numbers, moments = columns_of(cursor, table)
    nuls = [f"contains({quoted(name)}, chr(0))" for name in texts]
    nuls += [rf"contains({name}, '\u0000')" for name in BODIES if name in texts]
    return " or ".join([*nuls, *map(huge, numbers), *map(out_of_bounds, moments)])


def huge(column: str) -> str:
    """Builds SQL that is true for a number that nothing counts."""
    return f"({column} > {MOST} or {column} < -{MOST})"


def make_fit(cursor: Cursor, table: str) -> None:
    """Replaces NULs in the texts of a staging table, and clears instants beyond all bounds that need not be there."""
    texts, numbers, moments = columns_of(cursor, table)
    fits = {name: fit_sql(quoted(name)) for name in texts}
    fits |= {name: fit_json_sql(fits[name]) for name in BODIES if name in texts}
    changes = [f"{quoted(name)} = {fit}" for name, fit in fits.items()]
    unknown = [(name, huge(name)) for name in numbers] + [(name, out_of_bounds(name)) for name in moments]
    changes += [f"{name} = case when {condition} then null else {name} end" for name, condition in unknown]
    cursor.execute(f"update temp.staged_{table} set {', '.join(changes)} where {unfit_condition(cursor, table)}")
