-- How is each job configured, and when was that last read?
--
-- Title    App configuration
-- Topic    Configuration and tokens
--
-- Schedule, interval and deletion threshold are in every document of a job, so they are known without its
-- configuration; the rest is only known once that was read. What no document has is null and not a default.
--
-- Parameters
--   $job      VARCHAR = null   one job's id; null asks about all of them
--   $tenant   VARCHAR = null   one tenant's id; null asks about all of them
--
-- Columns
--   job_id                the job
--   app_name              the application it provisions, or the job's id
--   tenant_id             the tenant
--   app_id                the application's service principal
--   template_id           the template it was made from
--   schedule_state        Active, Disabled or Paused
--   interval_s            seconds between two cycles; null when not reported, or never
--   deletion_threshold    deletions in one cycle that quarantine the job
--   scope_mode            assigned or all
--   notification          whether Entra mails on failure
--   skip_deletions        whether who falls out of scope keeps the account
--   base_host             the host of the app's SCIM endpoint
--   mappings              attribute mappings; null when the configuration was never read
--   matching              the target's attributes that objects are matched by, the first tried first
--   heard_at              the newest document of the job
--   changed_at            since when the configuration is as it is, as far as was read
--   versions              how many different configurations were read
with job_records as (
    select job_id, app_name, tenant_id, "hour" as seen_at from hourly
    union all
    select job_id, app_name, tenant_id, observed_at from job_snapshots
    union all
    select job_id, app_name, tenant_id, observed_at from configurations
),
jobs as (
    select
        job_id,
        coalesce(arg_max(app_name, seen_at), job_label(job_id)) as app_name,
        arg_max(tenant_id, seen_at) as tenant_id
    from job_records
    where job_id is not null
    group by job_id
),
newest_status as (
    from job_snapshots
    qualify row_number() over (partition by job_id order by observed_at desc, snapshot_id) = 1
),
configured as (
    select *, count(*) over (partition by job_id) as versions
    from configurations
    qualify row_number() over (partition by job_id order by observed_at desc, digest) = 1
)
select
    j.job_id,
    j.app_name,
    j.tenant_id,
    coalesce(s.app_id, c.app_id) as app_id,
    coalesce(s.template_id, c.template_id) as template_id,
    if(s.job_id is null, c.schedule_state, s.schedule_state) as schedule_state,
    if(s.job_id is null, c.interval_s, s.interval_s) as interval_s,
    if(s.job_id is null, c.deletion_threshold, s.deletion_threshold) as deletion_threshold,
    c.scope_mode,
    c.notification,
    c.skip_deletions,
    c.base_host,
    len(c.mappings) as mappings,
    list_transform(
        list_sort(list_transform(
            list_filter(c.mappings, lambda m: m.matching_priority > 0),
            lambda m, place: {'priority': m.matching_priority, 'place': place, 'name': m.target_attribute})),
        lambda m: m.name) as matching,
    greatest(s.observed_at, c.observed_at) as heard_at,
    c.observed_at as changed_at,
    coalesce(c.versions, 0) as versions
from jobs j
left join newest_status s on s.job_id = j.job_id
left join configured c on c.job_id = j.job_id
where ($job is null or j.job_id = $job) and ($tenant is null or j.job_id in (from jobs_of_tenant($tenant)))
order by j.app_name, j.job_id
