-- When was a job in quarantine, and why?
--
-- Read from the job statuses; without them a quarantine shows only as silence.
--
-- Parameters
--   $job      VARCHAR = null    one job's id; null asks about all of them
--
-- Columns
--   job_id            the job
--   app_name          the application it provisions
--   opened_at         when Graph says it began
--   closed_at         when a status first said it was over; null while it lasts
--   hours             how long it lasted; null while it lasts
--   reason            Graph's reason
--   series_count      how often Entra looked again and kept it
--   next_attempt_at   when Entra looks again
--   error_code        the error behind it
--   error_message     Graph's words for it
select
    job_id,
    app_name,
    opened_at,
    closed_at,
    round(date_diff('minute', opened_at, closed_at) / 60, 1) as hours,
    reason,
    series_count,
    next_attempt_at,
    error_code,
    error_message
from quarantines
where $job is null or job_id = $job
order by opened_at desc, job_id
