-- What did the check of the app's answers cover?
--
-- Title    SCIM checks performed
-- Topic    SCIM traffic
--
-- A finding is only as good as what the log holds: without bodies, half of the checks cannot be made.
--
-- Parameters
--   $since    TIMESTAMP         start of the window, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $app      VARCHAR = null    one app's id; null asks about all of them
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   requests      requests in the log, probes among them
--   probes        credential checks
--   creates       POST requests
--   queries       look-ups by filter, probes among them
--   patches       PATCH requests
--   deletes       DELETE requests
--   errors        answers of 400 and more
--   throttled     answers of 429
--   sent          requests whose body was logged
--   answered      answers whose body was logged
--   first_at      the first request
--   last_at       the newest
select
    count(*) as requests,
    count(*) filter (where operation = 'probe') as probes,
    count(*) filter (where "method" = 'POST') as creates,
    count(*) filter (where operation in ('query', 'probe')) as queries,
    count(*) filter (where "method" = 'PATCH') as patches,
    count(*) filter (where "method" = 'DELETE') as deletes,
    count(*) filter (where http_status >= 400) as errors,
    count(*) filter (where http_status = 429) as throttled,
    count(request_body) as sent,
    count(response_body) as answered,
    min(occurred_at) as first_at,
    max(occurred_at) as last_at
from app_requests($since::timestamp, $until::timestamp)
where ($app::varchar is null or app_id = $app)
    and ($job::varchar is null or app_id in (from apps_of_job($job)))
    and request_of_tenant($tenant::varchar, tenant_id, app_id, $since::timestamp, $until::timestamp)
order by requests
