-- How much of this window is known?
--
-- Title    Data coverage
-- Topic    Data coverage
--
-- The first row is about all jobs together: there an hour is only as well known as the job that it is known worst of.
--
-- Parameters
--   $since    TIMESTAMP         start of the window, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   job_id     the job; null for all of them together
--   app_name   the application it provisions; null for all of them together
--   hours      hours of the window
--   complete   hours of which everything is here
--   partial    hours of which some may be missing
--   unknown    hours without any data
with graded as (
    select job_id, app_name, "hour", list_position(['complete', 'partial', 'unknown'], state) as grade
    from hour_ledger($since::timestamp, $until::timestamp)
    where source = 'events'
        and ($job is null or job_id = $job)
        and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
), worst_grades as (
    select job_id, app_name, "hour", max(grade) as grade
    from graded
    group by grouping sets ((job_id, app_name, "hour"), ("hour"))
)
select
    job_id,
    app_name,
    count(*) as hours,
    count(*) filter (where grade = 1) as complete,
    count(*) filter (where grade = 2) as partial,
    count(*) filter (where grade = 3) as "unknown"
from worst_grades
group by job_id, app_name
order by job_id nulls first, app_name
