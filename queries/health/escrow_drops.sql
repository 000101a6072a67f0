-- Whose retries will Entra soon end?
--
-- Title    Retries ending soon
-- Topic    Failures and issues
--
-- Parameters
--   $at       TIMESTAMP[]    the instants asked about
--   $days     BIGINT = 3     days before the end at which it is reported
--   $limit    BIGINT = 28    days after the first failure when Entra's retries end
--
-- Severity
--   warning
--
-- Needs
--   events 24 hours
--
-- Fires
--   when Entra's retries of a user or group end within `days` days, or have ended.
--
-- Silent
--   on users and groups whose failures were never collected.
--
-- Do
--   Fix the cause of each before its date, or use on-demand provisioning: after that date Entra retries only when the
--   user or group changes.
--
-- Page
--   quarantine
--
-- Columns
--   as_of         the instant asked about
--   subject       the job
--   since         when the first of them came within `days`
--   summary       the sentence
--   app_name      the application
--   job_id        the job
--   severity      critical when a leaver is among them
--   objects       users and groups whose retries end soon, or have ended
--   leavers       of these, failed disables and deletes
--   dropped_at    the earliest end
--   people        up to ten names, leavers first
--   settled       where none is pending: the names of those who were, and are settled since; then the row is no finding
with waits as materialized (
    select job_id, source_id, opened_at, opened_at + to_days(($limit - $days)::integer) as due_at, closed_at,
        opened_at + to_days($limit::integer) as dropped_at
    from escrows
    where opened_at + to_days(($limit - $days)::integer) <= list_max($at::timestamp[])
        and coalesce(closed_at > list_min($at::timestamp[]) - interval 28 day, true)
), leaving as (
    -- A disable or delete that failed before and was settled is none of these.
    select w.job_id, w.source_id, w.opened_at, min(p.occurred_at) as failed_at
    from waits w
    join problems p on p.job_id = w.job_id and p.source_id = w.source_id and p.occurred_at >= w.opened_at
        and coalesce(p.occurred_at <= w.closed_at, true)
    where p.occurred_at <= list_max($at::timestamp[]) and p.status = 'failure' and p."action" in ('disable', 'delete')
    group by w.job_id, w.source_id, w.opened_at
), current_names as (
    -- As the view identities, of those alone.
    select job_id, source_id, arg_max_null(app_name, named_key) as app_name,
        coalesce(arg_max_null(upn, named_key), arg_max_null(source_name, named_key)) as "name"
    from identity_parts
    where source_id in (select source_id from waits)
    group by job_id, source_id
), named as (
    -- The names' order among leavers and among the others is the same at every instant.
    select
        w.*,
        k.app_name,
        coalesce(k."name", w.source_id) as "name",
        l.failed_at,
        row_number() over (partition by w.job_id order by w.dropped_at, coalesce(k."name", w.source_id)) as place
    from waits w
    left join leaving l using (job_id, source_id, opened_at)
    left join current_names k using (job_id, source_id)
), waiting as (
    select i.as_of, n.*, coalesce(n.failed_at <= i.as_of, false) as leaver,
        coalesce(n.closed_at, timestamp 'infinity') > i.as_of as is_pending
    from (select unnest($at::timestamp[]) as as_of) i
    join named n on n.due_at <= i.as_of
        and coalesce(n.closed_at, timestamp 'infinity') > greatest(n.due_at, i.as_of - interval 28 day)
)
select
    as_of,
    job_id as subject,
    coalesce(min(dropped_at) filter (is_pending), min(dropped_at)) - to_days($days::integer) as since,
    coalesce(max(app_name), job_label(job_id)) || ': retries of failed users or groups '
        || case when min(dropped_at) filter (is_pending) > as_of then 'end' else 'ended' end || ', the first on '
        || strftime(coalesce(min(dropped_at) filter (is_pending), min(dropped_at)), '%-d %b') as summary,
    max(app_name) as app_name,
    job_id,
    case when bool_or(leaver and is_pending) then 'critical' else 'warning' end as severity,
    count(*) filter (is_pending) as objects,
    count(*) filter (leaver and is_pending) as leavers,
    min(dropped_at) filter (is_pending) as dropped_at,
    arg_min("name", place + case when leaver then 0 else 1000000000 end, 10) filter (is_pending) as people,
    case when not bool_or(is_pending) then list_sort(list(distinct "name")) end as settled
from waiting
group by as_of, job_id
order by as_of, since, subject
