-- Which users and groups are pending retry?
--
-- Title    Pending retries
-- Topic    Failures and issues
--
-- An object whose last attempt failed; the longest wait first. Entra's retries end after 28 days; in quarantine none
-- comes before the job's own next attempt.
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
--   opened_at       when the retries began; opened_from has what that is known from
--   attempts        failures since then
--   retry_at        when Entra tries again; null where the job is stopped or its quarantine leaves it open
--   dropped_at      when Entra's retries end
--   error_code      the last error
--   is_reference    whether it is about a reference, such as a member or a manager
--   opened_from     first failure, creation time, retry count or at the latest
--   is_at_least     whether it may have failed more often
with waiting as (
    select job_id, source_id, opened_at, attempts, retry_at, dropped_at, error_code, is_reference, opened_from,
        is_at_least
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
    w.job_id,
    name_of_job(app_name, w.job_id) as app_name,
    w.source_id,
    coalesce(name, w.source_id) as name,
    opened_at,
    attempts,
    promised_retry(retry_at, q.job_id, q.next_attempt_at) as retry_at,
    dropped_at,
    error_code,
    is_reference,
    opened_from,
    is_at_least
from waiting w
join named n on n.job_id = w.job_id and n.source_id = w.source_id
left join stopped_jobs(timestamp 'infinity') q on q.job_id = w.job_id
order by opened_at, w.job_id, w.source_id
