-- When was a cycle of each job due on this day, and which were missed?
--
-- Title    Cycle timeline
-- Topic    Cycles and quarantine
--
-- A cycle is due one interval after the one before it ended, as in progress. A *hole* is a stretch after a due time for
-- which Graph's own status shows that no cycle had begun; why is paused, quarantine or missed. *Unknown* is a stretch
-- that no cycle, no due time that has not passed and no status covers: a log without a line proves nothing, since a
-- cycle that found nothing to do leaves none. Without a known interval nothing is due.
--
-- Parameters
--   $since     TIMESTAMP         start of the day, inclusive
--   $until     TIMESTAMP         its end, exclusive
--   $as_of     TIMESTAMP         the present, or the newest instant of old logs; nothing after it is judged
--   $grace     BIGINT = 1200     seconds that a run may be late
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   job_id       the job
--   app_name     the application it provisions
--   what         due, hole or unknown
--   began_at     when the stretch began; of a due time, when a run was due
--   ended_at     when it ended; of a due time, the end of its grace
--   why          of a hole: missed, paused or quarantine
with statuses as (
    from job_snapshots
    where observed_at >= $since::timestamp - interval 2 day and observed_at < $until and observed_at <= $as_of
), jobs as (
    select
        job_id,
        coalesce(arg_max(app_name, seen_at), job_label(job_id)) as app_name,
        arg_max(interval_s, seen_at) as interval_s
    from (
        select job_id, app_name, interval_s, observed_at as seen_at from job_snapshots
        union all
        select job_id, app_name, null, "hour" from hourly_parts
    )
    group by job_id
), run as (
    select
        job_id,
        began_at,
        ended_at + to_seconds(interval_s) as due_at,
        ended_at,
        lead(began_at, 1, $as_of) over (partition by job_id order by began_at) as next_at
    from cycles
    join jobs using (job_id)
    where began_at >= $since::timestamp - interval 2 day and began_at < $until and began_at <= $as_of
), spans as (
    select job_id, 'due' as what, due_at as began_at, due_at + to_seconds($grace) as ended_at, null as why
    from run
    where due_at is not null
    union all
    select
        r.job_id,
        'hole',
        due_at,
        max(observed_at),
        case
            when bool_and(state = 'Quarantine' or quarantine_since is not null) then 'quarantine'
            when bool_and(state in ('Paused', 'Disabled') or schedule_state in ('Paused', 'Disabled')) then 'paused'
            else 'missed'
        end
    from run r
    join statuses t on t.job_id = r.job_id and observed_at > due_at + to_seconds($grace) and observed_at <= next_at
    where coalesce(last_began_at < due_at, true) and coalesce(completed_units >= total_units, true)
    group by r.job_id, due_at
), covered_spans as (
    select job_id, began_at, greatest(ended_at, least(due_at + to_seconds($grace), $as_of)) as ended_at from run
    union all
    select job_id, least(coalesce(last_began_at, observed_at), observed_at), observed_at from statuses
    union all
    select job_id, least($until, $as_of), least($until, $as_of) from run
), gap as (
    select job_id, max(ended_at) over earlier as began_at, began_at as ended_at
    from covered_spans
    window earlier as (partition by job_id order by began_at rows between unbounded preceding and 1 preceding)
)
select job_id, app_name, what, greatest(began_at, $since) as began_at, least(ended_at, $until) as ended_at, why
from (from spans union all select job_id, 'unknown', began_at, ended_at, null from gap where ended_at > began_at)
join jobs using (job_id)
where began_at < $until
    and $since < ended_at
    and ($job is null or job_id = $job)
    and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
order by app_name, job_id, began_at, what
