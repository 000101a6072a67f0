"""Pairs events and SCIM requests day by day, once both sides are there and again when something comes late.

Loading marks the days for which something came; a question pairs those that are still marked by itself, so that it has
what was just loaded. The pairs of a day depend on its records, on those 70 minutes around it, and on what is known of
the apps' clocks and of the paths of logs that name no app. Where pairing a day alters that knowledge for other days,
these are marked as well; once no day is marked, the order in which records arrived does not matter.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from pipeline.store.lake import Cursor, Store

ROWS_A_TURN = 200_000
"Events that are paired in one turn, a second's or two seconds' work, so that no other writer waits for long."
UNPAIRED = 'select count(distinct "day") from unpaired_days where exists (from exchanges)'
TURNS = f"""
select min("day"), max("day") + interval 1 day
from (
    select "day", (sum(events) over (order by "day") - events) // {ROWS_A_TURN} as turn
    from (
        select u."day", coalesce(sum(h.events), 0) as events
        from (select distinct "day" from unpaired_days) u
        left join hourly_parts h on date_trunc('day', h."hour") = u."day"
        group by u."day"
    )
)
group by turn
order by turn
"""
"The stretches to pair, oldest first."
KNOWN_BEFORE = """
create or replace temp table owners_before as select "day", "log", base, app_id from owners_of('log_owner_hits');
create or replace temp table clocks_before as from clocks_in_use('clock_days');
"""
PAIR = """
create or replace temp table days_now as from unpaired_between({since}, {until});
create or replace temp table hits_now as from owner_hits({since}, {until});
create or replace temp table candidates_now as from match_candidates({since}, {until});
create or replace temp table fresh_clocks_now as from day_clocks('candidates_now', {since}, {until});
create or replace temp table clocks_now as from current_clocks('fresh_clocks_now', {since}, {until});
create or replace temp table pairs_now as from paired('candidates_now', 'clocks_now', {since}, {until});
"""
KEEP = """
delete from log_owner_hits where "day" in (from days_now);
insert into log_owner_hits by name from hits_now;
delete from clock_days where "day" in (from days_now);
insert into clock_days by name from fresh_clocks_now;
delete from request_matches
where occurred_at >= {since} and occurred_at < {until} and date_trunc('day', occurred_at) in (from days_now);
insert into request_matches by name from pairs_now order by occurred_at, event_id, job_id;
delete from unpaired_days where "day" in (from days_now);
"""
# A clock, or an app's path, that is another than before concerns the day and the hour around it; by how many pairs the
# clock is known, which is shown with them, the day alone.
MARK_OTHERS = """
create or replace temp table owners_after as select "day", "log", base, app_id from owners_of('log_owner_hits');
create or replace temp table clocks_after as from clocks_in_use('clock_days');
insert into unpaired_days
with changed as (
    select "day" from (from owners_after except from owners_before)
    union
    select "day" from (from owners_before except from owners_after)
    union
    select "day" from (
        select app_id, "day", skew_s, is_own from clocks_after except
        select app_id, "day", skew_s, is_own from clocks_before)
), concerned as (
    select "day" + to_days(unnest([-1, 0, 1])) as "day" from changed
    union
    select "day" from (from clocks_after except from clocks_before)
)
select distinct c."day"
from concerned c
join exchanges x
    on x.occurred_at >= c."day" - interval 1 hour and x.occurred_at < c."day" + interval 25 hour
where c."day" not in (from days_now) and c."day" not in (from unpaired_days);
"""
MAY_BE_REJECTED = """
select exists (from request_matches where http_status >= 400 and status in ('success', 'warning'))
    or exists (from rejected_changes)
"""
REJECTIONS = "create or replace temp table rejections_now as from rejections()"
OTHER_REJECTIONS = """
select exists (from rejections_now except from rejected_changes)
    or exists (from rejected_changes except from rejections_now)
"""
KEEP_REJECTIONS = """
delete from rejected_changes;
insert into rejected_changes by name from rejections_now order by occurred_at, event_id;
"""
Progress = Callable[[float], None]
"Is called with the share of the days that is done, 0 to 1."


def unpaired_days(store: Store, _now: datetime) -> Mapping[str, int]:
    """Counts the days to pair; none where there is no SCIM log, since their marks do no harm."""
    return {"request_matches": int(store.rows(UNPAIRED)[0][0])}


def has_unpaired_days(store: Store) -> bool:
    """Whether there are days to pair."""
    return bool(store.rows(UNPAIRED)[0][0])


def pair_days(store: Store, _work: Mapping[str, int], _now: datetime) -> None:
    """Pairs the days that are marked, until none is."""
    pair(store)


def pair(store: Store, progress: Progress | None = None) -> None:
    """Pairs the days that are marked, some in each turn, oldest first."""
    while turns := store.rows(TURNS):
        for number, (since, until) in enumerate(turns, 1):
            store.write(partial(pair_stretch, since=since, until=until))
            if progress:
                progress(number / len(turns))


def pair_stretch(cursor: Cursor, since: datetime, until: datetime) -> None:
    """Pairs the marked days from one day to another, and marks those for which more is known by that."""
    # Literals, since DuckDB takes no parameters for several statements, and reads no more files than they leave.
    stretch = {"since": f"timestamp '{since}'", "until": f"timestamp '{until}'"}
    for statements in (KNOWN_BEFORE, PAIR, KEEP, MARK_OTHERS):
        cursor.execute(statements.format(**stretch))
    if not holds(cursor, "select exists (from unpaired_days)"):
        keep_rejections(cursor)


def keep_rejections(cursor: Cursor) -> None:
    """Finds which changes the apps rejected, once every day is paired, and stores them where that alters any."""
    if holds(cursor, MAY_BE_REJECTED):
        cursor.execute(REJECTIONS)
        if holds(cursor, OTHER_REJECTIONS):
            cursor.execute(KEEP_REJECTIONS)


def holds(cursor: Cursor, question: str) -> bool:
    """Whether the one value that a question has is true."""
    [(answer,)] = cursor.execute(question).fetchall()
    return bool(answer)
