-- Which request of the app's log carried each event, and how sure is that?
--
-- Title    Events matched to requests
-- Topic    SCIM traffic
--
-- Parameters
--   $since    TIMESTAMP    start of the window, inclusive
--   $until    TIMESTAMP    end of the window, exclusive
--   $job      VARCHAR      the job's id
--
-- Columns
--   occurred_at    when the event was
--   event_id       the event
--   job_id         the job
--   action         the requested action
--   status         how it ended
--   exchange_id    the request
--   heard_at       when the app received it, by its own clock
--   method         GET, POST, PATCH, PUT or DELETE
--   http_status    what was answered
--   matched_by     request id, error text or score
--   score          how well they fit
--   apart_s        seconds between them, clocks set right
--   skew_s         by how many seconds the app's clock is ahead; null where that is unknown
select
    occurred_at,
    event_id,
    job_id,
    "action",
    status,
    exchange_id,
    requested_at as heard_at,
    "method",
    http_status,
    matched_by,
    score,
    apart_s,
    skew_s
from matches($since::timestamp, $until::timestamp)
where job_id = $job
order by occurred_at, event_id, job_id
