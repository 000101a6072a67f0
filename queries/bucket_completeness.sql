-- Which hours and days of this window are not fully known?
--
-- Title    Incomplete hours and days
-- Topic    Data coverage
--
-- Of all jobs together: an hour is only as well known as the job that it is known worst of.
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $bucket    VARCHAR = day     hour or day
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   bucket     the hour or the day (UTC), by its beginning
--   hours      its hours within the window
--   complete   hours of which everything is here
--   partial    hours of which some may be missing
--   unknown    hours without any data
with graded as (
    select "hour", max(list_position(['complete', 'partial', 'unknown'], state)) as grade
    from hour_ledger($since::timestamp, $until::timestamp)
    where source = 'events'
        and ($job is null or job_id = $job)
        and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
    group by "hour"
)
select
    date_trunc($bucket, "hour") as bucket,
    count(*) as hours,
    count(*) filter (where grade = 1) as complete,
    count(*) filter (where grade = 2) as partial,
    count(*) filter (where grade = 3) as "unknown"
from graded
group by bucket
order by bucket
