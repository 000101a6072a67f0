-- How many deletions does each job's newest cycle hold, of how many that Entra allows in one?
--
-- Title    Deletions per cycle
-- Topic    Cycles and quarantine
--
-- A deletion is whoever was disabled, deleted or held back (stagedDelete), each object once. Entra counts by cycle, not
-- over cycles. Held back is whoever's newest event is a stagedDelete.
--
-- Parameters
--   $at       TIMESTAMP           the instant asked about
--   $days     BIGINT = 30         how far back is looked for what is held back
--   $job      VARCHAR = null      one job's id; null asks about all of them
--   $tenant   VARCHAR = null      one tenant's id; null asks about all of them
--
-- Columns
--   job_id       the job
--   at_most      the number that quarantines the job; null where there is no limit or none was reported
--   cycle_id     its newest cycle with an event
--   began_at     when that began
--   reached      objects disabled, deleted or held back in it
--   most         the same of the fullest cycle looked at
--   staged       objects that are held back now
--   was_staged   objects that were held back at some time
--   staged_at    when the first of them was
with limits as (
    select job_id, arg_max(deletion_threshold, observed_at) filter (where deletion_threshold is not null) as at_most
    from job_snapshots
    where observed_at <= $at
    group by job_id
), newest as (
    select job_id, arg_max(cycle_id, ended_at) as cycle_id, arg_max(began_at, ended_at) as began_at
    from cycle_parts
    where began_at <= $at and ($job is null or job_id = $job)
        and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
    group by job_id
), removals as (
    select job_id, cycle_id, source_id, min(occurred_at) as occurred_at,
        arg_max(lower("action"), (occurred_at, event_id)) as last_action,
        bool_or(lower("action") = 'stageddelete') as was_staged
    from events
    where occurred_at <= $at
        and occurred_at > $at - to_days($days::integer)
        and lower("action") in ('disable', 'delete', 'stageddelete')
        and status <> 'skipped'
        and ($job is null or job_id = $job)
    group by job_id, cycle_id, source_id
), counted as (
    select job_id, cycle_id, count(*) as removed from removals group by job_id, cycle_id
), staged_ever as (
    select job_id, count(distinct source_id) as was_staged from removals where was_staged group by job_id
), latest as (
    select job_id, source_id, arg_max(last_action, occurred_at) as last_action, max(occurred_at) as occurred_at
    from removals
    group by job_id, source_id
), staging as (
    select job_id, count(*) as staged, min(occurred_at) as staged_at
    from latest
    where last_action = 'stageddelete' and (job_id, source_id) not in (
        select (e.job_id, e.source_id)
        from events e
        join latest l on l.job_id = e.job_id and l.source_id = e.source_id
        where l.last_action = 'stageddelete'
            and e.occurred_at > l.occurred_at
            and e.occurred_at <= $at
            and e.status = 'success'
    )
    group by job_id
)
select
    n.job_id,
    t.at_most,
    n.cycle_id,
    n.began_at,
    coalesce(c.removed, 0) as reached,
    coalesce((select max(removed) from counted m where m.job_id = n.job_id), 0) as most,
    coalesce(s.staged, 0) as staged,
    coalesce(v.was_staged, 0) as was_staged,
    s.staged_at
from newest n
left join limits t using (job_id)
left join counted c on c.job_id = n.job_id and c.cycle_id = n.cycle_id
left join staging s on s.job_id = n.job_id
left join staged_ever v on v.job_id = n.job_id
order by n.job_id
