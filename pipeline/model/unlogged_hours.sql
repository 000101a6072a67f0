-- Hours of a job's last day for which logs are missing.

-- unlogged_hours(as_of): one row per job, as of an instant: of the 24 full hours before, those that no log covers, or in
-- which Graph counts more than the log.
--   job_id         the job
--   unknown_hours  how many
--   gap_at         the first of them
--   gap_until      the last of them
create or replace macro unlogged_hours(as_of) as table
with unknown_hours as (
    select job_id, "hour"
    from hour_ledger(date_trunc('hour', as_of - interval 1 day), date_trunc('hour', as_of))
    where source = 'events' and state = 'unknown'
    union
    -- Logs may be two hours late.
    select job_id, date_trunc('hour', began_at)
    from unlogged_runs(date_trunc('hour', as_of - interval 1 day), as_of - interval 2 hour)
), judged_jobs as (
    select distinct job_id from subjects where source = 'events'
)
select j.job_id, count(u."hour") as unknown_hours, min(u."hour") as gap_at, max(u."hour") as gap_until
from judged_jobs j
left join unknown_hours u on u.job_id = j.job_id
group by j.job_id;
