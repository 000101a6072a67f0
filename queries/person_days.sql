-- What happened to one person or group on each day?
--
-- Title    Activity by day
-- Topic    Users and groups
--
-- Days are those of UTC; one without an event is left out.
--
-- Parameters
--   $object    VARCHAR           the object's id in Entra
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $limit     BIGINT = 400      how many days of an app at most, the newest first
--
-- Columns
--   day         the day
--   app_name    the application
--   failures    failed attempts
--   successes   successful attempts, with a warning or not
--   skipped     skips
--   events      all of these and what else was logged
--   last_at     the newest event
--   last_error  the newest failure's code
--   job_id      the job
select
    occurred_at::date as day,
    name_of_job(arg_max(app_name, order_of(occurred_at, event_id, "action", status)), job_id) as app_name,
    count(*) filter (status = 'failure') as failures,
    count(*) filter (status in ('success', 'warning')) as successes,
    count(*) filter (status = 'skipped') as skipped,
    count(*) as events,
    max(occurred_at) as last_at,
    arg_max(error_code, order_of(occurred_at, event_id, "action", status)) filter (status = 'failure') as last_error,
    job_id
from events
where source_id = $object and ($job is null or job_id = $job)
group by day, job_id
order by day desc, app_name, job_id
limit $limit
