-- Who is in this group, and who is missing although it was attempted?
--
-- Title    Group members
-- Topic    Users and groups
--
-- Parameters
--   $group    VARCHAR           the group's id
--   $until    TIMESTAMP         as of this instant
--   $job      VARCHAR = null    the job; null where the app's log does not name it
--
-- Columns
--   name         the member, by name where an event ever named it
--   state        in place, not refused, unresolved, failed, unknown or removed
--   since        since when
--   last_at      the newest record
--   attempts     how many records are about it
--   source       which kind of record was the last: event (Entra's log) or `wire` (the app's log)
--   known        whether any event names the id
--   source_id    its id in Entra, else as the record spells it
--   job_id       the job
select
    one."name" as "name",
    one.state as state,
    one.since as since,
    one.last_at as last_at,
    one.attempts as attempts,
    one.source as source,
    one.known as known,
    one.member_id as source_id,
    job_id
from (
    select job_id, unnest(members) as one
    from group_records($until, only_group := $group)
    where job_id is not distinct from $job
)
order by
    list_position(['unresolved', 'failed', 'unknown', 'not refused', 'in place', 'removed'], state),
    "name",
    source_id
