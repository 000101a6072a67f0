-- Which incidents are open, the worst first?
--
-- Title    Open incidents
-- Topic    Alerts
--
-- A row is a root cause with its symptoms: what it explains by the rules' headers. Critical ones come before warnings,
-- those in which a leaver waits before the others, then the oldest.
--
-- Parameters
--   $job       VARCHAR = null    one job's id, with what is of no job; null asks about all of them
--
-- Columns
--   incident_id       its id
--   severity          info, warning or critical: the worst of it and its symptoms
--   rule              the rule that found it
--   app_name          the application; null where it is of none
--   job_id            the job; null where it is of none
--   summary           the sentence
--   evidence          what the rule found beside the sentence, JSON
--   leavers           of those affected, users with a pending disable or delete; the most that it or a symptom names
--   opened_at         when the trouble began
--   noticed_at        when a check found it
--   acknowledged_by   the name of who acknowledged it
--   acknowledged_at   when
--   owner             its owner
--   note              what was noted
--   snoozed_until     until when it is snoozed
--   unknown_since     since which check it cannot be judged; null while it can
--   missing           what is missing to judge it
--   snoozed_at        when it was snoozed or the snooze ended, by the wall clock
--   assigned_at       when its owner was set
--   noted_at          when the note was written
--   symptoms          the incidents that it explains, the worst first: JSON objects with the columns incident_id,
--                     severity, rule, app_name, job_id, summary, evidence, opened_at, unknown_since and missing
with unresolved as (
    select *,
        case severity when 'critical' then 1 when 'warning' then 2 else 3 end as grade,
        coalesce(
            try_cast(evidence ->> '$.leavers' as bigint),
            json_array_length(evidence, '$.leavers')::bigint,
            0
        ) as leavers
    from incidents
    where closed_at is null
), symptoms as (
    select
        explained_by,
        min(grade) as grade,
        max(leavers) as leavers,
        bool_or(job_id = $job) as is_of_job,
        to_json(list({
            incident_id: incident_id, severity: severity, rule: rule, app_name: app_name, job_id: job_id,
            summary: summary, evidence: evidence, opened_at: opened_at, unknown_since: unknown_since, missing: missing
        } order by grade, leavers = 0, opened_at, incident_id))::varchar as symptoms
    from unresolved
    where explained_by is not null
    group by explained_by
)
select
    u.incident_id,
    case least(u.grade, coalesce(s.grade, u.grade))
        when 1 then 'critical' when 2 then 'warning' else 'info' end as severity,
    u.rule,
    name_of_job(u.app_name, u.job_id) as app_name,
    u.job_id,
    u.summary,
    u.evidence,
    greatest(u.leavers, coalesce(s.leavers, 0)) as leavers,
    u.opened_at,
    u.noticed_at,
    u.acknowledged_by,
    u.acknowledged_at,
    u.owner,
    u.note,
    u.snoozed_until,
    u.unknown_since,
    u.missing,
    u.snoozed_at,
    u.assigned_at,
    u.noted_at,
    s.symptoms
from unresolved u
left join symptoms s on s.explained_by = u.incident_id
where u.explained_by is null
    and ($job is null or u.job_id is null or u.job_id = $job or coalesce(s.is_of_job, false))
order by
    least(u.grade, coalesce(s.grade, u.grade)),
    greatest(u.leavers, coalesce(s.leavers, 0)) = 0,
    u.opened_at,
    u.incident_id
