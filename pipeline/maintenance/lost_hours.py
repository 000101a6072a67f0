"""Hours that become unknown when rows go: their coverage is cut, so that polls ask for them again and pages say so."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.ingest.formats import SOURCES
from pipeline.store.lake import Cursor

HOURS = """
create or replace temp table lost_stretches as
select kind, job_id, min("hour") as since, max("hour") + interval 1 hour as until
from (
    select *, "hour" - to_hours(row_number() over (partition by kind, job_id order by "hour")) as island
    from (select distinct kind, job_id, "hour" from lost_hours)
)
group by kind, job_id, island
"""
# What is left of a stretch lies between the lost ones: each piece ends where the next of these begins.
CUT = """
create or replace temp table cut_coverage as
select
    c.rowid as rid,
    c.* exclude (since, settled_until, until),
    c.since as from_since,
    c.settled_until as from_settled,
    c.until as from_until,
    l.since as lost_since,
    l.until as lost_until
from coverage c
join lost_stretches l
    on record_kind(c.source) = l.kind and c.since < l.until and c.until > l.since
    and (c.job_id is null or l.job_id is null or c.job_id = l.job_id)
where c.source <> 'forgotten';
create or replace temp table left_coverage as
select source, tenant_id, job_id, origin, since, greatest(since, least(from_settled, until)) as settled_until, until,
    read_at
from (
    select *, coalesce(max(lost_until) over before, from_since) as since, lost_since as until
    from cut_coverage
    window before as (partition by rid order by lost_since, lost_until rows between unbounded preceding and 1 preceding)
    union all by name
    select any_value(columns(* exclude (rid, lost_since, lost_until))), max(lost_until) as since, any_value(from_until)
        as until
    from cut_coverage
    group by rid
)
where since < until;
delete from coverage where rowid in (select rid from cut_coverage);
insert into coverage by name from left_coverage;
drop table cut_coverage;
drop table left_coverage;
"""
STRETCHES = """
select kind, since, until, list(distinct job_id order by job_id) filter (where job_id is not null)
from lost_stretches
group by kind, since, until
order by kind, since, until
"""
BRINGING = """
select distinct f."file", f.source, f.first_event_at, f.last_event_at
from files f
join lost_stretches l on f.first_event_at < l.until and f.last_event_at >= l.since
where list_contains($sources, f.source) and l.kind = $kind
order by all
"""


@dataclass(frozen=True)
class Stretch:
    """A stretch of whole hours of which rows went."""

    kind: str
    "events or exchanges."
    since: datetime
    until: datetime
    jobs: tuple[str, ...]
    "Whose rows went; none where that is unknown, or where requests went."


@dataclass(frozen=True)
class Bringing:
    """A file of the ledger that may hold rows which went."""

    file: str
    source: str
    again: str | None
    "What can be read again: the file, or the zip file that it is in; None where it is gone, or was polled."


def cut_coverage(cursor: Cursor) -> list[Stretch]:
    """Makes the hours of the temporary table `lost_hours` (kind, job_id, hour) unknown and returns their stretches."""
    cursor.execute(HOURS)
    cursor.execute(CUT)
    return lost_stretches(cursor)


def lost_stretches(cursor: Cursor) -> list[Stretch]:
    """Returns the stretches of hours that were lost."""
    rows = cursor.execute(STRETCHES).fetchall()
    return [Stretch(kind, since, until, tuple(jobs or ())) for kind, since, until, jobs in rows]


def bringing_files(cursor: Cursor) -> list[Bringing]:
    """Lists the files of the ledger whose records are of the lost hours."""
    found = dict[str, Bringing]()
    for kind in ("events", "exchanges"):
        sources = [source.name for source in SOURCES if source.table == kind]
        for file, source, _first, _last in cursor.execute(BRINGING, {"sources": sources, "kind": kind}).fetchall():
            found[file] = Bringing(file, source, readable(file))
    return sorted(found.values(), key=lambda one: one.file)


def readable(file: str) -> str | None:
    """Returns the file of a ledger's line, or the zip file that it is in."""
    places = [Path(file), *Path(file).parents] if file.startswith("/") else []
    return next((str(place) for place in places if place.is_file()), None)
