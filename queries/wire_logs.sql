-- Which apps' SCIM logs are there, and how far off is their clock?
--
-- Title    SCIM log sources
-- Topic    SCIM traffic
--
-- The owner of requests in a log that names no app is found by the ids in it. The clock is corrected where five pairs
-- agree.
--
-- Parameters
--   $since    TIMESTAMP         start of the window, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   app_id        the app; null where the owner of the requests cannot be determined
--   app_name      its name
--   requests      requests in its log, probes among them
--   probes        credential checks
--   unnamed       requests that name no app themselves
--   with_bodies   requests of which a body was logged
--   first_at      the first request
--   last_at       the newest
--   events        events of the app in the window with an outcome
--   matched       of these, those whose request was found
--   skew_s        seconds by which the app's clock is ahead of Entra's; null where too few pairs agree
--   drift_s       by how many seconds that changed from day to day
--   pairs         pairs that the clock was set right by
with request_counts as (
    select
        x.app_id,
        count(*) as requests,
        count(*) filter (where x.operation = 'probe') as probes,
        count(*) filter (where not x.is_named) as unnamed,
        count(*) filter (where x.request_body is not null or x.response_body is not null) as with_bodies,
        min(x.occurred_at) as first_at,
        max(x.occurred_at) as last_at
    from app_requests($since::timestamp, $until::timestamp) x
    where request_of_tenant($tenant::varchar, x.tenant_id, x.app_id, $since::timestamp, $until::timestamp)
    group by 1
), event_counts as (
    select app_id, arg_max(app_name, occurred_at) as app_name, count(*) filter (where status <> 'skipped') as events
    from events
    where occurred_at >= $since and occurred_at < $until
    group by app_id
), pairs as materialized (
    from matches($since::timestamp, $until::timestamp)
)
select
    h.app_id, t.app_name, h.requests, h.probes, h.unnamed, h.with_bodies, h.first_at, h.last_at,
    coalesce(t.events, 0) as events,
    count(p.event_id) as matched,
    median(p.skew_s) as skew_s,
    max(p.skew_s) - min(p.skew_s) as drift_s,
    max(p.skew_pairs) as pairs
from request_counts h
left join event_counts t on t.app_id = h.app_id
left join pairs p on p.app_id = h.app_id
where $job::varchar is null or h.app_id in (from apps_of_job($job))
group by all
order by t.app_name nulls last, h.app_id
