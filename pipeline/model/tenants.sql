-- What belongs to which tenant.

-- jobs_of_tenant(tenant): the jobs of a tenant, whatever shows them: events, a status, a configuration or a covered
-- stretch of time; a row for each time that something does. A question asks for it only where `$tenant` is not null:
-- that null has all jobs, each once, would take every question 12 ms more.
--   job_id  the job
create or replace macro jobs_of_tenant(tenant) as table
select job_id
from (
    select tenant_id, job_id from hourly_parts
    union all
    select tenant_id, job_id from job_snapshots
    union all
    select tenant_id, job_id from configurations
    union all
    select lower(tenant_id), job_id from coverage
)
where tenant_id = lower(tenant) and job_id is not null;

-- of_tenant(tenant, record_tenant, record_job): whether a record is a tenant's: by its own tenant, else by its job's. A
-- null tenant has all records.
create or replace macro of_tenant(tenant, record_tenant, record_job) as
    tenant is null
    or record_tenant = lower(tenant)
    or record_tenant is null and record_job in (select j.job_id from jobs_of_tenant(tenant) j);

-- apps_of_tenant(tenant, since, until): one row per app of a tenant, by its jobs' status or configuration, by its own log,
-- or by the events of a time range.
--   app_id  the app's service principal
create or replace macro apps_of_tenant(tenant, since, until) as table
select app_id from job_snapshots where job_id in (from jobs_of_tenant(tenant)) and app_id is not null
union
select app_id from configurations where job_id in (from jobs_of_tenant(tenant)) and app_id is not null
union
select app_id from exchanges where lower(tenant_id) = lower(tenant) and app_id is not null
union
select app_id from events
where tenant_id = lower(tenant) and occurred_at >= since and occurred_at < until and app_id is not null;

-- apps_of_job(job): the app of a job, by its status, its configuration or its events, whenever these were: what was logged
-- in a window without an event is the app's as well. Footings are the few events out of many that tell as much.
--   app_id  the app's service principal
create or replace macro apps_of_job(job) as table
select app_id from job_snapshots where job_id = job and app_id is not null
union
select app_id from configurations where job_id = job and app_id is not null
union
select app_id from footings where job_id = job and app_id is not null;

-- request_of_tenant(tenant, record_tenant, record_app, since, until): whether a SCIM request is a tenant's: by its own
-- tenant, else by its app, which events of the time range may name. A null tenant has all requests.
create or replace macro request_of_tenant(tenant, record_tenant, record_app, since, until) as
    tenant is null
    or lower(record_tenant) = lower(tenant)
    or record_tenant is null and record_app in (select a.app_id from apps_of_tenant(tenant, since, until) a);

-- job_label(id): what a job is called whose app's name is not known: its id, of a long one the template and the end.
create or replace macro job_label(id) as
    case when len(id) <= 30 then id else split_part(id, '.', 1)[:20] || ' …' || right(id, 6) end;

-- job_names(): one row per job with its app's newest name, wherever it is known: events, status or configuration of the
-- job, else status or configuration of another job of the same app. Of two in the same hour the later in the alphabet.
--   job_id    the job
--   app_name  the app's name
create or replace macro job_names() as table
with records as (
    select job_id, null as app_id, app_name, "hour" as seen_at from hourly_parts
    union all
    select job_id, app_id, app_name, observed_at from job_snapshots
    union all
    select job_id, app_id, app_name, observed_at from configurations
), named_apps as (
    select app_id, arg_max(app_name, row(seen_at, app_name)) as app_name
    from records
    where app_id is not null and app_name is not null
    group by app_id
)
select r.job_id, coalesce(arg_max(r.app_name, row(r.seen_at, r.app_name)), any_value(a.app_name)) as app_name
from records r
left join named_apps a on a.app_id = r.app_id
where r.job_id is not null
group by r.job_id
having coalesce(arg_max(r.app_name, row(r.seen_at, r.app_name)), any_value(a.app_name)) is not null;

-- name_of_job(known_name, of_job): the newest name of a job's app, so that an app that was renamed has one name in every
-- answer; else the name that is at hand, else the job's label.
create or replace macro name_of_job(known_name, of_job) as
    coalesce((select n.app_name from job_names() n where n.job_id = of_job), known_name, job_label(of_job));

-- job_labels(): one row per job that shares its app's name with another job, in whichever tenant. Replaced ones do not
-- count.
--   job_id    the job
--   app_name  the app's name
--   label     what tells it apart: the name and the end of the job's id
create or replace macro job_labels() as table
select job_id, app_name, app_name || ' ' || right(job_id, 6) as label
from job_names()
where job_id not in (select job_id from job_successors)
qualify count(*) over (partition by app_name) > 1;
