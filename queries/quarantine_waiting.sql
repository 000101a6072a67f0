-- Who waits while the job does not get through, leavers first?
--
-- Title    Blocked users and groups
-- Topic    Cycles and quarantine
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
--   opened_at     when the retries began; opened_from has what that is known from
--   attempts      failures until the instant, as one wait
--   retry_at      when Entra tries again; null where the job is stopped or its quarantine leaves it open
--   dropped_at    when Entra's retries end, 28 days after the first failure
--   error_code    the last error
--   opened_from   first failure, creation time, retry count or at the latest
--   is_at_least   whether it may have failed more often
with waits as (
    select object, job_id, source_id, first_key, closed_key, opened_at, opened_from, attempts, is_at_least
    from pending_retries
    where opened_at <= $at and (closed_at is null or closed_at > $at) and ($job is null or job_id = $job)
        and (job_id, source_id) not in (select (job_id, source_id) from taken_over where taken_over_at <= $at)
), attempts_by_object as (
    select
        w.job_id,
        w.source_id,
        any_value(w.opened_at) as opened_at,
        any_value(w.opened_from) as opened_from,
        any_value(w.is_at_least) as is_at_least,
        arg_max(p.app_name, p.order_key) filter (where p.occurred_at <= $at) as app_name,
        arg_max(p."action", p.order_key) filter (where p.occurred_at <= $at) as "action",
        any_value(w.attempts) - count(*) filter (where p.occurred_at > $at) as attempts,
        arg_max(p.retry_at, p.order_key) filter (where p.occurred_at <= $at) as retry_at,
        arg_max(p.code, p.order_key) filter (where p.occurred_at <= $at) as error_code
    from problems p
    join waits w on w.object = p.object and p.order_key >= w.first_key and p.order_key < w.closed_key
    where p.status = 'failure' and of_tenant($tenant, p.tenant_id, p.job_id)
        and p.order_key >= (select min(first_key) from waits)
    group by w.object, w.job_id, w.source_id
    having count(*) filter (where p.occurred_at <= $at) > 0
), earlier_ends as (
    -- As in leaver_cases: a deletion that follows a disable leaves nobody with access.
    select w.object, arg_max(f.ends, f.order_key) as ended_before
    from footings f
    join waits w on w.object = f.object and f.order_key < w.first_key
    where f.ends is not null
    group by w.object
), people_names as (
    select job_id, source_id, identity_name(upn, source_name, named_key) as "name"
    from identity_parts
    where source_id in (select source_id from attempts_by_object)
    group by job_id, source_id
)
select
    name_of_job(app_name, a.job_id) as app_name,
    a.job_id,
    a.source_id,
    coalesce("name", a.source_id) as name,
    "action" in ('disable', 'delete') and e.ended_before is distinct from 'done' as leaver,
    "action",
    opened_at,
    attempts,
    promised_retry(retry_at, q.job_id, q.next_attempt_at) as retry_at,
    opened_at + interval 28 day as dropped_at,
    error_code,
    opened_from,
    is_at_least
from attempts_by_object a
left join earlier_ends e on e.object = object_number(a.job_id, a.source_id)
left join people_names n on n.job_id = a.job_id and n.source_id = a.source_id
left join stopped_jobs($at) q on q.job_id = a.job_id
order by leaver desc, opened_at, a.job_id, a.source_id
limit $limit
