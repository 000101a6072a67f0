-- Whom will Entra soon give up on?
--
-- Parameters
--   $at       TIMESTAMP      the instant asked about
--   $days     BIGINT = 3     days before the end at which it is said
--   $limit    BIGINT = 28    days after the first failure when Entra stops trying
--
-- Severity
--   warning
--
-- Needs
--   events 24 hours
--
-- Fires
--   when an object has waited so long that Entra's retries end within `days`, or have ended.
--
-- Silent
--   on objects that were never collected failing.
--
-- Do
--   Mend the cause of each before its date, or provision the person on demand: after it Entra forgets the failure and
--   tries again only when the object changes.
--
-- Page
--   quarantine
--
-- Columns
--   subject       the job
--   since         when the first of them came within `days`
--   summary       the sentence
--   app_name      the application
--   job_id        the job
--   severity      critical when a leaver is among them
--   objects       objects about to be given up on, or given up on
--   leavers       of those, whose disable or delete failed
--   dropped_at    the earliest end
--   people        up to ten names, leavers first
with waits as (
    select job_id, source_id, opened_at, opened_at + to_days($limit::integer) as dropped_at
    from escrows
    where opened_at <= $at - to_days(($limit - $days)::integer) and (closed_at is null or closed_at > $at)
), leaving as (
    select distinct job_id, source_id
    from events
    where occurred_at <= $at and status = 'failure' and "action" in ('disable', 'delete')
), named as (
    select w.*, i.app_name, coalesce(i.upn, i.source_name, w.source_id) as "name", l.source_id is not null as leaver
    from waits w
    left join leaving l using (job_id, source_id)
    left join identities i using (job_id, source_id)
)
select
    job_id as subject,
    min(dropped_at) - to_days($days::integer) as since,
    coalesce(max(app_name), job_id) || ': Entra stops retrying objects, the first on '
        || strftime(min(dropped_at), '%-d %B') as summary,
    max(app_name) as app_name,
    job_id,
    case when bool_or(leaver) then 'critical' else 'warning' end as severity,
    count(*) as objects,
    count(*) filter (where leaver) as leavers,
    min(dropped_at) as dropped_at,
    list("name" order by not leaver, dropped_at, "name")[:10] as people
from named
group by job_id
order by dropped_at, subject
