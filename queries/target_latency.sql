-- How do the answers' times and errors move?
--
-- Title    Response time and errors
-- Topic    SCIM traffic
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--   $bucket    VARCHAR = hour    hour or day
--
-- Columns
--   bucket             start of the hour or day
--   verb               the method; look-ups by filter and by id are separate, probes and discovery by name
--   requests           requests
--   p50_ms             half of the answers took no longer
--   p95_ms             95 of 100 took no longer
--   throttled          answered 429
--   broken             answered 500 or more
--   refused            answered 4xx other than 429
select
    date_trunc($bucket, h.occurred_at) as bucket,
    verb_of(h."method", h.operation) as verb,
    count(*) as requests,
    quantile_cont(h.duration_ms, 0.5) as p50_ms,
    quantile_cont(h.duration_ms, 0.95) as p95_ms,
    count(*) filter (where h.http_status = 429) as throttled,
    count(*) filter (where h.http_status >= 500) as broken,
    count(*) filter (where h.http_status between 400 and 499 and h.http_status <> 429) as refused
from (
    -- Whose a request is has to be known only where one job or tenant is asked about.
    select occurred_at, "method", operation, http_status, duration_ms
    from exchanges
    where $job::varchar is null and $tenant::varchar is null and occurred_at >= $since and occurred_at < $until
    union all
    select occurred_at, "method", operation, http_status, duration_ms
    from app_requests($since::timestamp, $until::timestamp)
    where ($job::varchar is not null or $tenant::varchar is not null)
        and ($job::varchar is null or app_id in (from apps_of_job($job)))
        and request_of_tenant($tenant::varchar, tenant_id, app_id, $since::timestamp, $until::timestamp)
) h
group by all
order by bucket, verb
