-- Which apps need attention, and why?
--
-- Title    Apps
-- Topic    Cycles and quarantine
--
-- Worst first, as of the newest data. `state` is the first of these that holds: quarantine: Graph reports it. stopped:
-- it is paused, disabled or not configured. dead: two cycles are missing. failing: of ten attempts or more in the last
-- day most failed. stalled: the running cycle makes no progress. late: one cycle is missing. waiting: retries are
-- pending, which Entra does by itself. unknown: no event and no status of that day. running: a cycle is running. idle:
-- cycles find nothing to change. healthy. The first four need attention. A job whose cycles find nothing to change is
-- idle, even without events.
--
-- Parameters
--   $until    TIMESTAMP         just after the newest instant; the day before it decides failing, unknown and idle
--   $grace    BIGINT = 1200     seconds that a run may be late
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   job_id           the job
--   app_name         the application it provisions
--   state            quarantine, stopped, dead, failing, stalled, late, `waiting`, unknown, running, idle or healthy
--   needs_you        whether it needs attention
--   since            when the quarantine, the schedule's state or the oldest pending retry began
--   cause            Graph's reason for a quarantine; else the commonest error among what waits
--   error_code       the error code behind a quarantine
--   explanation      Graph's own words for it, where it gave any; of a missing run or a running cycle, ours
--   next_try_at      when Entra tries again; null where the job is stopped or a newer one has replaced it
--   last_cycle_at    the end of the last cycle that Graph reported; the last event where no status was read
--   open_escrows     objects whose last attempt failed and that are pending a retry
with status as (
    from rhythms($until::timestamp, $grace)
), day as (
    select
        job_id,
        coalesce(sum(events) filter (where status = 'success'), 0) as succeeded,
        coalesce(sum(events) filter (where status = 'failure'), 0) as failed
    from hourly_within($until::timestamp - interval 1 day, $until)
    group by job_id
), waiting as (
    select job_id, count(*) as objects, min(opened_at) as since, min(retry_at) as retry_at, mode(error_code) as cause
    from waiting_escrows
    group by job_id
), seen as (
    select job_id, arg_max(app_name, named_key) as app_name, max(last_event_at) as last_event_at
    from identity_parts
    group by job_id
), judged as (
    select
        job_id,
        coalesce(status.app_name, seen.app_name, job_label(job_id)) as app_name,
        case
            when n.job_id is not null then case when waiting.objects > 0 then 7 else 8 end
            when q.job_id is not null then 1
            when status.state in ('Paused', 'Disabled', 'NotConfigured')
                or status.schedule_state in ('Paused', 'Disabled') then 2
            when status.rhythm = 'dead' then 3
            when day.failed > day.succeeded and day.failed + day.succeeded >= 10 then 4
            when status.rhythm = 'stalled' then 5
            when status.rhythm = 'late' then 6
            when waiting.objects > 0 then 7
            when status.rhythm = 'running' then 9
            when day.job_id is not null then 11
            when status.observed_at >= $until::timestamp - interval 1 day then 10
            else 8
        end as grade,
        case when grade in (3, 5, 6, 9) then status.since else coalesce(q.opened_at, waiting.since) end as since,
        coalesce(q.reason, waiting.cause) as cause,
        q.error_code,
        coalesce(q.error_message, case when grade in (3, 5, 6, 9) then status.explanation end, status.error_message)
            as explanation,
        case when n.job_id is not null then null when grade = 1 then q.next_attempt_at
            when grade <> 2 then waiting.retry_at end as next_try_at,
        if(status.observed_at is null, seen.last_event_at, status.last_ended_at) as last_cycle_at,
        coalesce(waiting.objects, 0) as open_escrows
    from seen
    full join status using (job_id)
    left join (from quarantines where closed_at is null) q using (job_id)
    left join waiting using (job_id)
    left join day using (job_id)
    left join replaced_jobs([$until::timestamp]) n using (job_id)
    where ($job is null or job_id = $job)
        and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
)
select
    job_id,
    app_name,
    ['quarantine', 'stopped', 'dead', 'failing', 'stalled', 'late', 'waiting', 'unknown', 'running', 'idle', 'healthy']
        [grade] as state,
    grade <= 4 as needs_you,
    since,
    cause,
    error_code,
    explanation,
    next_try_at,
    last_cycle_at,
    open_escrows
from judged
order by grade, open_escrows desc, app_name, job_id
