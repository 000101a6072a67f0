-- How did each job fare, day by day?
--
-- Title    Success by day
-- Topic    Failures and issues
--
-- A day is 24 hours, counted back from the window's end. Expected skips are in neither share. A day on which a job
-- attempted nothing has null failures, not zero; nor do its failures count for all where hours of it are not complete.
--
-- Parameters
--   $since    TIMESTAMP         start of the window, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   job_id           the job
--   app_name         the application it provisions
--   successes        events that ended well
--   failures         events that failed
--   success_share    successes of successes and failures; null where nothing was tried
--   daily_failures   failures of each day, oldest first
--   daily_successes  events of each day that ended well, oldest first
--   last_error       the commonest error of the newest hour that had one
--   last_error_at    that hour
--   hours            hours of the window
--   partial_hours    hours of it of which some may be missing
--   unknown_hours    hours of it without any data
--   daily_gaps       hours of each day that are not complete, oldest first
with days as (
    select unnest(range((epoch_ms($until::timestamp) - epoch_ms($since::timestamp) - 1) // 86_400_000, -1, -1)) as ago
), tried as (
    -- Hours that lie within one of the days. Days end when the window does, on the hour or off it.
    select job_id, tenant_id, app_name, "hour" as tried_at, "hour", status, error_code, events
    from hourly
    where "hour" >= hour_from($since::timestamp) and "hour" < date_trunc('hour', $until::timestamp)
        and not is_parted($until::timestamp, "hour")
    union all
    select job_id, tenant_id, app_name, occurred_at, date_trunc('hour', occurred_at), status, error_code, 1
    from events
    where occurred_at >= $since and occurred_at < $until
        and (occurred_at < hour_from($since::timestamp)
            or is_parted($until::timestamp, date_trunc('hour', occurred_at)))
), by_error as (
    select
        job_id,
        (epoch_ms($until::timestamp) - epoch_ms(tried_at) - 1) // 86_400_000 as ago,
        "hour",
        status,
        error_code,
        max(app_name) as app_name,
        sum(events)::bigint as events
    from tried
    where status in ('success', 'failure')
        and ($job is null or job_id = $job)
        and of_tenant($tenant, tenant_id, job_id)
    group by all
), counted as (
    select
        job_id,
        ago,
        max(app_name) as app_name,
        coalesce(sum(events) filter (where status = 'success'), 0)::bigint as successes,
        coalesce(sum(events) filter (where status = 'failure'), 0)::bigint as failures,
        max(("hour", events, error_code)) filter (where status = 'failure') as latest
    from by_error
    group by job_id, ago
), day_coverage as (
    select
        job_id,
        (epoch_ms($until::timestamp) - epoch_ms("hour") - 1) // 86_400_000 as ago,
        count(*) as hours,
        count(*) filter (where state = 'partial') as partial,
        count(*) filter (where state = 'unknown') as "unknown"
    from hour_ledger($since::timestamp, $until::timestamp)
    where source = 'events' and "hour" >= $since
    group by all
)
select
    job_id,
    name_of_job(max(app_name), job_id) as app_name,
    coalesce(sum(successes), 0)::bigint as successes,
    coalesce(sum(failures), 0)::bigint as failures,
    sum(successes) / nullif(sum(successes) + sum(failures), 0) as success_share,
    list(failures order by ago desc) as daily_failures,
    list(successes order by ago desc) as daily_successes,
    max(latest)[3] as last_error,
    max(latest)[1] as last_error_at,
    sum(hours)::bigint as hours,
    sum(partial)::bigint as partial_hours,
    sum("unknown")::bigint as unknown_hours,
    list(partial + "unknown" order by ago desc) as daily_gaps
from (select distinct job_id from counted)
cross join days
left join counted using (job_id, ago)
left join day_coverage using (job_id, ago)
group by job_id
order by app_name, job_id
