-- Events counted by the hour.

-- hourly: one row per hour, job and kind of event.
--   hour         the hour, by its beginning
--   tenant_id    the tenant
--   job_id       the job
--   app_name     the app's name
--   action       what Entra meant to do
--   status       how the event ended
--   benign       whether they are expected skips
--   error_code   the error's code
--   last_step    the last step's name
--   events       how many
--   duration_ms  the sum of their durations
create or replace view hourly as
select
    "hour",
    tenant_id,
    job_id,
    max(app_name) as app_name,
    "action",
    status,
    benign,
    error_code,
    last_step,
    sum(events)::bigint as events,
    sum(duration_ms)::bigint as duration_ms
from hourly_parts
group by "hour", tenant_id, job_id, "action", status, benign, error_code, last_step;
