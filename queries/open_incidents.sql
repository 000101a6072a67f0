-- Which incidents are open, the worst first?
--
-- Critical ones come before warnings, those in which a leaver waits before the others, then the oldest.
--
-- Parameters
--   $job       VARCHAR = null    one job's id, with what is of no job; null asks about all of them
--
-- Columns
--   incident_id       its id
--   severity          info, warning or critical
--   rule              the rule that found it
--   app_name          the application; null where it is of none
--   job_id            the job; null where it is of none
--   summary           the sentence
--   evidence          what the rule's row says beside, JSON
--   leavers           of those affected, who waits for a disable or delete
--   opened_at         when the trouble began
--   noticed_at        when a check found it
--   acknowledged_by   who has seen it
--   acknowledged_at   when
--   owner             whose it is
--   note              what was noted
--   snoozed_until     until when nobody wants to hear of it
--   unknown_since     since which check it cannot be judged; null while it can
--   missing           what is missing to judge it
--   snoozed_at        when it was snoozed or the snooze ended, by the wall clock
--   assigned_at       when its owner was set
--   noted_at          when the note was written
with unresolved as (
    select *, coalesce(
        try_cast(evidence ->> '$.leavers' as bigint),
        json_array_length(evidence, '$.leavers')::bigint,
        0
    ) as leavers
    from incidents
    where closed_at is null
)
select
    incident_id,
    severity,
    rule,
    app_name,
    job_id,
    summary,
    evidence,
    leavers,
    opened_at,
    noticed_at,
    acknowledged_by,
    acknowledged_at,
    owner,
    note,
    snoozed_until,
    unknown_since,
    missing,
    snoozed_at,
    assigned_at,
    noted_at
from unresolved
where $job is null or job_id is null or job_id = $job
order by
    case severity when 'critical' then 1 when 'warning' then 2 else 3 end,
    leavers = 0,
    opened_at,
    incident_id
