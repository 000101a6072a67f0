-- What did the application answer to SCIM requests, and how fast?
--
-- Title    SCIM responses by status
-- Topic    SCIM traffic
--
-- For analysts
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   method          GET, POST, PATCH, PUT or DELETE
--   http_status     the answer
--   exchanges       how many
--   p50_ms          half of them took no longer
--   p95_ms          19 of 20 took no longer
--   first_at        the first
--   last_at         the last
select
    "method",
    http_status,
    count(*) as exchanges,
    quantile_disc(duration_ms, 0.5) as p50_ms,
    quantile_disc(duration_ms, 0.95) as p95_ms,
    min(occurred_at) as first_at,
    max(occurred_at) as last_at
from exchanges
where occurred_at >= $since and occurred_at < $until
    and request_of_tenant($tenant::varchar, tenant_id, app_id, $since::timestamp, $until::timestamp)
group by "method", http_status
order by http_status desc, exchanges desc, "method"
