-- How does each app answer, by verb?
--
-- Title    App response by operation
-- Topic    SCIM traffic
--
-- Credential checks, which look up an id that no user has, are listed apart as probes.
--
-- Parameters
--   $since    TIMESTAMP         start of the window, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   app_id             the app; null where the owner of the requests cannot be determined
--   app_name           its name
--   verb               the method; look-ups by filter and by id are separate, probes and discovery by name
--   requests           requests
--   p50_ms             half of the answers took no longer
--   p95_ms             95 of 100 took no longer
--   throttled_share    share answered 429
--   broken_share       share answered 500 or more
--   refused            answered 4xx other than 429
--   silent             without an answer in the log
with named as (
    select app_id, arg_max(app_name, occurred_at) as app_name
    from events
    where occurred_at >= $since and occurred_at < $until
    group by app_id
)
select
    h.app_id,
    any_value(n.app_name) as app_name,
    verb_of(h."method", h.operation) as verb,
    count(*) as requests,
    quantile_cont(h.duration_ms, 0.5) as p50_ms,
    quantile_cont(h.duration_ms, 0.95) as p95_ms,
    count(*) filter (where h.http_status = 429) / count(*) as throttled_share,
    count(*) filter (where h.http_status >= 500) / count(*) as broken_share,
    count(*) filter (where h.http_status between 400 and 499 and h.http_status <> 429) as refused,
    count(*) filter (where h.http_status is null) as silent
from app_requests($since::timestamp, $until::timestamp) h
left join named n on n.app_id = h.app_id
where ($job::varchar is null or h.app_id in (from apps_of_job($job)))
    and request_of_tenant($tenant::varchar, h.tenant_id, h.app_id, $since::timestamp, $until::timestamp)
group by h.app_id, verb
order by app_name nulls last, h.app_id, verb = 'probe', requests desc, verb
