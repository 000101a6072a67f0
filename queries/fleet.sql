-- Which jobs need you, and what holds them up?
--
-- Worst first, as of the newest data. `state` is the first of these that holds:
--   quarantine: Graph holds the job there. stopped: it is paused, disabled or not configured.
--   failing: of ten attempts or more on the last day most failed. waiting: objects await a retry, which
--   Entra does by itself. unknown: nothing came on that day, neither event nor status. idle: nothing to do. healthy.
-- The first three need somebody.
--
-- Parameters
--   $until    TIMESTAMP         just after the newest instant; the day before it decides failing, unknown and idle
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   job_id           the job
--   app_name         the application it provisions
--   state            quarantine, stopped, failing, waiting, unknown, idle or healthy
--   needs_you        whether somebody has to act
--   since            when the quarantine, or the oldest open escrow, began
--   cause            Graph's reason for a quarantine; else the commonest error among what waits
--   error_code       the error code behind a quarantine
--   explanation      Graph's own words for it, where it gave any
--   next_try_at      when Entra tries again
--   last_cycle_at    the end of the last cycle that Graph reported; the last event where no status was read
--   open_escrows     objects whose last attempt failed and that await a retry
with status as (
    from job_snapshots
    qualify row_number() over (partition by job_id order by observed_at desc, snapshot_id) = 1
), day as (
    select
        job_id,
        coalesce(sum(events) filter (where status = 'success'), 0) as succeeded,
        coalesce(sum(events) filter (where status = 'failure'), 0) as failed
    from hourly
    where "hour" >= $until::timestamp - interval 1 day and "hour" < $until
    group by job_id
), waiting as (
    select job_id, count(*) as objects, min(opened_at) as since, min(retry_at) as retry_at, mode(error_code) as cause
    from escrows
    where closed_at is null
    group by job_id
), seen as (
    select job_id, arg_max(app_name, named_key) as app_name, max(last_event_at) as last_event_at
    from identity_parts
    group by job_id
), judged as (
    select
        job_id,
        coalesce(status.app_name, seen.app_name, job_id) as app_name,
        case
            when q.job_id is not null then 1
            when status.state in ('Paused', 'Disabled', 'NotConfigured') then 2
            when day.failed > day.succeeded and day.failed + day.succeeded >= 10 then 3
            when waiting.objects > 0 then 4
            when day.job_id is not null then 7
            when status.observed_at >= $until::timestamp - interval 1 day then 6
            else 5
        end as grade,
        coalesce(q.opened_at, waiting.since) as since,
        coalesce(q.reason, waiting.cause) as cause,
        q.error_code,
        coalesce(q.error_message, status.error_message) as explanation,
        coalesce(q.next_attempt_at, waiting.retry_at) as next_try_at,
        coalesce(status.last_ended_at, seen.last_event_at) as last_cycle_at,
        coalesce(waiting.objects, 0) as open_escrows
    from seen
    full join status using (job_id)
    left join (from quarantines where closed_at is null) q using (job_id)
    left join waiting using (job_id)
    left join day using (job_id)
    where ($job is null or job_id = $job)
        and ($tenant is null or job_id in (select job_id from hourly_parts where tenant_id = $tenant))
)
select
    job_id,
    app_name,
    ['quarantine', 'stopped', 'failing', 'waiting', 'unknown', 'idle', 'healthy'][grade] as state,
    grade <= 3 as needs_you,
    since,
    cause,
    error_code,
    explanation,
    next_try_at,
    last_cycle_at,
    open_escrows
from judged
order by grade, open_escrows desc, app_name, job_id
