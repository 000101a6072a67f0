-- What did people do here, and when?
--
-- Title    Recorded actions
-- Topic    Alerts
--
-- Every act on an incident or an issue, and every entry on a token. The name is that of the sign-in where there is one,
-- else what was entered.
--
-- Parameters
--   $limit       BIGINT = 500      how many at most, the newest first
--   $incident    VARCHAR = null    only those on one incident, by its id
--   $issue       VARCHAR = null    only those on one issue, by its fingerprint
--   $job         VARCHAR = null    the issue's job; null asks for the fingerprint in all of them
--
-- Columns
--   acted_at      when, by the wall clock
--   actor         who did it; null where no name was kept
--   action        acknowledged, snoozed, snooze ended, assigned, unassigned, noted, note removed, token expiry entered
--   subject       the incident's sentence, the issue's newest message or else its code, or the app of the token
--   app_name      the application; null where it is of none
--   was           the owner, the note, or until when it was snoozed before; null where nothing was set
--   detail        the owner, the note, or until when since then
--   incident_id   the incident; null for an issue and a token
--   issue         the issue's fingerprint; null for an incident and a token
--   job_id        the issue's job; null for an incident and a token
with acts as (
    select *
    from action_log
    where ($incident is null or incident_id = $incident) and ($issue is null or issue = $issue)
        and ($issue is null or $job is null or job_id = $job)
), issue_texts as (
    select
        job_id,
        fingerprint as issue,
        name_of_job(arg_max(app_name, order_key), job_id) as app_name,
        coalesce(nullif(arg_max(detail, order_key), ''), arg_max(code, order_key), 'Without a message') as subject
    from problems
    where fingerprint in (select issue from acts)
    group by job_id, fingerprint
)
select
    a.acted_at,
    a.actor,
    a.action,
    case when a.issue is null then coalesce(i.summary, 'An incident that is not stored any more')
        else coalesce(t.subject, 'An issue of which no event is left') end as subject,
    case when a.issue is null then i.app_name else coalesce(t.app_name, name_of_job(null, a.job_id)) end as app_name,
    a.old_value as was,
    a.new_value as detail,
    a.incident_id,
    a.issue,
    a.job_id
from acts a
left join incidents i on i.incident_id = a.incident_id
left join issue_texts t on t.job_id = a.job_id and t.issue = a.issue
union all
select
    recorded_at,
    recorded_by,
    'token expiry entered',
    app_name,
    app_name,
    null,
    concat_ws(', ', coalesce(strftime(expires_at, '%Y-%m-%dT%H:%MZ'), 'unknown'), note),
    null,
    null,
    null
from tokens
where $incident is null and $issue is null
order by acted_at desc nulls last, action, incident_id, job_id, issue, subject, detail, was
limit $limit
