-- What happened to this group's members, and what did each record do?
--
-- Title    Group membership history
-- Topic    Users and groups
--
-- Parameters
--   $group    VARCHAR           the group's id
--   $until    TIMESTAMP         as of this instant
--   $job      VARCHAR = null    the job; null where the app's log does not name it
--
-- Columns
--   occurred_at    when
--   source         event (Entra's log) or `wire` (the app's log)
--   flag           emptied, halved or deleted; null where it is neither
--   outcome        done, failed, refused or unknown
--   before         members before, by all records up to here
--   after          members after
--   ops            what was done: add, remove, replace, empty, create, delete; unresolved: could not be
--   added          who came
--   lost           who went
--   went           how many
--   unresolved     who could not be found
--   ref            the event's or the request's id
select
    one.occurred_at as occurred_at,
    one.source as source,
    one.flag as flag,
    one.outcome as outcome,
    one.before as before,
    one.after as after,
    array_to_string(one.ops, ', ') as ops,
    array_to_string(one.added, ', ') as added,
    array_to_string(one.lost, ', ') as lost,
    len(one.lost) as went,
    array_to_string(one.unresolved, ', ') as unresolved,
    one.ref as ref
from (
    select unnest(units) as one
    from group_records($until, only_group := $group)
    where job_id is not distinct from $job
)
order by occurred_at desc, one.unit desc
