-- When, and in which app, did attempts fail?
--
-- Title    Failures by app over time
-- Topic    Failures and issues
--
-- An hour that no log covers is unknown: its numbers are null, not zero. In a partial hour some may be missing.
--
-- Parameters
--   $since    TIMESTAMP         start of the window, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   hour        the hour, by its beginning
--   job_id      the job
--   app_name    the application it provisions
--   attempts    successes and failures in that hour; null where unknown
--   failures    failures in that hour; null where unknown
--   state       complete, partial or unknown: how well the hour is known
with hours as (
    select unnest(generate_series(
        date_trunc('hour', $since::timestamp), $until::timestamp - interval 1 microsecond, interval 1 hour
    )) as "hour"
), jobs as (
    select job_id, coalesce(arg_max(app_name, "hour"), job_label(job_id)) as app_name
    from hourly
    where ($job is null or job_id = $job) and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
    group by job_id
), covered_hours as (
    select job_id, "hour", state
    from hours_of($since::timestamp, $until::timestamp)
    where source = 'events'
), hourly_attempts as (
    select
        "hour",
        job_id,
        sum(events)::bigint as attempts,
        coalesce(sum(events) filter (where status = 'failure'), 0)::bigint as failures
    from hourly_within($since, $until)
    where status in ('success', 'failure')
    group by "hour", job_id
)
select
    hours."hour",
    jobs.job_id,
    jobs.app_name,
    case when covered_hours.state is not null then coalesce(hourly_attempts.attempts, 0) end as attempts,
    case when covered_hours.state is not null then coalesce(hourly_attempts.failures, 0) end as failures,
    coalesce(covered_hours.state, 'unknown') as state
from hours
cross join jobs
left join covered_hours on covered_hours."hour" = hours."hour" and covered_hours.job_id = jobs.job_id
left join hourly_attempts on hourly_attempts."hour" = hours."hour" and hourly_attempts.job_id = jobs.job_id
order by hours."hour", jobs.app_name, jobs.job_id
