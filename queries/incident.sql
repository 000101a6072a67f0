-- What is known of one incident?
--
-- Title    Incident
-- Topic    Alerts
--
-- Open or over. A root cause comes with its symptoms, a symptom with its root cause.
--
-- Parameters
--   $incident    VARCHAR    the incident's id
--
-- Columns
--   incident_id       its id
--   severity          info, warning or critical: the worst of it and its open symptoms
--   rule              the rule that found it
--   app_name          the application; null where it is of none
--   job_id            the job; null where it is of none
--   summary           the sentence
--   evidence          what the rule found beside the sentence, JSON
--   opened_at         when the trouble began
--   noticed_at        when a check found it
--   closed_at         when it was over; null while it lasts
--   acknowledged_by   the name of who acknowledged it
--   acknowledged_at   when
--   owner             its owner
--   note              what was noted
--   snoozed_until     until when it is snoozed
--   unknown_since     since which check it cannot be judged; null while it can
--   missing           what is missing to judge it
--   noted_at          when the note was written
--   explained_by      the incident that caused it; null for a root cause
--   cause_summary     the sentence of that incident
--   symptoms          the incidents that it explains, the worst first: JSON objects with the columns incident_id,
--                     severity, rule, app_name, job_id, summary, evidence, opened_at, unknown_since and missing
with symptoms as (
    select
        min(case severity when 'critical' then 1 when 'warning' then 2 else 3 end) filter (closed_at is null) as grade,
        to_json(list({
            incident_id: incident_id, severity: severity, rule: rule, app_name: app_name, job_id: job_id,
            summary: summary, evidence: evidence, opened_at: opened_at, unknown_since: unknown_since, missing: missing
        } order by
            case severity when 'critical' then 1 when 'warning' then 2 else 3 end,
            opened_at,
            incident_id
        ))::varchar as symptoms
    from incidents
    where explained_by = $incident
)
select
    i.incident_id,
    case least(case i.severity when 'critical' then 1 when 'warning' then 2 else 3 end, coalesce(s.grade, 3))
        when 1 then 'critical' when 2 then 'warning' else 'info' end as severity,
    i.rule,
    name_of_job(i.app_name, i.job_id) as app_name,
    i.job_id,
    i.summary,
    i.evidence,
    i.opened_at,
    i.noticed_at,
    i.closed_at,
    i.acknowledged_by,
    i.acknowledged_at,
    i.owner,
    i.note,
    i.snoozed_until,
    i.unknown_since,
    i.missing,
    i.noted_at,
    i.explained_by,
    c.summary as cause_summary,
    s.symptoms
from incidents i
cross join symptoms s
left join incidents c on c.incident_id = i.explained_by
where i.incident_id = $incident
order by i.incident_id
