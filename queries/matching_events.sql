-- Which events are behind a number?
--
-- Title    Matching events
-- Topic    Failures and issues
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--   $status    VARCHAR = null    success, failure, skipped or warning
--   $code      VARCHAR = null    one error code
--   $skip      VARCHAR = null    one skip reason
--   $step      VARCHAR = null    the step it ended with
--   $app       VARCHAR = null    one application's name
--   $limit     BIGINT = 200      how many at most, the newest first
--
-- Columns
--   occurred_at    when
--   app_name       the application
--   name           the object's UPN, else its display name
--   action         the requested action
--   status         how it ended
--   error_code     why it failed
--   skip_reason    why it was skipped
--   http_status    what the application answered
--   last_step      the step it ended with
--   reason         the log's own words
--   source_id      the object's id in Entra
--   event_id       the event
--   job_id         the job
select
    occurred_at,
    name_of_job(app_name, job_id) as app_name,
    coalesce(upn, source_name, source_id) as name,
    "action",
    status,
    error_code,
    skip_reason,
    http_status,
    last_step,
    reason,
    source_id,
    event_id,
    job_id
from events
where occurred_at >= $since
    and occurred_at < $until
    and ($job is null or job_id = $job)
    and of_tenant($tenant, tenant_id, job_id)
    and ($status is null or status = $status)
    and ($code is null or error_code = $code)
    and ($skip is null or skip_reason = $skip)
    and ($step is null or last_step = $step)
    and ($app is null or app_name = $app
        or job_id in (select n.job_id from job_names() n where n.app_name = $app))
order by occurred_at desc, event_id, job_id
limit $limit
