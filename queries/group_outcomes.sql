-- How well is each group provisioned?
--
-- Title    Group provisioning outcomes
-- Topic    Users and groups
--
-- For analysts
--
-- Parameters
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   job_id             the job
--   app_name           the application
--   source_id          the group's id in Entra
--   source_name        its name
--   state              what the last decisive event left it in
--   attempts           successes and failures, ever
--   failures           failures, ever
--   success_share      successes of attempts; null where nothing was tried
--   last_event_at      its newest event
--   open_error_code    the error it is failing with
select
    job_id,
    name_of_job(app_name, job_id) as app_name,
    source_id,
    source_name,
    state,
    attempts,
    failures,
    success_share,
    last_event_at,
    open_error_code
from identities
where lower(source_type) = 'group' and ($job is null or job_id = $job)
    and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
order by failures desc, source_name, job_id, source_id
