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
), attempts_by_object as (
    select
        p.job_id,
        p.source_id,
        any_value(w.opened_at) as opened_at,
        arg_max(p.app_name, p.order_key) as app_name,
        arg_max(p."action", p.order_key) as "action",
        count(*) as attempts,
        arg_max(p.retry_at, p.order_key) as retry_at,
        arg_max(p.code, p.order_key) as error_code
    from problems p
    join waits w on w.job_id = p.job_id and w.source_id = p.source_id
    where p.status = 'failure'
        and p.occurred_at >= w.opened_at
        and p.occurred_at <= $at
        and of_tenant($tenant, p.tenant_id, p.job_id)
    group by p.job_id, p.source_id
), people_names as (
    select job_id, source_id, identity_name(upn, source_name, named_key) as "name"
    from identity_parts
    where source_id in (select source_id from attempts_by_object)
    group by job_id, source_id
)
select
    app_name,
    job_id,
    source_id,
    coalesce("name", source_id) as name,
    "action" in ('disable', 'delete') as leaver,
    "action",
    opened_at,
    attempts,
    retry_at,
    opened_at + interval 28 day as dropped_at,
    error_code
from attempts_by_object
left join people_names using (job_id, source_id)
order by leaver desc, opened_at, job_id, source_id
limit $limit
