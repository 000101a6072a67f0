-- What belongs to which tenant.

-- jobs_of_tenant(tenant): one row per job of a tenant, whatever shows it: events, a status, a configuration or a
-- covered stretch of time. A null tenant has all jobs. Records have a tenant of their own: a question that counts
-- events filters by that one, since a semi join takes 10 to 25 ms more of 20 to 210 for 800,000 events.
--   job_id  the job
create or replace macro jobs_of_tenant(tenant) as table
select distinct job_id
from (
    select tenant_id, job_id from hourly_parts
    union all
    select tenant_id, job_id from job_snapshots
    union all
    select tenant_id, job_id from configurations
    union all
    select tenant_id, job_id from coverage
)
where job_id is not null and (tenant::varchar is null or lower(tenant_id) = lower(tenant));

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
