-- The runs that Graph reports of each job.

-- executions: one row per run of a job that Graph reported after its end; the log alone shows neither beginning nor
-- end.
--   job_id    the job
--   began_at  its beginning
--   ended_at  its end
--   app_name  the app's name
--   state     Graph's word for how it ended
--   escrowed  objects that await a retry
--   exported  objects written to the app
--   imported  objects read from Entra
--   seen_at   the first status that reports it
create or replace view executions as
select
    job_id,
    last_began_at as began_at,
    last_ended_at as ended_at,
    arg_min(app_name, observed_at) as app_name,
    arg_min(last_state, observed_at) as state,
    arg_min(escrowed, observed_at) as escrowed,
    arg_min(exported, observed_at) as exported,
    arg_min(imported, observed_at) as imported,
    min(observed_at) as seen_at
from job_snapshots
where job_id is not null and last_began_at <= last_ended_at
group by job_id, last_began_at, last_ended_at;

-- steadiness(): one row per job of which Graph reported a status: when it said that the job became steady, and until
-- when it said so; a restart takes it back or makes it later.
--   job_id            the job
--   reports           a list of these instants, in order
--   newest            the newest
--   first_steady_at   the first
--   assigned_objects  objects that are assigned, at most
create or replace macro steadiness() as table
select
    job_id,
    list({'until': until, 'since': steady_since} order by until) as reports,
    arg_max(steady_since, until) as newest,
    min(steady_since) as first_steady_at,
    max(assigned_objects) as assigned_objects
from (
    select
        job_id,
        steady_since,
        max(observed_at) as until,
        max(coalesce(users, 0) + coalesce(groups, 0)) as assigned_objects
    from job_snapshots
    group by job_id, steady_since
)
group by job_id;

-- unlogged_runs(since, until): one row per run of a job that ended in a time range and wrote to the app, by Graph's own
-- count, while the log has no event of it: there, logs are missing, whatever else covers that time.
--   job_id    the job
--   began_at  its beginning
--   ended_at  its end
create or replace macro unlogged_runs(since, until) as table
with reported as (
    select distinct job_id, last_began_at as began_at, last_ended_at as ended_at
    from job_snapshots
    where job_id is not null and last_began_at <= last_ended_at and exported > 0
        and last_ended_at >= since and last_ended_at < until
), newest_events as (
    select distinct job_id, occurred_at
    from event_spine
    where occurred_at >= since::timestamp - interval 1 day and occurred_at < until::timestamp + interval 1 hour
)
select r.job_id, r.began_at, r.ended_at
from reported r
asof left join newest_events e on e.job_id = r.job_id and r.ended_at + interval 5 minute >= e.occurred_at
where coalesce(e.occurred_at < r.began_at - interval 1 minute, true);
