-- Hours of a job's last day for which logs are missing.

-- unlogged_hours(as_of): one row per job, as of an instant: of the 24 full hours before, those that no log covers, or in
-- which Graph counts more than the log.
--   job_id         the job
--   unknown_hours  how many
--   gap_at         the first of them
--   gap_until      the last of them
create or replace macro unlogged_hours(as_of) as table
with judged_hours as (
    select job_id, "hour", state = 'unknown' as is_unknown
    from hour_states(date_trunc('hour', as_of - interval 1 day), date_trunc('hour', as_of))
    where source = 'events'
    union all
    -- Logs may be two hours late.
    select job_id, date_trunc('hour', began_at), true
    from unlogged_runs(date_trunc('hour', as_of - interval 1 day), as_of - interval 2 hour)
)
select
    job_id,
    count(distinct "hour") filter (where is_unknown) as unknown_hours,
    min("hour") filter (where is_unknown) as gap_at,
    max("hour") filter (where is_unknown) as gap_until
from judged_hours
group by job_id;
