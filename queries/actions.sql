-- What did people do here, and when?
--
-- Title    Recorded actions
-- Topic    Alerts
--
-- The newest of each kind on each incident and issue, and every entry on a token. There is no sign-in: the name is what
-- was entered.
--
-- Parameters
--   $limit    BIGINT = 500    how many at most, the newest first
--
-- Columns
--   acted_at      when, by the wall clock
--   actor         the name that was entered; null where none was
--   action        acknowledged, snoozed, snooze ended, assigned, unassigned, noted or token expiry entered
--   subject       the incident's sentence, the issue's newest message or else its code, or the app of the token
--   app_name      the application; null where it is of none
--   detail        the owner, the note, or until when
--   incident_id   the incident; null for an issue and a token
--   issue         the issue's fingerprint; null for an incident and a token
--   job_id        the issue's job; null for an incident and a token
with issue_texts as (
    select
        job_id,
        fingerprint as issue,
        name_of_job(arg_max(app_name, order_key), job_id) as app_name,
        coalesce(nullif(arg_max(detail, order_key), ''), arg_max(code, order_key), 'Without a message') as subject
    from problems
    where fingerprint in (select issue from issue_actions)
    group by job_id, fingerprint
), subjects as (
    select incident_id, null as issue, null as job_id, app_name, summary as subject, acknowledged_at, acknowledged_by,
        "owner", assigned_at, note, noted_at, snoozed_until, snoozed_at
    from incidents
    union all by name
    select a.*, coalesce(t.app_name, name_of_job(null, a.job_id)) as app_name,
        coalesce(t.subject, 'An issue of which no event is left') as subject
    from issue_actions a
    left join issue_texts t on t.job_id = a.job_id and t.issue = a.issue
), acts as (
    select acknowledged_at as acted_at, acknowledged_by as actor, 'acknowledged' as action, null as detail, s.*
    from subjects s
    where acknowledged_at is not null
    union all by name
    select
        snoozed_at as acted_at,
        case when snoozed_until is null then 'snooze ended' else 'snoozed' end as action,
        strftime(snoozed_until, '%Y-%m-%dT%H:%MZ') as detail,
        s.*
    from subjects s
    where snoozed_at is not null
    union all by name
    select
        assigned_at as acted_at,
        case when "owner" is null then 'unassigned' else 'assigned' end as action,
        "owner" as detail,
        s.*
    from subjects s
    where assigned_at is not null
    union all by name
    select noted_at as acted_at, 'noted' as action, note as detail, s.*
    from subjects s
    where noted_at is not null
)
select acted_at, actor, action, subject, app_name, detail, incident_id, issue, job_id
from acts
union all
select
    recorded_at,
    recorded_by,
    'token expiry entered',
    app_name,
    app_name,
    concat_ws(', ', coalesce(strftime(expires_at, '%Y-%m-%dT%H:%MZ'), 'unknown'), note),
    null,
    null,
    null
from tokens
order by acted_at desc nulls last, action, incident_id, job_id, issue, subject, detail
limit $limit
