-- What was not collected and will soon be deleted from Entra?
--
-- Title    Uncollected data nearing deletion
-- Topic    Data coverage
--
-- Parameters
--   $at          TIMESTAMP[]      the instants asked about
--   $days        BIGINT = 5       days before the deletion at which it is reported
--   $retention   BIGINT = 30      days that Entra keeps events: 30, or 7 without premium
--
-- Severity
--   warning
--
-- Needs
--   newest events 744 hours
--
-- Fires
--   when an hour between a tenant's first and newest covered hour is incomplete, and Entra deletes its events within
--   `days` days.
--
-- Silent
--   on hours before collection began, and on hours that Entra has already deleted; Data sources lists those.
--
-- Do
--   If the tenant is polled, find out why the gap stays open: python -m pipeline poll. Otherwise download that period
--   from the portal and load it.
--
-- Page
--   ingestion
--
-- Columns
--   as_of         the instant asked about
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
--   unwatched     why there is nothing to check: collection began after those hours
with ledger as (
    select
        tenant_id,
        "hour",
        app_name,
        state,
        "hour" + interval 1 hour + to_days($retention::integer) as leaves_at,
        max(case when state <> 'unknown' then "hour" end) over (partition by job_id order by "hour") as known_at
    from hour_ledger(
        date_trunc('hour', list_min($at::timestamp[])) - to_days($retention::integer + 1),
        list_max($at::timestamp[]) - interval 2 hour)
    where source = 'events'
), leaving as (
    -- Of a tenant of which something was known by then, within the hours that Entra keeps, those jobs alone.
    select i.as_of, l.*,
        coalesce(l.known_at >= date_trunc('hour', i.as_of) - to_days($retention::integer + 1), false) as is_known
    from (select unnest($at::timestamp[]) as as_of) i
    join ledger l on l.leaves_at > i.as_of and l.leaves_at <= i.as_of + to_days($days::integer)
    where l.state <> 'complete' and l."hour" < i.as_of - interval 2 hour
    qualify is_known or not bool_or(is_known) over (partition by i.as_of, l.tenant_id)
)
select
    l.as_of,
    coalesce(l.tenant_id, 'a tenant without an id') as subject,
    min(l.leaves_at) - to_days($days::integer) as since,
    'Entra deletes events that were not collected from ' || strftime(min(l.leaves_at), '%-d %b, %H:%M')
        || ' UTC on' as summary,
    null::varchar as app_name,
    null::varchar as job_id,
    case when min(l.leaves_at) - interval 1 day <= l.as_of then 'critical' else 'warning' end as severity,
    count(distinct l."hour") as hours,
    min(l."hour") as began_at,
    min(l.leaves_at) as leaves_at,
    list_sort(list(distinct l.app_name)) as apps,
    case when not bool_or(l.is_known) then 'None of the hours that Entra still keeps was collected' end as unwatched
from leaving l
group by l.as_of, l.tenant_id
order by l.as_of, min(l.leaves_at), subject
