-- What was not collected and will soon be gone from Entra?
--
-- Parameters
--   $at          TIMESTAMP        the instant asked about
--   $days        BIGINT = 5       days before the end at which it is said
--   $retention   BIGINT = 30      days that Entra keeps events: 30, or 7 without premium
--
-- Severity
--   warning
--
-- Fires
--   when an hour between a tenant's first and newest known hour is not complete and leaves Entra's store within `days`.
--
-- Silent
--   on what came before anything was collected, and on hours that are gone already; the page Ingestion lists those.
--
-- Do
--   Where the tenant is polled, see why the gap stays open: python -m pipeline poll. Elsewhere download that stretch
--   from the portal and load it.
--
-- Page
--   ingestion
--
-- Columns
--   subject       the tenant
--   since         when the oldest of these hours came within `days` of its end
--   summary       the sentence
--   app_name      always null: a gap is of the tenant's log
--   job_id        always null
--   severity      critical on the last day
--   hours         hours that are not complete and still there
--   began_at      the oldest of them
--   leaves_at     when it leaves Entra's store
--   apps          the applications concerned
with ledger as (
    select
        tenant_id,
        "hour",
        app_name,
        state,
        "hour" + interval 1 hour + to_days($retention::integer) as leaves_at,
        bool_or(state <> 'unknown') over (partition by job_id order by "hour") as has_begun
    from hour_ledger(
        date_trunc('hour', $at::timestamp) - to_days($retention::integer + 1), $at::timestamp - interval 2 hour)
    where source = 'events'
)
select
    coalesce(tenant_id, 'a tenant without an id') as subject,
    min(leaves_at) - to_days($days::integer) as since,
    'Hours that were not collected leave Entra''s store from ' || strftime(min(leaves_at), '%-d %B, %H:%M') || ' UTC on'
        as summary,
    null::varchar as app_name,
    null::varchar as job_id,
    case when min(leaves_at) - interval 1 day <= $at then 'critical' else 'warning' end as severity,
    count(distinct "hour") as hours,
    min("hour") as began_at,
    min(leaves_at) as leaves_at,
    list_sort(list(distinct app_name)) as apps
from ledger
where has_begun and state <> 'complete' and leaves_at > $at and leaves_at <= $at + to_days($days::integer)
group by tenant_id
order by leaves_at, subject
