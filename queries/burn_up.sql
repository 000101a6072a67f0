-- How did a cycle get on, minute by minute?
--
-- Title    Cycle progress over time
-- Topic    Cycles and quarantine
--
-- The running cycle, or a past one. Objects come from the log, pages from Graph; neither line ever falls, and each
-- point has the latest of both. At most five hundred points, the last one always among them.
--
-- Parameters
--   $job      VARCHAR           the job's id
--   $as_of    TIMESTAMP         the present, or a moment to go back to; what came later is left out
--   $cycle    VARCHAR = null    a past cycle's id; null asks about the running one
--   $grace    BIGINT = 1200     seconds that a run may be late; half of it is how long the log covers a cycle
--
-- Columns
--   at             when this was so
--   objects_done   distinct objects with an event in it so far
--   pages_share    pages done of those that Graph knew of, the largest so far; null before Graph gave any
with asked as (
    select job_id, cycle_id, began_at, $as_of::timestamp as until
    from runs([$as_of::timestamp], $grace)
    where job_id = $job and under_way and $cycle is null
    union all
    select job_id, cycle_id, began_at, least(ended_at, $as_of)
    from cycles
    where job_id = $job and cycle_id = $cycle
), points as (
    select occurred_at as "at", count(*) as objects, null as pages
    from (
        select min(e.occurred_at) as occurred_at
        from event_spine e
        join asked a on e.job_id = a.job_id and e.cycle_id = a.cycle_id
        where e.occurred_at <= a.until and e.object is not null
        group by e.object
    )
    group by occurred_at
    union all
    select s.observed_at, 0, s.completed_units / s.total_units
    from job_snapshots s
    join asked a on s.job_id = a.job_id
    where s.observed_at >= a.began_at and s.observed_at <= a.until and s.total_units > 0
), drawn as (
    select "at", sum(sum(objects)) over so_far as objects_done, max(max(pages)) over so_far as pages_share
    from points
    group by "at"
    window so_far as (order by "at")
), numbered as (
    select *, row_number() over (order by "at" desc) as back, count(*) over () as points
    from drawn
)
select
    "at",
    objects_done::bigint as objects_done,
    pages_share
from numbered
where (back - 1) % ceil(points / 500)::bigint = 0
order by "at"
