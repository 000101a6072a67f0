-- What did people do here, and when?
--
-- Title    Recorded actions
-- Topic    Alerts
--
-- The newest of each kind on each incident, and every entry on a token. There is no sign-in: the name is what was
-- typed.
--
-- Parameters
--   $limit    BIGINT = 500    how many at most, the newest first
--
-- Columns
--   acted_at      when, by the wall clock
--   actor         the name that was entered; null where none was
--   action        acknowledged, snoozed, snooze ended, assigned, unassigned, noted or token expiry entered
--   subject       the incident's sentence, or the app of the token
--   app_name      the application; null where it is of none
--   detail        the owner, the note, or until when
--   incident_id   the incident; null for a token
with acts as (
    select acknowledged_at as acted_at, acknowledged_by as actor, 'acknowledged' as action, null as detail, i.*
    from incidents i
    where acknowledged_at is not null
    union all by name
    select
        snoozed_at as acted_at,
        case when snoozed_until is null then 'snooze ended' else 'snoozed' end as action,
        strftime(snoozed_until, '%Y-%m-%dT%H:%MZ') as detail,
        i.*
    from incidents i
    where snoozed_at is not null
    union all by name
    select
        assigned_at as acted_at,
        case when "owner" is null then 'unassigned' else 'assigned' end as action,
        "owner" as detail,
        i.*
    from incidents i
    where assigned_at is not null
    union all by name
    select noted_at as acted_at, 'noted' as action, note as detail, i.*
    from incidents i
    where noted_at is not null
)
select acted_at, actor, action, summary as subject, app_name, detail, incident_id
from acts
union all
select
    recorded_at,
    recorded_by,
    'token expiry entered',
    app_name,
    app_name,
    concat_ws(', ', coalesce(strftime(expires_at, '%Y-%m-%dT%H:%MZ'), 'unknown'), note),
    null
from tokens
order by acted_at desc nulls last, action, incident_id, subject, detail
limit $limit
