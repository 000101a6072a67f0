"""Finds which jobs a newer job of the same app replaced: at the end of `ingest`, and in each round of maintenance."""

from collections.abc import Mapping
from datetime import datetime

from pipeline.store.lake import Cursor, Store

OTHERS = """
select count(*) from (
    (from job_successions() except from job_successors) union all (from job_successors except from job_successions()))
"""
MORE = """
select count(*) from (
    (from objects_taken_over() except from taken_over) union all (from taken_over except from objects_taken_over()))
"""
KEEP = """
create or replace temp table successions_now as from job_successions();
create or replace temp table taken_over_now as from objects_taken_over();
delete from job_successors;
insert into job_successors by name from successions_now order by job_id;
delete from taken_over;
insert into taken_over by name from taken_over_now order by job_id, source_id;
"""


def changed_successors(store: Store, _now: datetime) -> Mapping[str, int]:
    """Counts the replaced jobs, and their users and groups that newer jobs handled, which are stored otherwise."""
    return {"job_successors": int(store.rows(OTHERS)[0][0]), "taken_over": int(store.rows(MORE)[0][0])}


def keep_successors(store: Store, _work: Mapping[str, int], _now: datetime) -> None:
    """Stores which jobs were replaced."""
    store.write(write_successors)


def write_successors(cursor: Cursor) -> None:
    """Writes which jobs were replaced."""
    cursor.execute(KEEP)


def find_successors(store: Store) -> None:
    """Stores which jobs were replaced, where that has changed."""
    if store.rows(OTHERS)[0][0] or (store.rows("from job_successors limit 1") and store.rows(MORE)[0][0]):
        store.write(write_successors)
