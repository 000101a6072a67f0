-- Which hours are missing, and for which job?
--
-- Title    Missing hours
-- Topic    Data coverage
--
-- A gap is an unbroken run of hours that are not complete. The ends of a file are such hours, since it covers only from
-- its first record to its last.
--
-- Parameters
--   $since    TIMESTAMP         start of the window, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   job_id      the job
--   app_name    the application it provisions
--   tenant_id   its tenant
--   began_at    the first hour that is not complete
--   ended_at    the first complete hour after it, or the window's end
--   hours       hours of the gap
--   partial     of these, hours of which something is here
--   unknown     of these, hours of which nothing is
with numbered as (
    select
        job_id,
        app_name,
        tenant_id,
        "hour",
        state,
        "hour" - to_hours(row_number() over (partition by job_id order by "hour")) as run
    from hour_ledger($since::timestamp, $until::timestamp)
    where source = 'events'
        and state <> 'complete'
        and ($job is null or job_id = $job)
        and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
)
select
    job_id,
    app_name,
    tenant_id,
    min("hour") as began_at,
    max("hour") + interval 1 hour as ended_at,
    count(*) as hours,
    count(*) filter (where state = 'partial') as partial,
    count(*) filter (where state = 'unknown') as "unknown"
from numbered
group by job_id, app_name, tenant_id, run
order by "unknown" desc, began_at, app_name, job_id
