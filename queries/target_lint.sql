-- What in the app's answers is not as RFC 7644 and Entra expect it?
--
-- Title    SCIM conformance findings
-- Topic    SCIM traffic
--
-- pipeline/knowledge/scim_findings.py has what each mark means and what the app's vendor should do. Examples have
-- ids and names cut short.
--
-- Parameters
--   $since      TIMESTAMP         start of the window, inclusive
--   $until      TIMESTAMP         end of the window, exclusive
--   $app        VARCHAR = null    one app's id; null asks about all of them
--   $job        VARCHAR = null    one job's id; null asks about all of them
--   $tenant     VARCHAR = null    one tenant's id; null asks about all of them
--   $slow_ms    BIGINT = 5000     from how many milliseconds an answer is called slow
--
-- Columns
--   app_id         the app
--   mark           what was found, by name
--   requests       requests that have it
--   of_requests    requests that could have had it: those with the same method
--   first_at       the first of them
--   last_at        the newest
--   exchange_id    the newest one's id
--   method         the newest one's method
--   path           its path
--   filter         its filter
--   http_status    its answer
--   duration_ms    how long it took
--   detail         the error's words, if it has any
with marked_requests as (
    select
        h.* exclude (request_body, response_body),
        count(*) over (partition by h.app_id, h."method") as of_requests,
        lint_marks(h."method", h.operation, h.resource_type, h.http_status, h.scim_type, h.duration_ms, h.request_body,
            h.response_body, $slow_ms) as marks
    from app_requests($since::timestamp, $until::timestamp) h
    where ($app::varchar is null or h.app_id = $app)
        and ($job::varchar is null or h.app_id in (from apps_of_job($job)))
        and request_of_tenant($tenant::varchar, h.tenant_id, h.app_id, $since::timestamp, $until::timestamp)
)
select
    app_id,
    mark,
    count(*) as requests,
    sum(distinct of_requests)::bigint as of_requests,
    min(occurred_at) as first_at,
    max(occurred_at) as last_at,
    arg_max(exchange_id, (occurred_at, exchange_id)) as exchange_id,
    arg_max("method", (occurred_at, exchange_id)) as "method",
    arg_max("path", (occurred_at, exchange_id)) as "path",
    arg_max("filter", (occurred_at, exchange_id)) as "filter",
    arg_max(http_status, (occurred_at, exchange_id)) as http_status,
    arg_max(duration_ms, (occurred_at, exchange_id)) as duration_ms,
    arg_max(detail, (occurred_at, exchange_id)) as detail
from (select * exclude (marks), unnest(marks) as mark from marked_requests)
group by app_id, mark
order by app_id nulls last, requests desc, mark
