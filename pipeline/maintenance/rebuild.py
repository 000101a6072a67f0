"""Makes what is derived from events anew, where rows of events went or a derived table was damaged.

Each part of the days' events goes through the statements that a load runs, so there is one definition of all of it.
What outlives its events by retention stays as it was, but for what the events that went belong to.
"""

import re

from pipeline.ingest.aggregates import add_to_aggregates
from pipeline.maintenance.data_files import Progress
from pipeline.store.lake import Cursor
from pipeline.store.migrate import schema_text

LOAD = schema_text("load_aggregates.sql")
MARKED = "unpaired_days"
"The table of days that pairing has yet to do, which a load only adds to."
TEMPORARY = set(re.findall(r"(?i)\btemp table (\w+)", LOAD))
DERIVED = sorted(set(re.findall(r"(?im)^insert into (\w+)", LOAD)) - TEMPORARY - {MARKED})
"Tables that loading derives from events."
PAIRED = ("request_matches", "clock_days", "log_owner_hits", "rejected_changes")
"Tables that pairing derives from events and requests, day by day."
PART_EVENTS = 200_000
"Events that go through the statements at once, so that ten million fit into memory."
PARTS = f"""
select min("day"), max("day") + interval 1 day
from (
    select "day", (sum(events) over (order by "day") - events) // {PART_EVENTS} as part
    from (select date_trunc('day', occurred_at) as "day", count(*) as events from events group by all)
)
group by part
order by part
"""
OUTLIVING = {
    "identity_parts": "object not in (select object from removed_events where object is not null)",
    "cycle_parts": """(job_id, cycle_id) not in (
        select (job_id, cycle_id) from removed_events where cycle_id is not null)""",
}
"Tables whose rows retention keeps longer than their events, and which of them do not belong to an event that went."
UNPAIR = "insert into unpaired_days from days_to_pair('{table}')"
TOUCHED = """
create or replace temp table touched_instants as
select "hour" + to_hours(away) as occurred_at from lost_hours cross join (select unnest([0, 1]) as away)
"""


def rebuild(cursor: Cursor, damaged: set[str], progress: Progress = lambda _share: None) -> None:
    """Makes every derived table anew within the transaction of a cursor.

    The temporary table `removed_events` has the events that went. `damaged` tables keep nothing of what they had.
    """
    [(is_cut,)] = cursor.execute("select count(*) > 0 from coverage where source = 'forgotten'").fetchall()
    outliving = {table: rule for table, rule in OUTLIVING.items() if is_cut and table not in damaged}
    for table, rule in outliving.items():
        cursor.execute(f"create or replace temp table outliving_{table} as from {table} where {rule}")
    for table in DERIVED:
        cursor.execute(f"delete from {table}")
    parts = cursor.execute(PARTS).fetchall()
    for place, (since, until) in enumerate(parts):
        progress(place / len(parts))
        stretch = f"occurred_at >= timestamp '{since}' and occurred_at < timestamp '{until}'"
        cursor.execute(f"create or replace temp table arriving as from events where {stretch}")
        add_to_aggregates(cursor)
    for table, rule in outliving.items():
        cursor.execute(f"delete from {table} where {rule}")
        cursor.execute(f"insert into {table} by name from outliving_{table}")
    cursor.execute("drop table if exists arriving")


def unpair(cursor: Cursor, *, everything: bool) -> None:
    """Marks the days of the temporary table `lost_hours` as unpaired, or drops all pairs and marks all days."""
    if everything:
        cursor.execute("".join(f"delete from {table};" for table in (*PAIRED, MARKED)))
        cursor.execute(UNPAIR.format(table="events"))
        cursor.execute(UNPAIR.format(table="exchanges"))
        return
    cursor.execute(TOUCHED)
    cursor.execute(UNPAIR.format(table="touched_instants"))
