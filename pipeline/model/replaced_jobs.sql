-- Jobs that a newer job of the same app follows, as after a restart or a configuration that was made anew.
--
-- The tables job_successors and taken_over have them, so that no question looks through all records for what there
-- hardly ever is.

-- job_successions(): the rows of the table job_successors, as the records that are stored have it: each job whose app has
-- a newer job, the first record of which comes after this job's last. Jobs of one app that run side by side replace none.
--   job_id       the job
--   replaced_by  the newer job
--   replaced_at  its first record
create or replace macro job_successions() as table
with apps as materialized (
    -- Jobs that share an app.
    select job_id, any_value(app_id) as app_id
    from (
        select distinct job_id, app_id from footings
        union
        select distinct job_id, app_id from job_snapshots
    )
    where job_id is not null and app_id is not null
    group by job_id
    qualify count(*) over (partition by any_value(app_id)) > 1
), extents as materialized (
    select a.app_id, a.job_id, min(r.began_at) as first_at, max(r.ended_at) as last_at
    from apps a
    join (
        select job_id, first_event_at as began_at, last_event_at as ended_at from identity_parts
        union all
        select job_id, observed_at, observed_at from job_snapshots
    ) r on r.job_id = a.job_id
    group by a.app_id, a.job_id
)
select o.job_id, arg_min(n.job_id, n.first_at) as replaced_by, min(n.first_at) as replaced_at
from extents o
join extents n on n.app_id = o.app_id and n.first_at > o.last_at
group by o.job_id;

-- replaced_jobs(instants): one row per instant and job that a newer job had replaced by then.
--   as_of        the instant
--   job_id       the job
--   replaced_by  the newer job
--   replaced_at  its first record
create or replace macro replaced_jobs(instants) as table
select i.as_of, s.job_id, s.replaced_by, s.replaced_at
from job_successors s
join (select unnest(instants) as as_of) i on s.replaced_at <= i.as_of;

-- objects_taken_over(): the rows of the table taken_over, as the records that are stored have it: each object of a replaced
-- job that the newer job has handled since.
--   job_id         the replaced job
--   source_id      the object's id in Entra
--   taken_over_at  its first event in the newer job
create or replace macro objects_taken_over() as table
select j.job_id, p.source_id, min(p.first_event_at) as taken_over_at
from job_successions() j
join identity_parts p on p.job_id = j.replaced_by and p.first_event_at >= j.replaced_at
where p.source_id is not null
group by j.job_id, p.source_id;
