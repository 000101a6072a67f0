-- How well is each hour covered?
--
-- Title    Data coverage by hour
-- Topic    Data coverage
--
-- complete: everything that happened is here. partial: some of it may be missing. unknown: nothing covers the hour. A
-- file covers the jobs in it from its first record to its last; a poll, a container or an hour's blob covers every job
-- of a tenant.
--
-- Parameters
--   $since    TIMESTAMP         start of the window, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $kind     VARCHAR = null    events, jobs (their status) or exchanges (SCIM requests); null asks about all of them
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   kind         events, jobs or exchanges
--   tenant_id    the tenant, where a log names it
--   job_id       the job; null for SCIM requests, which name none
--   app_name     the application it provisions
--   hour         the hour, by its beginning
--   state        complete, partial or unknown
select
    source as kind,
    tenant_id,
    job_id,
    app_name,
    "hour",
    state
from hour_ledger($since::timestamp, $until::timestamp)
where ($kind is null or source = $kind)
    and ($job is null or job_id = $job)
    and ($tenant is null or tenant_id = $tenant or job_id in (from jobs_of_tenant($tenant)))
order by list_position(['events', 'jobs', 'exchanges'], source), app_name, job_id, tenant_id, "hour"
