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
select app_id from events where tenant_id = tenant and occurred_at >= since and occurred_at < until and app_id is not null;
