-- In which cycles did something happen to one person or group?
--
-- Title    Cycles with activity
-- Topic    Users and groups
--
-- Parameters
--   $object    VARCHAR           the object's id in Entra
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $limit     BIGINT = 500      how many at most, the newest first
--
-- Columns
--   job_id      the job
--   app_name    the application
--   cycle_id    the cycle
--   began_at    its first event
--   ended_at    its last event
--   events      its events, of all users and groups
--   failed      of which failed
with own as (
    select job_id, cycle_id, max(occurred_at) as last_at
    from events
    where source_id = $object and cycle_id is not null and ($job is null or job_id = $job)
    group by job_id, cycle_id
    order by last_at desc, job_id, cycle_id
    limit $limit
)
select
    p.job_id,
    name_of_job(max(p.app_name), p.job_id) as app_name,
    p.cycle_id,
    min(p.began_at) as began_at,
    max(p.ended_at) as ended_at,
    sum(p.events)::bigint as events,
    sum(p.failed)::bigint as failed
from cycle_parts p
where (p.job_id, p.cycle_id) in (select (job_id, cycle_id) from own)
group by p.job_id, p.cycle_id
order by began_at desc, p.job_id, p.cycle_id
