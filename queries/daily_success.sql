-- How did each job fare, day by day?
--
-- A day is 24 hours, counted back from the window's end. Benign skips are in neither share. A day on which a job tried
-- nothing has null failures, not zero.
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
--   last_error       the commonest error of the newest hour that had one
--   last_error_at    that hour
with days as (
    select unnest(range((epoch_ms($until::timestamp) - epoch_ms($since::timestamp) - 1) // 86_400_000, -1, -1)) as ago
), counted as (
    select
        job_id,
        (epoch_ms($until::timestamp) - epoch_ms("hour") - 1) // 86_400_000 as ago,
        max(app_name) as app_name,
        coalesce(sum(events) filter (where status = 'success'), 0)::bigint as successes,
        coalesce(sum(events) filter (where status = 'failure'), 0)::bigint as failures,
        max(("hour", events, error_code)) filter (where status = 'failure') as latest
    from hourly
    where "hour" >= $since and "hour" < $until
        and status in ('success', 'failure')
        and ($job is null or job_id = $job)
        and ($tenant is null or tenant_id = $tenant)
    group by all
)
select
    job_id,
    max(app_name) as app_name,
    coalesce(sum(successes), 0)::bigint as successes,
    coalesce(sum(failures), 0)::bigint as failures,
    sum(successes) / nullif(sum(successes) + sum(failures), 0) as success_share,
    list(failures order by ago desc) as daily_failures,
    max(latest)[3] as last_error,
    max(latest)[1] as last_error_at
from (select distinct job_id from counted)
cross join days
left join counted using (job_id, ago)
group by job_id
order by app_name, job_id
