-- What is not copied yet, and when does Entra delete it?
--
-- Title    Missing data and Entra retention
-- Topic    Data coverage
--
-- Entra keeps events for 30 days, 7 without premium. What was not copied by then can only come from a diagnostic
-- setting's storage or workspace; of that, the last 400 days are listed. Hours that ended less than $settle_s ago are
-- left out, since late events may still come. Unverified: Microsoft's tenant-wide table of retentions has no row for
-- provisioning logs; the days are those you set.
--
-- Parameters
--   $now              TIMESTAMP          the present
--   $retention_days   BIGINT = 30        days for which Entra keeps events, where $tenants does not name them
--   $settle_s         BIGINT = 7200      seconds in which events may come late
--   $tenants          VARCHAR = null     the tenants asked, as JSON: [{"tenant_id", "name", "retention_days"}, …]
--   $tenant           VARCHAR = null     one tenant's id; null asks about all of them
--
-- Columns
--   tenant_id        the tenant
--   tenant           its name in the file of tenants; null where it is not in it
--   state            leaving (Entra still holds the gap) or gone (all gaps that are older, as one)
--   began_at         the oldest hour not copied
--   ended_at         where the gap ends
--   hours            hours that are not complete in it
--   apps             the applications concerned
--   leaves_at        when the oldest hour leaves Entra's store, or left it
--   leaves_in_s      seconds until then; null where it is gone
--   retention_days   days for which Entra keeps this tenant's events
--   polled           whether this tenant's events are asked of Graph, so that `poll` fills the gap
--   outcome          how the last collection went: ok or failed; null where nothing is collected
with listed as (
    select t.tenant_id, t.name as tenant, t.retention_days
    from (
        select unnest(from_json(
            $tenants, '[{"tenant_id":"varchar","name":"varchar","retention_days":"bigint"}]')) as t
    )
), ledger as (
    select
        coalesce(l.tenant_id, h.tenant_id) as tenant_id,
        l.tenant,
        coalesce(l.retention_days, $retention_days) as days,
        h.app_name,
        h."hour",
        h.state = 'complete' as complete,
        bool_or(h.state <> 'unknown') over (partition by h.job_id order by h."hour") as has_begun
    from hour_ledger(
        date_trunc('hour', $now::timestamp) - interval 400 day, $now::timestamp - to_seconds($settle_s::bigint)) h
    left join listed l on lower(l.tenant_id) = lower(h.tenant_id)
    where h.source = 'events'
), missing_hours as (
    select tenant_id, tenant, days, app_name, "hour",
        "hour" + interval 1 hour + to_days(days::integer) <= $now as is_lost
    from ledger
    where not complete and (has_begun or "hour" + interval 1 hour + to_days(days::integer) > $now)
    union all
    select tenant_id, tenant, coalesce(retention_days, $retention_days), null, unnest(range(
        date_trunc('hour', $now::timestamp - to_days(coalesce(retention_days, $retention_days)::integer)),
        date_trunc('hour', $now::timestamp - to_seconds($settle_s::bigint)), interval 1 hour)), false
    from listed
    where tenant_id not in (select tenant_id from ledger where tenant_id is not null)
        and tenant not in (select tenant from contacts where feed = 'events' and reached_at is not null)
), numbered as (
    select
        *,
        case
            when not is_lost then "hour" - to_hours(dense_rank() over (partition by tenant_id, is_lost order by "hour"))
        end
            as run
    from missing_hours
), gaps as (
    select
        tenant_id,
        max(tenant) as tenant,
        max(days) as days,
        is_lost,
        min("hour") as began_at,
        max("hour") + interval 1 hour as ended_at,
        count(distinct "hour") as hours,
        list(distinct app_name order by app_name) as apps
    from numbered
    where $tenant is null or tenant_id = $tenant
    group by tenant_id, is_lost, run
)
select
    g.tenant_id,
    g.tenant,
    case when g.is_lost then 'gone' else 'leaving' end as state,
    g.began_at,
    g.ended_at,
    g.hours,
    array_to_string(g.apps, ', ') as apps,
    g.began_at + to_days(g.days::integer) as leaves_at,
    case
        when not g.is_lost
            then greatest(0, epoch(g.began_at + to_days(g.days::integer)) - epoch($now::timestamp))::bigint
        end as leaves_in_s,
    g.days as retention_days,
    c.tenant is not null as polled,
    c.outcome
from gaps g
left join contacts c on c.tenant = g.tenant and c.feed = 'events'
order by g.is_lost, leaves_at, g.tenant_id, g.began_at
