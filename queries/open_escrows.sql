-- Who waits for a retry?
--
-- An object whose last attempt failed; the longest wait first. Entra retries for 28 days, then gives up.
--
-- Parameters
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--   $limit    BIGINT = 200      how many at most
--
-- Columns
--   job_id          the job
--   app_name        the application
--   source_id       the object
--   name            its UPN, else its display name
--   opened_at       the first failure of this wait
--   attempts        failures since then
--   retry_at        when Entra said it tries again
--   dropped_at      when Entra gives up
--   error_code      the last error
--   is_reference    whether it is about a reference, such as a member or a manager
with waiting as (
    select job_id, source_id, opened_at, attempts, retry_at, dropped_at, error_code, is_reference
    from waiting_escrows
    where ($job is null or job_id = $job)
        and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
    order by opened_at, job_id, source_id
    limit $limit
), named as (
    select
        job_id,
        source_id,
        arg_max_null(app_name, named_key) as app_name,
        arg_max_null(coalesce(upn, source_name), named_key) as name
    from identity_parts
    where source_id in (select source_id from waiting)
    group by job_id, source_id
)
select
    job_id,
    coalesce(app_name, job_id) as app_name,
    source_id,
    coalesce(name, source_id) as name,
    opened_at,
    attempts,
    retry_at,
    dropped_at,
    error_code,
    is_reference
from waiting
join named using (job_id, source_id)
order by opened_at, job_id, source_id
