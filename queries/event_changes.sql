-- Which attributes did one event change?
--
-- Title    Attribute changes
-- Topic    Users and groups
--
-- Parameters
--   $event    VARCHAR      the event's id
--   $at       TIMESTAMP    when it occurred; it makes the look-up quick
--   $job      VARCHAR      its job's id; ids alone are not unique
--
-- Columns
--   attribute    the attribute in the application
--   old_value    what it was; null where there was none
--   new_value    what it was to become; null where it was to be emptied
select
    change.attribute as attribute,
    change.old_value as old_value,
    change.new_value as new_value
from (
    select unnest(changes) as change
    from events
    where occurred_at = $at and event_id = $event and job_id = $job
)
order by attribute, old_value, new_value
