-- Jobs that a newer job of the same app follows, as after a restart or a configuration that was made anew.

-- replaced_jobs(instants): one row per instant and job whose app has a newer job, the first record of which comes after this
-- job's last. Jobs of one app that run side by side replace none.
--   as_of        the instant
--   job_id       the job
--   replaced_by  the newer job
--   replaced_at  its first record
--   last_at      the last record of the job that it follows
create or replace macro replaced_jobs(instants) as table
with records as (
    select job_id, null::varchar as app_id, began_at, ended_at from cycle_parts
    union all
    select job_id, app_id, observed_at, observed_at from job_snapshots
    union all
    select job_id, app_id, min(occurred_at), max(occurred_at) from footings group by job_id, app_id
), apps as (
    select job_id, max(app_id) as app_id from records where job_id is not null group by job_id having count(app_id) > 0
), extents as materialized (
    select i.as_of, a.app_id, a.job_id, min(r.began_at) as first_at,
        max(case when r.ended_at <= i.as_of then r.ended_at else r.began_at end) as last_at
    from (select unnest(instants) as as_of) i
    join records r on r.began_at <= i.as_of
    join apps a on a.job_id = r.job_id
    where a.app_id in (select app_id from apps group by app_id having count(*) > 1)
    group by i.as_of, a.app_id, a.job_id
)
select o.as_of, o.job_id, arg_min(n.job_id, n.first_at) as replaced_by, min(n.first_at) as replaced_at,
    any_value(o.last_at) as last_at
from extents o
join extents n on n.as_of = o.as_of and n.app_id = o.app_id and n.first_at > o.last_at
group by o.as_of, o.job_id;

-- taken_over: one row per object of a replaced job that a job which came after it has handled since.
--   job_id         the replaced job
--   source_id      the object's id in Entra
--   taken_over_at  its first event in the newer job
create or replace view taken_over as
select j.job_id, p.source_id, min(p.first_event_at) as taken_over_at
from replaced_jobs([timestamp 'infinity']) j
join identity_parts p on p.job_id = j.replaced_by and p.first_event_at >= j.replaced_at
group by j.job_id, p.source_id;
