-- Which events and requests are in one cell?
--
-- Title    Compared events and requests
-- Topic    SCIM traffic
--
-- Up to 1,000 of them, the newest first.
--
-- Parameters
--   $since    TIMESTAMP         start of the window, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $cell     VARCHAR           how the two sides compare, as in `wire_matrix`
--   $app      VARCHAR = null    one app's id; null asks about all of them
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   occurred_at    when it happened, by Entra's clock
--   name           the person or group, where an event names one
--   action         what Entra meant to do
--   status         how it ended, as Entra reports it
--   error_code     Entra's error code
--   method         the request's method
--   path           the requested path
--   http_status    what the app answered
--   heard_at       when the app logged it, by the app's clock
--   matched_by     request id, error text or score
--   score          how well the two fit
--   apart_s        seconds between the two, the clock set right
--   client         the client that sent it, as the app logged it
--   app_name       the app
--   event_id       the event
--   exchange_id    the request
--   job_id         the job
--   source_id      the person's or group's id in Entra
with newest as materialized (
    from both_sides($since::timestamp, $until::timestamp)
    where cell = $cell
        and ($app::varchar is null or app_id = $app)
        and ($job::varchar is null or app_id in (from apps_of_job($job)))
        and ($tenant::varchar is null
            or app_id in (from apps_of_tenant($tenant, $since::timestamp, $until::timestamp)))
    order by occurred_at desc, event_id, exchange_id
    limit 1000
)
select
    r.occurred_at,
    r."name",
    r."action",
    r.status,
    r.error_code,
    r."method",
    x."path",
    r.http_status,
    r.requested_at as heard_at,
    r.matched_by,
    r.score,
    r.apart_s,
    x.client,
    r.app_name,
    r.event_id,
    r.exchange_id,
    r.job_id,
    r.source_id
from newest r
left join exchanges x on x.exchange_id = r.exchange_id and x.occurred_at = r.requested_at
order by r.occurred_at desc, r.event_id, r.exchange_id
