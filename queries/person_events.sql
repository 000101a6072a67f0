-- What happened to one person or group, event by event?
--
-- Title    Activity
-- Topic    Users and groups
--
-- Parameters
--   $object    VARCHAR           the object's id in Entra
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $limit     BIGINT = 500      how many at most, the newest first
--
-- Columns
--   occurred_at    when
--   app_name       the application
--   action         the requested action
--   status         how it ended
--   skip_reason    why it was skipped
--   error_code     why it failed
--   http_status    what the application answered
--   last_step      the step it ended with
--   reason         the log's own words
--   advice         what Microsoft recommends
--   retry_at       when Entra announced the next attempt; of those to come, by `promised_retry`
--   duration_ms    how long it took
--   event_id       the event
--   job_id         the job
select
    occurred_at,
    name_of_job(app_name, e.job_id) as app_name,
    "action",
    status,
    skip_reason,
    error_code,
    http_status,
    last_step,
    reason,
    recommended_action as advice,
    case when retry_at > q.observed_at then promised_retry(retry_at, q.job_id, q.next_attempt_at) else retry_at end
        as retry_at,
    duration_ms,
    event_id,
    e.job_id
from events e
left join stopped_jobs(timestamp 'infinity') q on q.job_id = e.job_id
where source_id = $object and ($job is null or e.job_id = $job)
order by occurred_at desc, event_id, e.job_id
limit $limit
