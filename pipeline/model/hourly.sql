-- Events counted by the hour.

-- hourly_events(source): one row per event of a table, with the columns of the table hourly_parts.
--   hourly_parts.*  as in the table
create or replace macro hourly_events(source) as table
select
    date_trunc('hour', occurred_at) as "hour",
    tenant_id,
    job_id,
    app_name,
    "action",
    status,
    is_benign(status, skip_reason, error_code) as benign,
    error_code,
    last_step,
    1::bigint as events,
    duration_ms
from query_table(source);

-- hourly_fold(parts): one row per hour, job and kind of event of a table with the columns of hourly_parts, with those
-- columns.
--   hourly_parts.*  as in the table
create or replace macro hourly_fold(parts) as table
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
from query_table(parts)
group by "hour", tenant_id, job_id, "action", status, benign, error_code, last_step;

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
create or replace view hourly as from hourly_fold('hourly_parts');
