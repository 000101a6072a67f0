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
select
    e.job_id,
    i.app_name,
    e.source_id,
    coalesce(i.upn, i.source_name, e.source_id) as name,
    e.opened_at,
    e.attempts,
    e.retry_at,
    e.dropped_at,
    e.error_code,
    e.is_reference
from escrows e
join identities i on i.job_id = e.job_id and i.source_id = e.source_id
where e.closed_at is null
    and ($job is null or e.job_id = $job)
    and ($tenant is null or e.job_id in (select job_id from hourly_parts where tenant_id = $tenant))
order by e.opened_at, e.job_id, e.source_id
limit $limit
