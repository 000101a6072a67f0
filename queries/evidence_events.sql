-- Which events does Entra report for one job, in full?
--
-- Title    Provisioning event records
-- Topic    Leavers
--
-- Parameters
--   $since    TIMESTAMP    start of the window, inclusive
--   $until    TIMESTAMP    end of the window, exclusive
--   $job      VARCHAR      the job's id
--
-- Columns
--   occurred_at          when
--   event_id             the event
--   job_id               the job
--   cycle_id             its cycle
--   change_id            its change
--   action               the requested action
--   status               how it ended
--   source_id            the object's id in Entra
--   source_type          User, Group, …
--   upn                  its UPN; null for a group
--   source_name          its display name
--   target_id            its id in the application
--   error_code           why it failed
--   skip_reason          why it was skipped
--   http_status          what the application answered
--   reason               the log's own words
--   retry_at             when Entra announced the next attempt
--   last_step            the step it ended with
--   changes              what was to be altered: attribute, old and new value
--   steps                each step with what it saw
--   source               by which route the event came
select
    occurred_at,
    event_id,
    job_id,
    cycle_id,
    change_id,
    "action",
    status,
    source_id,
    source_type,
    upn,
    source_name,
    target_id,
    error_code,
    skip_reason,
    http_status,
    reason,
    retry_at,
    last_step,
    changes,
    steps,
    source
from events
where occurred_at >= $since and occurred_at < $until and job_id = $job
order by occurred_at, event_id, job_id
