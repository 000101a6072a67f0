-- What did Entra believe the app held of this person or group, at an instant?
--
-- Title    Attribute values at a time
-- Topic    Users and groups
--
-- Each attribute's value by the last event that was exported successfully, with the event that it came from. A failed
-- export changes nothing, and a delete empties it. Attributes that no stored event changed are unknown.
--
-- Parameters
--   $object    VARCHAR           the object's id in Entra
--   $at        TIMESTAMP         the instant, inclusive
--   $job       VARCHAR = null    one job's id; null asks about all of them
--
-- Columns
--   app_name       the application
--   attribute      the attribute in the application
--   value          what it was set to; null where it was emptied
--   old_value      what it was before
--   since          when
--   action         by what: create, update, disable …
--   times          how often it was written until then
--   event_id       the event
--   job_id         the job
with own as (
    select
        job_id,
        name_of_job(app_name, job_id) as app_name,
        occurred_at,
        event_id,
        "action",
        changes,
        order_of(occurred_at, event_id, "action", status) as order_key,
        max(order_of(occurred_at, event_id, "action", status))
            filter (where "action" = 'delete') over (partition by job_id) as deleted_key
    from events
    where source_id = $object
        and occurred_at <= $at
        and status in ('success', 'warning')
        and "action" is distinct from 'stagedDelete'
        and ($job is null or job_id = $job)
), written as (
    select job_id, app_name, occurred_at, event_id, "action", order_key, unnest(changes, recursive := true)
    from own
    where coalesce(order_key > deleted_key, true)
)
select
    arg_max(app_name, order_key) as app_name,
    attribute,
    nullif(arg_max(coalesce(new_value, ''), order_key), '') as "value",
    nullif(arg_max(coalesce(old_value, ''), order_key), '') as old_value,
    max(occurred_at) as since,
    arg_max("action", order_key) as "action",
    count(*) as times,
    arg_max(event_id, order_key) as event_id,
    job_id
from written
group by job_id, attribute
order by app_name, job_id, attribute
