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

-- hour_from(moment): the first full hour that begins at an instant or after it.
create or replace macro hour_from(moment) as date_trunc('hour', moment - interval 1 microsecond) + interval 1 hour;

-- hourly_within(begins, ends): one row per hour, job and kind of event of a half-open time range. Whole hours come from
-- hourly; where the range begins or ends off the hour, what lies of that hour within it comes from events.
--   hourly.*  as in the view
create or replace macro hourly_within(begins, ends) as table
from hourly
where "hour" >= hour_from(begins::timestamp) and "hour" < date_trunc('hour', ends::timestamp)
union all by name
select * from (
    with edges as (
        select
            tenant_id, job_id, app_name, occurred_at, "action", status, skip_reason, error_code, last_step, duration_ms
        from events
        where occurred_at >= begins and occurred_at < least(hour_from(begins::timestamp), ends)
        union all
        select
            tenant_id, job_id, app_name, occurred_at, "action", status, skip_reason, error_code, last_step, duration_ms
        from events
        where occurred_at >= greatest(date_trunc('hour', ends::timestamp), hour_from(begins::timestamp))
            and occurred_at < ends
    )
    from hourly_events('edges')
);

-- is_parted(until, hour): whether an hour lies in two of the days of 24 hours that are counted back from an instant.
create or replace macro is_parted(until, "hour") as
    (epoch_ms(until) - epoch_ms("hour")) % 86_400_000 between 1 and 3_599_999;
