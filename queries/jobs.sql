-- Which provisioning jobs are there?
--
-- Title    Provisioning jobs
-- Topic    Configuration and tokens
--
-- Every job that ever left an event, a status or its configuration, whichever came first.
--
-- Columns
--   job_id       the job
--   app_name     the application it provisions; its newest name, a short form of the job's id where it has none
--   tenant_id    the tenant it belongs to
select
    job_id,
    coalesce(arg_max(app_name, seen_at), job_label(job_id)) as app_name,
    arg_max(tenant_id, seen_at) as tenant_id
from (
    select job_id, tenant_id, app_name, "hour" as seen_at from hourly_parts
    union all
    select job_id, tenant_id, app_name, observed_at from job_snapshots
    union all
    select job_id, tenant_id, app_name, observed_at from configurations
)
where job_id is not null
group by job_id
order by app_name, job_id
