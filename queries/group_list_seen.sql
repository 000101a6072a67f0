-- Does the app's own list of this group agree with what the records imply?
--
-- Title    Member list reported by app
-- Topic    Users and groups
--
-- Entra asks for groups without their members, so that such a list is rare.
--
-- Parameters
--   $group    VARCHAR           the group's id
--   $until    TIMESTAMP         as of this instant
--   $job      VARCHAR = null    the job; null where the app's log does not name it
--
-- Columns
--   occurred_at    when the app answered
--   seen           members in its answer
--   implied        members that the records before it imply
--   missing        implied, but not in the answer
--   unexplained    in the answer, though no record brought them
--   exchange_id    the request
select
    seen.occurred_at as occurred_at,
    seen.seen as seen,
    seen.implied as implied,
    array_to_string(seen.missing, ', ') as missing,
    array_to_string(seen.unexplained, ', ') as unexplained,
    seen.exchange_id as exchange_id
from group_records($until, only_group := $group)
where job_id is not distinct from $job and seen is not null
order by occurred_at
