-- Who waits while the job does not get through, leavers first?
--
-- Parameters
--   $at       TIMESTAMP           the instant asked about
--   $job      VARCHAR = null      one job's id; null asks about all of them
--   $tenant   VARCHAR = null      one tenant's id; null asks about all of them
--   $limit    BIGINT = 200        how many at most
--
-- Columns
--   app_name      the application
--   job_id        the job
--   source_id     the object
--   name          its UPN, else its display name
--   leaver        whether what failed last is a disable or a delete
--   action        what failed last
--   opened_at     the first failure of this wait
--   attempts      failures since then, as one wait
--   retry_at      when Entra said it tries again
--   dropped_at    when Entra gives up, 28 days after the first failure
--   error_code    the last error
with waits as (
    select job_id, source_id, opened_at
    from escrows
    where opened_at <= $at and (closed_at is null or closed_at > $at) and ($job is null or job_id = $job)
), tried as (
    select
        e.job_id,
        e.source_id,
        any_value(w.opened_at) as opened_at,
        arg_max(e.app_name, e.occurred_at) as app_name,
        coalesce(arg_max(e.upn, e.occurred_at), arg_max(e.source_name, e.occurred_at), e.source_id) as name,
        arg_max(e."action", (e.occurred_at, e.event_id)) as "action",
        count(*) as attempts,
        arg_max(e.retry_at, e.occurred_at) as retry_at,
        arg_max(e.error_code, e.occurred_at) as error_code
    from events e
    join waits w on w.job_id = e.job_id and w.source_id = e.source_id
    where e.status = 'failure'
        and e.occurred_at >= w.opened_at
        and e.occurred_at <= $at
        and ($tenant is null or e.tenant_id = $tenant)
    group by e.job_id, e.source_id
)
select
    app_name,
    job_id,
    source_id,
    name,
    "action" in ('disable', 'delete') as leaver,
    "action",
    opened_at,
    attempts,
    retry_at,
    opened_at + interval 28 day as dropped_at,
    error_code
from tried
order by leaver desc, opened_at, job_id, source_id
limit $limit
