-- Which steps did one event take?
--
-- Title    Provisioning steps
-- Topic    Users and groups
--
-- Parameters
--   $event    VARCHAR      the event's id
--   $at       TIMESTAMP    when it occurred; it makes the look-up quick
--   $job      VARCHAR      its job's id; ids alone are not unique
--
-- Columns
--   ordinal        the step's place, from 1
--   type           import, scoping, matching, processing, referenceResolution or export
--   name           the step's name
--   status         how it ended
--   description    its own description
--   details        what it saw, as JSON
select
    ordinal,
    steps[ordinal]."type" as "type",
    steps[ordinal]."name" as "name",
    steps[ordinal].status as status,
    steps[ordinal].description as description,
    steps[ordinal].details as details
from (
    select steps, generate_subscripts(steps, 1) as ordinal
    from events
    where occurred_at = $at and event_id = $event and job_id = $job
)
order by ordinal
